"""No search: every slot plays one sampled trajectory. With the instance filter it is the paper's baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ragen_tsr.search.per_slot import PerSlot
from ragen_tsr.search.types import Expansion, Node, SlotSearch


@dataclass(frozen=True)
class NoSearch(PerSlot):
    """One sample a turn for each live slot, in slot order: the very rows of RAGEN's own rollout.

    Calls: K. Responses per slot: K.
    """

    def one(self, root: Node, slot: int, horizon: int, rng: np.random.Generator) -> SlotSearch:
        node = root
        for _ in range(horizon):
            if node.done:
                break
            [[node]] = yield [Expansion(node, 1, slot)]
        return node

    def responses(self, L: int, horizon: int) -> int:
        """L * K."""
        return L * horizon
