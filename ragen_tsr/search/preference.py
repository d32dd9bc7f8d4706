"""Which of two nodes is preferred: the one order of every strategy, for pruning and for the final choice.

1. success;
2. fewer idle turns on the path (only under ``invalid="last"``): among siblings, a turn that executed no
   action ranks below every one that did; between branches of different parents, and for whole trajectories,
   the same rule counts;
3. live before finished without success;
4. the search score, as ``rank_by`` says;
5. a draw, made afresh for each choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ragen_tsr.search.types import Node

T = TypeVar("T")
Key = tuple[bool, int, bool, float]

RANK_BY: dict[str, Callable[[Node], float]] = {
    "accumulated": lambda node: node.accumulated,
    "last": lambda node: node.score,
}
"""What a scorer's values are ranked by: their sum over the path, or the latest one alone."""

INVALID = ("last", "as_scored")
"""Where a turn that executed no action stands: below its siblings, or where its score puts it."""


def by_return(node: Node) -> float:
    """The environment's own return, which ranks whole trajectories (paper, equation 7)."""
    return node.return_


@dataclass(frozen=True)
class Preference:
    """An order of nodes. Two nodes with equal keys are tied, and only a draw parts them."""

    score: Callable[[Node], float]
    invalid: str

    def key(self, node: Node) -> Key:
        """The larger, the more preferred."""
        idle = node.idle_turns if self.invalid == "last" else 0
        return node.success, -idle, node.success or not node.done, self.score(node)

    def ranked(self, nodes: Iterable[Node], rng: np.random.Generator) -> list[Node]:
        """Most preferred first."""
        return ranked(nodes, self.key, rng)


def ranked(items: Iterable[T], key: Callable[[T], Key], rng: np.random.Generator) -> list[T]:
    """The items in falling order of ``key``, ties in random order. Draws one number an item."""
    items = list(items)
    draws = rng.random(len(items))
    order = sorted(range(len(items)), key=lambda i: (key(items[i]), draws[i]), reverse=True)
    return [items[i] for i in order]
