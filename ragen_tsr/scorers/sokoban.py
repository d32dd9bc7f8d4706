"""Sokoban's scorer: its rewards are immediate, so they guide the search themselves (paper, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ragen_tsr.scorers.registry import register
from ragen_tsr.scorers.types import EnvView, RankBy, Turn


@register("sokoban")
@dataclass(frozen=True)
class SokobanScorer:
    """The turn's environment reward plus the format penalty it incurred, summed over turns."""

    rank_by: ClassVar[RankBy] = "accumulated"

    def __call__(self, before: EnvView, turn: Turn, after: EnvView) -> float:
        return turn.reward + turn.penalty
