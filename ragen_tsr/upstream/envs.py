"""Whose environments a run on upstream RAGEN plays: the key ``env_engine``.

``fast`` puts this project's Sokoban and FrozenLake into upstream's registry; they take the same settings, give the same
rooms, maps, texts and rewards, and branch for next to nothing, where upstream's Sokoban draws a picture at each step.
``upstream`` plays upstream's own classes under the snapshots of :mod:`ragen_tsr.snapshots`. So does ``fast`` a type of
which a task is observed as images, since this project draws its own.

WebShop is another matter, since its two implementations do not take the same settings: ``fast`` plays this project's
where ``env_config`` has settings that only it takes (a catalogue of its own, seeds), and upstream's otherwise.
``upstream`` leaves those settings out, and needs the package ``webshop_minimal``.

Only registry and configuration are changed; the managers build what they find there.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from ragen_tsr import backend
from ragen_tsr.embedded import env as ours

logger = logging.getLogger(__name__)

INTERCHANGEABLE = ("sokoban", "frozen_lake")
"""Types whose two implementations take the same settings."""
WEBSHOP = "webshop"
CATALOGUES = ("small", "full")
"""What upstream's WebShop can be told to sell."""

_theirs: dict[str, tuple[Any, Any]] = {}
"""Upstream's classes, of the types that were replaced; None where upstream has registered none."""


def install_for(config: DictConfig) -> None:
    """Put the environments that ``config`` asks for into the registry; before a manager is built, in each process.

    Under ``upstream``, WebShop keeps of its settings those that upstream's takes: ``custom_envs`` is changed.

    Args:
        config: The composed configuration; reads ``env_engine``, ``custom_envs`` and ``es_manager``.

    Raises:
        ValueError: ``env_engine`` is none of :data:`ragen_tsr.backend.ENV_ENGINES`, or WebShop's catalogue or its
            package cannot be had; names the key, its value and what is allowed.
    """
    engine = config.env_engine
    if engine not in backend.ENV_ENGINES:
        raise ValueError(f"env_engine={engine!r}: must be one of {', '.join(backend.ENV_ENGINES)}")
    shops = list(_tags(config, WEBSHOP))
    replaced = [kind for kind in INTERCHANGEABLE if not _images(config, kind)] if engine == "fast" else []
    if engine == "fast" and any(_own_settings(config.custom_envs[tag]) for tag in shops):
        replaced.append(WEBSHOP)
    install(replaced)
    if shops and WEBSHOP not in replaced:
        _check_adapter(shops[0])
        for tag in shops:
            _leave_out_own_settings(config, tag)
    logger.info("environments of this project: %s", ", ".join(replaced) or "none")


def install(types: Iterable[str]) -> None:
    """Let the registry have this project's classes for these types, and upstream's for all others."""
    wanted = set(types)
    classes, configs = backend.REGISTERED_ENVS, backend.REGISTERED_ENV_CONFIGS
    for env_type in wanted - _theirs.keys():
        _theirs[env_type] = classes.get(env_type), configs.get(env_type)
    for env_type, (their_class, their_config) in _theirs.items():
        if env_type in wanted:
            classes[env_type], configs[env_type] = ours.REGISTERED_ENVS[env_type], ours.REGISTERED_ENV_CONFIGS[env_type]
        elif their_class is None:
            classes.pop(env_type, None), configs.pop(env_type, None)
        else:
            classes[env_type], configs[env_type] = their_class, their_config


def _tags(config: DictConfig, env_type: str) -> Iterator[str]:
    """The tags in use whose environment is of this type."""
    for tag in dict.fromkeys(tag for mode in ("train", "val") for tag in config.es_manager[mode].env_configs.tags):
        if tag in config.custom_envs and config.custom_envs[tag].env_type == env_type:
            yield tag


def _images(config: DictConfig, env_type: str) -> bool:
    """Whether a task of this type is observed as images."""
    settings = [config.custom_envs[tag].env_config or {} for tag in _tags(config, env_type)]
    return any(given.get("render_mode", "text") != "text" for given in settings)


def _own_settings(custom_env: DictConfig) -> list[str]:
    """The settings of a WebShop tag that only this project's takes."""
    return [key for key in custom_env.env_config or () if key in OWN_SETTINGS]


OWN_SETTINGS = frozenset(field.name for field in dataclasses.fields(ours.REGISTERED_ENV_CONFIGS[WEBSHOP])) - {
    "dataset",
    "observation_mode",
    "human_goals",
    "show_attrs",
}
"""Settings of WebShop that upstream's does not take."""


def _check_adapter(tag: str) -> None:
    if backend.REGISTERED_ENVS.get(WEBSHOP) is None:
        raise ValueError(
            f"custom_envs.{tag}.env_type={WEBSHOP!r}: upstream's environment needs the package webshop_minimal and "
            f"what it imports (docs/webshop.md), which cannot be imported here; env_engine=fast with this project's "
            f"config/env/webshop.yaml needs none of it"
        )


def _leave_out_own_settings(config: DictConfig, tag: str) -> None:
    custom_env = config.custom_envs[tag]
    dropped = _own_settings(custom_env)
    if dropped and custom_env.env_config.dataset not in CATALOGUES:
        raise ValueError(
            f"custom_envs.{tag}.env_config.dataset={custom_env.env_config.dataset!r}: must be one of "
            f"{', '.join(CATALOGUES)} with env_engine=upstream"
        )
    settings: Any = OmegaConf.to_container(custom_env.env_config, resolve=True) if dropped else None
    if settings is not None:
        with open_dict(config):
            custom_env.env_config = {key: value for key, value in settings.items() if key not in dropped}
