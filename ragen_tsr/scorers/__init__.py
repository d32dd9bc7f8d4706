"""Scorers: how desirable a turn was, by environment type. Importing this package registers the built-ins."""

from ragen_tsr.scorers.frozen_lake import FrozenLakeScorer
from ragen_tsr.scorers.registry import SCORERS, register, resolve
from ragen_tsr.scorers.sokoban import SokobanScorer
from ragen_tsr.scorers.types import EnvView, RankBy, Scorer, Turn
from ragen_tsr.scorers.webshop import WebShopScorer

__all__ = [
    "SCORERS",
    "EnvView",
    "FrozenLakeScorer",
    "RankBy",
    "Scorer",
    "SokobanScorer",
    "Turn",
    "WebShopScorer",
    "register",
    "resolve",
]
