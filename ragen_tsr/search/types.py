"""What flows between a strategy and whoever samples for it: nodes, expansions, and the generator's signature.

A node is one turn of one branch, reduced to what a choice may depend on: scores, rewards, flags and the shape
of the tree. What the node stands for (history, environment snapshot) is in ``payload``, which no strategy
opens.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Generator, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np


class Fate(str, enum.Enum):
    """What became of a node, once its search is over (until then: ``LIVE``, or ``MERGED``)."""

    LIVE = "live"
    """The search still runs."""
    PRUNED = "pruned"
    """Sampled, and not on a committed path."""
    MERGED = "merged"
    """Equal to another node of its search, which was kept instead."""
    CHOSEN = "chosen"
    """On a committed path."""


@dataclass(eq=False, slots=True)
class Node:
    """A branch after one of its turns. Compared by identity; made by :meth:`root` and :meth:`child`."""

    parent: Node | None = field(repr=False)
    """The branch one turn earlier; None for a root."""
    depth: int
    """Turns from the root (root: 0)."""
    slot: int
    """Which of the group's L slots this branch belongs to."""
    score: float
    """The scorer's value S of this turn."""
    accumulated: float
    """Sum of the scores from the root."""
    reward: float
    """The environment's reward for this turn."""
    return_: float
    """Sum of the environment's rewards from the root."""
    done: bool
    """The episode is over: nothing can follow."""
    success: bool
    """The episode's task is solved."""
    executed: bool
    """This turn executed at least one action (root: True)."""
    idle_turns: int
    """Turns from the root that executed none."""
    merge_key: Hashable | None
    """Nodes of one search with equal keys are equal; None equals nothing."""
    payload: Any = field(repr=False)
    """What the node stands for; opaque here."""
    fate: Fate = Fate.LIVE

    @classmethod
    def root(cls, payload: Any = None, *, done: bool = False, success: bool = False) -> Node:
        """The start state of a group, before any turn; all of the group's slots share it."""
        return cls(
            parent=None,
            depth=0,
            slot=0,
            score=0.0,
            accumulated=0.0,
            reward=0.0,
            return_=0.0,
            done=done,
            success=success,
            executed=True,
            idle_turns=0,
            merge_key=None,
            payload=payload,
        )

    def child(
        self,
        *,
        slot: int,
        score: float,
        reward: float,
        done: bool,
        success: bool,
        executed: bool,
        merge_key: Hashable | None = None,
        payload: Any = None,
    ) -> Node:
        """This branch after one more turn; sums and counts follow from the parent's.

        Raises:
            ValueError: If the score is not a number, which has no place in any order.
        """
        if math.isnan(score):
            raise ValueError(f"the score of a turn at depth {self.depth + 1} is nan: a scorer must give a number")
        return Node(
            parent=self,
            depth=self.depth + 1,
            slot=slot,
            score=score,
            accumulated=self.accumulated + score,
            reward=reward,
            return_=self.return_ + reward,
            done=done,
            success=success,
            executed=executed,
            idle_turns=self.idle_turns + (not executed),
            merge_key=merge_key,
            payload=payload,
        )


@dataclass(frozen=True)
class Expansion:
    """A wish: sample ``samples`` next turns of ``node``, for the search of slot ``slot``."""

    node: Node
    samples: int
    slot: int


@dataclass(frozen=True)
class Redraw:
    """A wish: play the turn that led to ``node`` again, with fresh noise, for the search of slot ``slot``.

    Costs environment steps and no generation. The answer is a family of one: ``node`` itself if the outcome
    is the same, else a new node below the same parent, with nothing below it yet.
    """

    node: Node
    slot: int
    samples: ClassVar[int] = 1


Ask = Expansion | Redraw


def is_redraw(ask: Ask) -> bool:
    """Whether a wish needs no generation."""
    return isinstance(ask, Redraw)


Search = Generator[list[Ask], list[list[Node]], list[Node]]
"""The search of a group. Each yield is one turn (one generation call): the expansions wanted, never none; or
redraws alone, which are answered at once and no turn. It is sent one list of nodes per wish, in the same
order. It returns L leaves; leaf i is committed to slot i."""

SlotSearch = Generator[list[Ask], list[list[Node]], Node]
"""The search of one slot: the same conversation, ending in one leaf."""


class Strategy(Protocol):
    """How a group is searched: a frozen dataclass whose fields are the keys of its configuration."""

    def check(self, L: int) -> None:
        """Refuse a group size that this strategy cannot serve.

        Raises:
            ValueError: Naming the key, its value and what is allowed.
        """
        ...

    def search(self, root: Node, L: int, horizon: int, rng: np.random.Generator) -> Search:
        """Start a search of at most ``horizon`` turns below ``root``; draws from ``rng`` break ties."""
        ...

    def calls(self, horizon: int) -> int:
        """Generation calls that a search makes at most; the call of this number is announced as the last."""
        ...

    def responses(self, L: int, horizon: int) -> int:
        """Responses of a group when no branch finishes early and nothing merges: the most there can be."""
        ...


def path(node: Node) -> list[Node]:
    """The nodes from the root to ``node``, both included."""
    nodes = [node]
    while nodes[-1].parent is not None:
        nodes.append(nodes[-1].parent)
    return nodes[::-1]


def ancestor(node: Node, depth: int) -> Node:
    """The node at ``depth`` on the path to ``node`` (``depth`` <= ``node.depth``)."""
    while node.depth > depth and node.parent is not None:
        node = node.parent
    return node


def distinct_trajectories(leaves: Iterable[Node]) -> int:
    """How many of the leaves' paths differ; equal ones have equal merge keys turn by turn."""

    def identity(node: Node) -> Hashable:
        return id(node) if node.merge_key is None else (node.merge_key,)

    return len({tuple(map(identity, path(leaf))) for leaf in leaves})
