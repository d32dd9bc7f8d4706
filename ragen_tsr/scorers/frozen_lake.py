"""FrozenLake's scorer: nearer to the goal is better, a hole is worst (paper, equation 14)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeState
from ragen_tsr.embedded.env.frozen_lake.lake import HOLE
from ragen_tsr.scorers.registry import register
from ragen_tsr.scorers.types import EnvView, RankBy, Turn


@register("frozen_lake")
@dataclass(frozen=True)
class FrozenLakeScorer:
    """``-d - lambda * [in a hole]``, d being the Manhattan distance from the goal after the turn.

    Raises ``ValueError`` unless ``hole_penalty`` is None or a finite number above 0.
    """

    rank_by: ClassVar[RankBy] = "last"

    hole_penalty: float | None = None
    """The paper's lambda. None: the largest distance that a map of this size has, ``2 * (size - 1)``. Then every hole,
    which is at least one step from the goal, ranks below every safe cell."""

    def __post_init__(self) -> None:
        given = self.hole_penalty
        if given is None:
            return
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
            raise ValueError(f"hole_penalty={given!r}: allowed are None (from the size) and finite numbers above 0")

    def __call__(self, before: EnvView, turn: Turn, after: EnvView) -> float:
        state = after.snapshot
        if not isinstance(state, FrozenLakeState):
            raise TypeError(f"the frozen_lake scorer needs a FrozenLakeState as snapshot, not {type(state).__name__}")
        score = -float(state.lake.distance_to_goal(state.cell))
        if state.lake.tiles[state.cell] == HOLE:
            score -= 2 * (state.lake.rules.size - 1) if self.hole_penalty is None else self.hole_penalty
        return score
