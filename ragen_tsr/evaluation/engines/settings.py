"""What may stand under the key ``engine``, and the refusal of everything else.

Decides which keys each engine has and whether their values, and this machine, can work. The defaults stand in
``config/engine/``. Building an engine is left to :mod:`ragen_tsr.evaluation.engines`.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar
from urllib.parse import urlsplit

from omegaconf import DictConfig, OmegaConf

from ragen_tsr.platform import device_name, has_accelerator

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "bfloat16", "float16")
LENGTH_KEYS = ("max_tokens", "max_completion_tokens")
SECRETS = ("api_key", "authorization", "headers", "extra_headers")
"""Fields of a request that would hold a key."""
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""Names of environment variables that are accepted: a key given instead of a name fails this, and is not repeated."""


@dataclass(frozen=True)
class HFSettings:
    """``engine=hf``; see ``config/engine/hf.yaml``."""

    name: ClassVar[str] = "hf"
    device: str
    dtype: str | None

    def __post_init__(self) -> None:
        _one_of("device", self.device, DEVICES)
        _one_of("dtype", self.dtype, (*DTYPES, None))

    @property
    def torch_device(self) -> str:
        """Where the model is put."""
        return device_name() if self.device == "auto" else self.device

    def check_machine(self) -> None:
        """Raises ValueError where the device is not there."""
        if self.device == "cuda" and device_name() != "cuda":
            raise ValueError("engine.device='cuda': no GPU was found; use engine.device=auto")


@dataclass(frozen=True)
class VLLMSettings:
    """``engine=vllm``; see ``config/engine/vllm.yaml``."""

    name: ClassVar[str] = "vllm"
    dtype: str | None
    tensor_parallel_size: int
    gpu_memory_utilization: float
    cpu_cache_gib: int
    enforce_eager: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        _one_of("dtype", self.dtype, (*DTYPES, None))
        _one_of("enforce_eager", self.enforce_eager, (True, False))
        _integer("tensor_parallel_size", self.tensor_parallel_size, 1)
        _integer("cpu_cache_gib", self.cpu_cache_gib, 1)
        if not _is_number(self.gpu_memory_utilization) or not 0 < self.gpu_memory_utilization <= 1:
            raise ValueError(f"engine.gpu_memory_utilization={self.gpu_memory_utilization!r}: must be in (0, 1]")
        _mapping("options", self.options)

    def check_machine(self) -> None:
        """Raises ValueError where vLLM is not installed."""
        if importlib.util.find_spec("vllm") is None:
            way = "pip install -e '.[gpu]'" if has_accelerator() else "on a CPU it needs an environment of its own"
            raise ValueError(f"engine='vllm': vLLM is not installed; {way} (docs/engines.md)")


@dataclass(frozen=True)
class APISettings:
    """``engine=api``; see ``config/engine/api.yaml``. Never holds the key, only the name of its variable."""

    name: ClassVar[str] = "api"
    model: str
    base_url: str
    api_key_variable: str | None
    tokenizer: str
    concurrency: int
    timeout: float
    retries: int
    longest_wait: float
    prefill: bool
    seed: bool
    length_key: str
    extra: Mapping[str, Any]

    def __post_init__(self) -> None:
        for key in ("model", "tokenizer"):
            if not isinstance(value := getattr(self, key), str) or not value:
                raise ValueError(f"engine.{key}={value!r}: must be a name")
        _check_url(self.base_url)
        if self.api_key_variable is not None and not (
            isinstance(self.api_key_variable, str) and VARIABLE.fullmatch(self.api_key_variable)
        ):
            raise ValueError(
                "engine.api_key_variable: must be the name of an environment variable (capitals, digits, _), or null; "
                "its value is not repeated here, since it may be the key itself"
            )
        _integer("concurrency", self.concurrency, 1)
        _integer("retries", self.retries, 0)
        for key in ("timeout", "longest_wait"):
            if not _is_number(value := getattr(self, key)) or value <= 0:
                raise ValueError(f"engine.{key}={value!r}: must be a number of seconds > 0")
        for key in ("prefill", "seed"):
            _one_of(key, getattr(self, key), (True, False))
        _one_of("length_key", self.length_key, LENGTH_KEYS)
        _mapping("extra", self.extra)
        for name in self.extra:
            if str(name).lower() in SECRETS:
                raise ValueError(
                    f"engine.extra.{name}: what stands here is saved; a key is given by engine.api_key_variable"
                )

    def key(self) -> str | None:
        """The key, out of the environment; None where the server wants none.

        Raises:
            ValueError: The variable is not set, or holds what cannot be a key.
        """
        if self.api_key_variable is None:
            return None
        value = os.environ.get(self.api_key_variable, "").strip()
        if not value:
            raise ValueError(
                f"engine.api_key_variable={self.api_key_variable!r}: this environment variable is not set; "
                "put the server's key there, or give engine.api_key_variable=null"
            )
        if not (value.isascii() and value.isprintable()) or " " in value:
            # A header cannot carry it, and the error that says so would repeat it.
            raise ValueError(
                f"engine.api_key_variable={self.api_key_variable!r}: the value of this environment variable is no key: "
                "it has blanks or characters outside of ASCII"
            )
        return value

    def check_machine(self) -> None:
        """Raises ValueError where there is no key."""
        self.key()


Settings = HFSettings | VLLMSettings | APISettings
KINDS: dict[str, type[Settings]] = {kind.name: kind for kind in (HFSettings, VLLMSettings, APISettings)}


def engine_settings(config: DictConfig) -> Settings:
    """The checked settings under ``config.engine``.

    Raises:
        ValueError: An unknown engine, an unknown or missing key, or a value that cannot work.
    """
    missing = OmegaConf.missing_keys(config.engine)
    if missing:
        raise ValueError(f"engine.{min(missing)}: must be given")
    given: dict[str, Any] = OmegaConf.to_container(config.engine, resolve=True)  # type: ignore[assignment]
    name = given.pop("name", None)
    _one_of("name", name, tuple(KINDS))
    kind = KINDS[name]
    known = [item.name for item in fields(kind)]
    for key in given:
        if key not in known:
            raise ValueError(f"engine.{key}: no key of {name}, which has {', '.join(known)}")
    for key in known:
        if key not in given:
            raise ValueError(f"engine.{key} is missing: {name} needs {', '.join(known)}")
    settings = kind(**given)
    if isinstance(settings, APISettings):
        for key in ("top_k", "val_kwargs.top_k"):
            if (value := OmegaConf.select(config, f"actor_rollout_ref.rollout.{key}")) > 0:
                raise ValueError(
                    f"actor_rollout_ref.rollout.{key}={value}: chat completions have no such parameter; "
                    f"where the server knows it, give +engine.extra.top_k={value}"
                )
    return settings


def _check_url(url: str) -> None:
    """Refuse what is no http address; one that holds a password is not repeated."""
    wanted = "must be http(s)://HOST[:PORT][/PATH], without user, password or query"
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(f"engine.base_url: {wanted}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"engine.base_url={url!r}: {wanted}")


def _one_of(key: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if not any(value is one or (isinstance(one, str) and value == one) for one in allowed):
        names = ", ".join("null" if one is None else str(one).lower() for one in allowed)
        raise ValueError(f"engine.{key}={value!r}: must be one of {names}")


def _integer(key: str, value: Any, least: int) -> None:
    if type(value) is not int or value < least:
        raise ValueError(f"engine.{key}={value!r}: must be an integer >= {least}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _mapping(key: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"engine.{key}={value!r}: must be a mapping")
