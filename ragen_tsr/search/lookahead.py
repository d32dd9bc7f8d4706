"""Shallow lookahead (paper, section 3.2): commit a turn by what can be reached D turns from the prefix.

Why the schedule is what it is. A path of K turns found in K generation calls needs its level i sampled in
call i: levels are sampled one after another, each call adds at most one level to a path, and K levels in K
calls leave none to spare. So a live branch after call t stands at level t; one that stands higher can never
reach the horizon. Looking D turns ahead therefore means committing turn t-D+1 after call t, and keeping what
was sampled below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ragen_tsr.search.checks import at_least, one_of
from ragen_tsr.search.merging import merge
from ragen_tsr.search.per_slot import PerSlot
from ragen_tsr.search.preference import INVALID, RANK_BY, Preference, ranked
from ragen_tsr.search.types import Expansion, Node, SlotSearch, ancestor


@dataclass(frozen=True)
class Lookahead(PerSlot):
    """M candidates a turn, an inner tree down to depth D below each; the best reachable leaf decides.

    Call 1 samples M candidates; each further call samples ``inner`` children of every live leaf, one level
    deeper. After call t >= D, turn t-D+1 is committed and its siblings' trees are dropped. From call D+1 on
    the committed node's children are topped up to M: for D = 1 these are simply the next M candidates (greedy
    search); for D > 1 they stand D-1 levels above the other leaves, too late to reach the horizon, and stay
    only if they finish the episode. After the last call, or once no live leaf is left, the best leaf's path
    is committed to its end.

    Calls: K. Responses per slot: sum of M * inner**(t-1) over calls t <= min(D, K), and for each of the
    max(0, K-D) calls after: inner**D + max(0, M - inner) if D > 1, M if D = 1.
    """

    M: int
    """Candidates for each turn."""
    B: int
    """Samples at a node of the inner tree, unless ``inner`` says otherwise."""
    D: int
    """Turns looked at from the current prefix, the candidate's own included."""
    inner: int | None
    """Samples at a node of the inner tree; None: B."""
    rank_by: str
    """``accumulated`` or ``last``: which of a node's scores the order uses."""
    invalid: str
    """``last`` or ``as_scored``: see :mod:`ragen_tsr.search.preference`."""

    def __post_init__(self) -> None:
        for key in ("M", "B", "D"):
            at_least(key, getattr(self, key), 1)
        if self.inner is not None:
            at_least("inner", self.inner, 1)
        one_of("rank_by", self.rank_by, RANK_BY)
        one_of("invalid", self.invalid, INVALID)

    @property
    def branching(self) -> int:
        """Samples at a node of the inner tree."""
        return self.B if self.inner is None else self.inner

    def one(self, root: Node, slot: int, horizon: int, rng: np.random.Generator) -> SlotSearch:
        prefer = Preference(RANK_BY[self.rank_by], self.invalid)
        committed, leaves = root, [root]  # leaves: of the tree below the committed node
        for call in range(1, horizon + 1):
            live = [leaf for leaf in leaves if not leaf.done]
            if not live:
                break
            asks = [Expansion(leaf, self.branching, slot) for leaf in live if leaf is not committed]
            if call == 1 or call > self.D:
                candidates = self._by_candidate(committed, leaves)
                if len(candidates) < self.M:
                    asks.append(Expansion(committed, self.M - len(candidates), slot))
            families = yield asks
            children = [child for family in families for child in family]
            in_time = [child for child in children if child.done or child.depth == call]
            leaves = merge([leaf for leaf in leaves if leaf.done] + in_time, rng)
            if call >= self.D:
                candidates = self._by_candidate(committed, leaves)
                best_leaf = {candidate: max(map(prefer.key, below)) for candidate, below in candidates.items()}
                committed = ranked(best_leaf, best_leaf.__getitem__, rng)[0]
                leaves = candidates[committed]
        return prefer.ranked(leaves, rng)[0]

    @staticmethod
    def _by_candidate(committed: Node, leaves: list[Node]) -> dict[Node, list[Node]]:
        """The leaves below each child of the committed node."""
        candidates: dict[Node, list[Node]] = {}
        for leaf in leaves:
            if leaf is not committed:
                candidates.setdefault(ancestor(leaf, committed.depth + 1), []).append(leaf)
        return candidates

    def responses(self, L: int, horizon: int) -> int:
        """L times the slot's number in the class's description."""
        first = sum(self.M * self.branching**level for level in range(min(self.D, horizon)))
        later = self.M if self.D == 1 else self.branching**self.D + max(0, self.M - self.branching)
        return L * (first + max(0, horizon - self.D) * later)
