"""Per-turn beam search (paper, section 3.2, equation 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ragen_tsr.search.checks import at_least, one_of
from ragen_tsr.search.merging import merge
from ragen_tsr.search.per_slot import PerSlot
from ragen_tsr.search.preference import INVALID, RANK_BY, Preference
from ragen_tsr.search.types import Expansion, Node, SlotSearch


@dataclass(frozen=True)
class Beam(PerSlot):
    """Each turn: M candidates of every live beam; candidates and finished beams compete for B places.

    Finished nodes hold their place while preferred, and are not expanded. A search ends with its last live
    beam, not with its first success: a longer path may still be preferred, so a beam wider than the tree
    finds the optimum.

    Calls: K. Responses per slot: M * sum over t < K of min(B, M**t), which is M * (1 + B * (K - 1)) for B <=
        M.
    """

    M: int
    """Candidates sampled for each beam."""
    B: int
    """Beams kept after each turn."""
    rank_by: str
    """``accumulated`` or ``last``: which of a node's scores the order uses."""
    invalid: str
    """``last`` or ``as_scored``: see :mod:`ragen_tsr.search.preference`."""

    def __post_init__(self) -> None:
        at_least("M", self.M, 1)
        at_least("B", self.B, 1)
        one_of("rank_by", self.rank_by, RANK_BY)
        one_of("invalid", self.invalid, INVALID)

    def one(self, root: Node, slot: int, horizon: int, rng: np.random.Generator) -> SlotSearch:
        prefer = Preference(RANK_BY[self.rank_by], self.invalid)
        beams = [root]
        for _ in range(horizon):
            live = [beam for beam in beams if not beam.done]
            if not live:
                break
            families = yield [Expansion(beam, self.M, slot) for beam in live]
            pool = [beam for beam in beams if beam.done] + [child for family in families for child in family]
            beams = prefer.ranked(merge(pool, rng), rng)[: self.B]
        return beams[0]

    def responses(self, L: int, horizon: int) -> int:
        """L * M * sum over t < K of min(B, M**t)."""
        return L * self.M * sum(min(self.B, self.M**turn) for turn in range(horizon))
