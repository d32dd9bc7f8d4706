"""FrozenLake's scorer: nearer to the goal is better, a hole is worst (paper, equation 14).

Reads the snapshot, of this project's environment or of upstream's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeState
from ragen_tsr.scorers.registry import register
from ragen_tsr.scorers.types import EnvView, RankBy, Turn
from ragen_tsr.snapshots.upstream_frozen_lake import UpstreamFrozenLakeState

STATES = (FrozenLakeState, UpstreamFrozenLakeState)


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
        if not isinstance(state, STATES):
            allowed = " or ".join(known.__name__ for known in STATES)
            raise TypeError(f"the frozen_lake scorer needs a {allowed} as snapshot, not {type(state).__name__}")
        score = -float(state.distance_to_goal)
        if state.in_hole:
            score -= 2 * (state.size - 1) if self.hole_penalty is None else self.hole_penalty
        return score
