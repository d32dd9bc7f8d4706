"""Environment registry of the embedded runtime.

Decides which class and which configuration an ``env_type`` of the configuration stands for. The two
mappings have upstream's names and are read by the environment manager; :func:`register_env` is how
the author of a new task adds one.
"""

from __future__ import annotations

from typing import Any

from .base import BaseDiscreteActionEnv, BaseEnv, BaseLanguageBasedEnv
from .frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig
from .sokoban import SokobanEnv, SokobanEnvConfig
from .webshop import WebShopEnv, WebShopEnvConfig

REGISTERED_ENVS: dict[str, type[Any]] = {}
REGISTERED_ENV_CONFIGS: dict[str, type[Any]] = {}


def register_env(env_type: str, env_class: type[Any], config_class: type[Any]) -> None:
    """Make ``env_type`` usable in ``custom_envs.<tag>.env_type``.

    ``config_class(**env_config)`` builds the configuration and ``env_class(config)`` the environment.
    Registering the same pair twice is harmless; another pair under a taken name is a ``ValueError``.
    """
    taken = (REGISTERED_ENVS.get(env_type), REGISTERED_ENV_CONFIGS.get(env_type))
    if taken not in {(None, None), (env_class, config_class)}:
        raise ValueError(f"env_type={env_type!r} is already registered for {taken[0]!r}; choose another name")
    REGISTERED_ENVS[env_type] = env_class
    REGISTERED_ENV_CONFIGS[env_type] = config_class


register_env("sokoban", SokobanEnv, SokobanEnvConfig)
register_env("frozen_lake", FrozenLakeEnv, FrozenLakeEnvConfig)
register_env("webshop", WebShopEnv, WebShopEnvConfig)

__all__ = [
    "REGISTERED_ENVS",
    "REGISTERED_ENV_CONFIGS",
    "BaseDiscreteActionEnv",
    "BaseEnv",
    "BaseLanguageBasedEnv",
    "register_env",
]
