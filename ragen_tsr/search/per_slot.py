"""Strategies that search each of a group's L slots on its own: L independent searches in lockstep."""

from __future__ import annotations

from abc import ABC, abstractmethod

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
