"""Strategies that search each of a group's L slots on its own: L independent searches in lockstep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ragen_tsr.search.checks import at_least
from ragen_tsr.search.lockstep import lockstep
from ragen_tsr.search.types import Node, Search, SlotSearch, is_redraw


class PerSlot(ABC):
    """A strategy whose subclass says how one slot is searched (:meth:`one`) and what that costs."""

    @abstractmethod
    def one(self, root: Node, slot: int, horizon: int, rng: np.random.Generator) -> SlotSearch:
        """Search slot ``slot`` alone; ``rng`` is this slot's own."""

    def calls(self, horizon: int) -> int:
        """Every call samples one new level of the tree: K calls."""
        return horizon

    @abstractmethod
    def responses(self, L: int, horizon: int) -> int:
        """Responses of a group when nothing finishes early and nothing merges."""

    def check(self, L: int) -> None:
        """Any group size will do."""
        at_least("L", L, 1)

    def search(self, root: Node, L: int, horizon: int, rng: np.random.Generator) -> Search:
        """L searches from one root; each has its own ``rng``, so none depends on the progress of another."""
        self.check(L)
        at_least("horizon", horizon, 1)
        return lockstep([self.one(root, slot, horizon, own) for slot, own in enumerate(rng.spawn(L))], is_redraw)


@dataclass(frozen=True)
class Mixed(PerSlot):
    """The first ``slots`` slots of a group are searched by ``inner``, the others by ``rest``."""

    inner: PerSlot
    rest: PerSlot
    slots: int

    def __post_init__(self) -> None:
        at_least("slots", self.slots, 0)

    def check(self, L: int) -> None:
        """``slots`` may not exceed the group.

        Raises:
            ValueError: If it does.
        """
        super().check(L)
        if self.slots > L:
            raise ValueError(f"search.slots={self.slots}: must be at most the group size L={L}")

    def one(self, root: Node, slot: int, horizon: int, rng: np.random.Generator) -> SlotSearch:
        return (self.inner if slot < self.slots else self.rest).one(root, slot, horizon, rng)

    def calls(self, horizon: int) -> int:
        """As many as the one of the two that needs more."""
        return max(self.inner.calls(horizon) if self.slots else 0, self.rest.calls(horizon))

    def responses(self, L: int, horizon: int) -> int:
        return self.inner.responses(self.slots, horizon) + self.rest.responses(L - self.slots, horizon)
