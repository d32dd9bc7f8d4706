"""From the one block of search keys in upstream's ``base.yaml`` to those of the chosen method.

Our own configuration has a file for each method (``config/search/``), so a key that the method lacks is not there to be
set. In a patched checkout the block holds the keys of all methods, and the method is a value. Here the others are taken
away, or refused where they were set. Whether the rest can work is decided by :mod:`ragen_tsr.config_checks`.
"""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from ragen_tsr.config import CONFIG_DIR, ConfigError, options

GROUP = "search"


def method_defaults(method: str) -> dict[str, Any]:
    """The keys of a method with their defaults, as ``config/search/METHOD.yaml`` says; interpolations unresolved."""
    loaded = OmegaConf.load(CONFIG_DIR / GROUP / f"{method}.yaml")
    return OmegaConf.to_container(loaded, resolve=False)  # type: ignore[return-value]


def block_defaults() -> dict[str, Any]:
    """The keys of all methods, each with the default that it has wherever it stands; what is computed is null."""
    every = {key: value for method in options(GROUP) for key, value in method_defaults(method).items()}
    computed = (key for key, value in every.items() if isinstance(value, str) and value.startswith("${"))
    return every | dict.fromkeys(computed) | {"name": "none"}


def keep_methods_own(config: DictConfig) -> None:
    """Leave in ``config.search`` the keys of ``search.name`` alone, and compute what is null and has a formula.

    Raises:
        ConfigError: There is no such method, or a key was set that it does not have; names the key, the value and what
            is allowed.
    """
    given: dict[str, Any] = OmegaConf.to_container(config.search, resolve=True)  # type: ignore[assignment]
    method = given.get("name")
    if method not in options(GROUP):
        raise ConfigError(f"search.name={method!r}: must be one of {', '.join(options(GROUP))}")
    own, every = method_defaults(method), block_defaults()
    for key, value in given.items():
        if key not in own and (key not in every or value != every[key]):
            raise ConfigError(f"search.{key}={value!r}: no key of {method}, which has {', '.join(own)}")
    missing = [key for key in own if key not in given]
    if missing:
        raise ConfigError(f"search.{missing[0]} is missing: {method} needs {', '.join(own)}")
    kept = {key: given[key] for key in own}
    for key, value in kept.items():
        if value is None and own[key] is not None:
            kept[key] = own[key]
    with open_dict(config):
        config.search = kept
        config.search = OmegaConf.to_container(config.search, resolve=True)
