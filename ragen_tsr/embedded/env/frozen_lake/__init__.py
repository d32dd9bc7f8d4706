"""FrozenLake: our own engine, with upstream RAGEN's maps, slips, rewards and texts."""

from .config import FrozenLakeEnvConfig
from .env import FrozenLakeEnv, FrozenLakeState

__all__ = ["FrozenLakeEnv", "FrozenLakeEnvConfig", "FrozenLakeState"]
