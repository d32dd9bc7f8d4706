"""Best of N: sample N complete trajectories, keep the L best (paper, section 3.2, equation 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ragen_tsr.search.checks import at_least, one_of
from ragen_tsr.search.lockstep import lockstep
from ragen_tsr.search.none import NoSearch
from ragen_tsr.search.preference import INVALID, Preference, by_return
from ragen_tsr.search.types import Node, Search, is_redraw


@dataclass(frozen=True)
class BestOfN:
    """N trajectories a group, trajectory j as a branch of slot j mod L; the L most preferred, in sampling
    order.

    The search score is the environment's return. With N = L all are kept and nothing differs from ``none``.

    Calls: K. Responses per slot: K * N / L.
    """

    N: int
    """Trajectories sampled per group, at least L."""
    invalid: str
    """``last`` or ``as_scored``: see :mod:`ragen_tsr.search.preference`."""

    def __post_init__(self) -> None:
        at_least("N", self.N, 1)
        one_of("invalid", self.invalid, INVALID)

    def check(self, L: int) -> None:
        """N must suffice for the group.

        Raises:
            ValueError: If N < L.
        """
        at_least("L", L, 1)
        if self.N < L:
            raise ValueError(f"search.N={self.N}: must be at least the L={L} slots that it fills")

    def search(self, root: Node, L: int, horizon: int, rng: np.random.Generator) -> Search:
        """See :class:`~ragen_tsr.search.types.Strategy`."""
        self.check(L)
        at_least("horizon", horizon, 1)
        return self._search(root, L, horizon, rng)

    def _search(self, root: Node, L: int, horizon: int, rng: np.random.Generator) -> Search:
        leaves = yield from lockstep([NoSearch().one(root, j % L, horizon, rng) for j in range(self.N)], is_redraw)
        kept = set(Preference(by_return, self.invalid).ranked(leaves, rng)[:L])
        return [leaf for leaf in leaves if leaf in kept]

    def calls(self, horizon: int) -> int:
        """K."""
        return horizon

    def responses(self, L: int, horizon: int) -> int:
        """K * N."""
        return horizon * self.N
