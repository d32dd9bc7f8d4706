"""Some slots of a group searched, the others sampled plainly: contrast for what is learnt from a group."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ragen_tsr.search.checks import at_least
from ragen_tsr.search.lockstep import lockstep
from ragen_tsr.search.per_slot import PerSlot
from ragen_tsr.search.types import Node, Search, Strategy, is_redraw


@dataclass(frozen=True)
class Mixed:
    """The first ``slots`` slots of a group are searched by ``inner`` as if they were the group, the others by ``rest``.

    What is sampled for the others is what ``rest`` alone would have sampled for them. With ``slots`` = L nothing
    differs from ``inner``.

    Calls: the larger number of the two. Responses: ``inner``'s for ``slots`` slots, ``rest``'s for L - ``slots``.
    """

    inner: Strategy
    rest: PerSlot
    slots: int

    def __post_init__(self) -> None:
        at_least("slots", self.slots, 1)

    def check(self, L: int) -> None:
        """``slots`` may not exceed the group, and must suit ``inner``.

        Raises:
            ValueError: If it does, or does not.
        """
        at_least("L", L, 1)
        if self.slots > L:
            raise ValueError(f"search.slots={self.slots}: must be at most the group size L={L}")
        self.inner.check(self.slots)

    def search(self, root: Node, L: int, horizon: int, rng: np.random.Generator) -> Search:
        """See :class:`~ragen_tsr.search.types.Strategy`."""
        self.check(L)
        searched: Generator[Any, Any, Any] = self.inner.search(root, self.slots, horizon, rng)
        # rng was spawned from once for each searched slot, or never: spawning on leaves every stream its own
        others = enumerate(rng.spawn(L - self.slots), start=self.slots)
        plain = [self.rest.one(root, slot, horizon, own) for slot, own in others]
        return self._search(searched, plain)

    def _search(self, searched: Generator[Any, Any, Any], plain: list[Any]) -> Search:
        chosen, *others = yield from lockstep([searched, *plain], is_redraw)
        return [*chosen, *others]

    def calls(self, horizon: int) -> int:
        """As many as the one of the two that needs more."""
        return max(self.inner.calls(horizon), self.rest.calls(horizon))

    def responses(self, L: int, horizon: int) -> int:
        """Those of ``slots`` searched slots and of L - ``slots`` others."""
        return self.inner.responses(self.slots, horizon) + self.rest.responses(L - self.slots, horizon)
