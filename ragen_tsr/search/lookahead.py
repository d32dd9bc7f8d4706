"""Shallow lookahead (paper, section 3.2): commit a turn by what can be reached D turns from the prefix.

Why the schedule is what it is. A path of K turns found in K generation calls needs its level i sampled in
call i: levels are sampled one after another, each call adds at most one level to a path, and K levels in K
calls leave none to spare. So a live branch after call t stands at level t; one that stands higher can never
reach the horizon. Looking D turns ahead therefore means committing turn t-D+1 after call t, and keeping what
was sampled below it.

With ``redraw`` a committed turn does not keep the noise that the search saw, so that the search cannot commit
luck it has seen. Where the turn ends otherwise under fresh noise, what was sampled below it belongs to a
state that was not reached: the tree is sampled anew below the one that was, which costs calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ragen_tsr.search.checks import at_least, is_bool, one_of
from ragen_tsr.search.merging import merge
from ragen_tsr.search.per_slot import PerSlot
from ragen_tsr.search.preference import INVALID, RANK_BY, Preference, ranked
from ragen_tsr.search.types import Ask, Expansion, Fate, Node, Redraw, SlotSearch, ancestor


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

    With ``redraw``, turns are committed one at a time to the end of the path, each with its noise drawn
    again. The same outcome keeps the subtree, as does one that a sibling with the same actions has had (the
    sibling's). Any other is the root of a new tree of min(D, turns left) levels, M candidates wide.

    Calls with ``redraw``: K if every outcome is kept, sum over t <= K of min(D, t) at most, which is D * K -
    D * (D-1) / 2 for D <= K. Responses per slot, at most: the first tree, and for each of the K-1 turns after
    it, n turns before the horizon, the more of a new tree (sum of M * inner**(t-1) over t <= min(D, n)) and,
    if n >= D > 1, one more level of the kept one (inner**D + max(0, M - inner)).
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
    redraw: bool
    """Draw the noise of every committed turn again, instead of committing what was seen."""

    def __post_init__(self) -> None:
        for key in ("M", "B", "D"):
            at_least(key, getattr(self, key), 1)
        if self.inner is not None:
            at_least("inner", self.inner, 1)
        one_of("rank_by", self.rank_by, RANK_BY)
        one_of("invalid", self.invalid, INVALID)
        is_bool("redraw", self.redraw)

    @property
    def branching(self) -> int:
        """Samples at a node of the inner tree."""
        return self.B if self.inner is None else self.inner

    def one(self, root: Node, slot: int, horizon: int, rng: np.random.Generator) -> SlotSearch:
        prefer = Preference(RANK_BY[self.rank_by], self.invalid)
        committed, leaves = root, [root]  # leaves: of the tree below the committed node
        level, kept = 0, False  # turns from the root to the live leaves; the tree was there before the commitment
        while True:
            live = [leaf for leaf in leaves if not leaf.done]
            if live and level < min(horizon, committed.depth + self.D):
                level += 1
                asks: list[Ask] = [Expansion(leaf, self.branching, slot) for leaf in live if leaf is not committed]
                if kept or not asks:
                    missing = self.M - len(self._by_candidate(committed, leaves))
                    asks += [Expansion(committed, missing, slot)] * (missing > 0)
                families = yield asks
                children = [child for family in families for child in family]
                in_time = [child for child in children if child.done or child.depth == level]
                leaves = merge([leaf for leaf in leaves if leaf.done] + in_time, rng)
            elif level >= committed.depth + self.D or (self.redraw and leaves != [committed]):
                candidates = self._by_candidate(committed, leaves)
                best_leaf = {candidate: max(map(prefer.key, below)) for candidate, below in candidates.items()}
                committed = ranked(best_leaf, best_leaf.__getitem__, rng)[0]
                if self.redraw:
                    [[outcome]] = yield [Redraw(committed, slot)]
                    committed = self._expanded(outcome, candidates)
                kept = committed in candidates
                leaves = candidates[committed] if kept else [committed]
                level = level if kept else committed.depth
            else:
                return prefer.ranked(leaves, rng)[0]

    @staticmethod
    def _by_candidate(committed: Node, leaves: list[Node]) -> dict[Node, list[Node]]:
        """The leaves below each child of the committed node."""
        candidates: dict[Node, list[Node]] = {}
        for leaf in leaves:
            if leaf is not committed:
                candidates.setdefault(ancestor(leaf, committed.depth + 1), []).append(leaf)
        return candidates

    @staticmethod
    def _expanded(outcome: Node, candidates: dict[Node, list[Node]]) -> Node:
        """The candidate that equals ``outcome``, which is merged into it; ``outcome`` itself if none does."""
        for candidate in candidates:
            if candidate is outcome:
                return candidate
            if outcome.merge_key is not None and candidate.merge_key == outcome.merge_key:
                outcome.fate = Fate.MERGED
                return candidate
        return outcome

    def calls(self, horizon: int) -> int:
        """K; with ``redraw`` the most there can be, a new tree for every turn."""
        return sum(min(self.D, left) for left in range(1, horizon + 1)) if self.redraw else horizon

    def responses(self, L: int, horizon: int) -> int:
        """L times the slot's number in the class's description."""
        first = self._tree(min(self.D, horizon))
        kept = self.M if self.D == 1 else self.branching**self.D + max(0, self.M - self.branching)
        if not self.redraw:
            return L * (first + max(0, horizon - self.D) * kept)
        after = [max(self._tree(min(self.D, left)), kept * (left >= self.D)) for left in range(1, horizon)]
        return L * (first + sum(after))

    def _tree(self, levels: int) -> int:
        """Responses of a tree of so many levels."""
        return sum(self.M * self.branching**level for level in range(levels))
