"""Sokoban: our own engine, with upstream RAGEN's rooms, rewards and texts."""

from .config import SokobanEnvConfig
from .env import SokobanEnv, SokobanState
from .solver import get_shortest_action_path

__all__ = ["SokobanEnv", "SokobanEnvConfig", "SokobanState", "get_shortest_action_path"]
