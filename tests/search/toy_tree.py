"""Trees to search: written out by hand, or drawn at random from the path (the same path, the same outcome).

Both answer a strategy like a policy and an environment would, and keep what was asked of them. A node's
payload is its path: the numbers of the children taken, from the root. Which child a sample gives is scripted:
the samples of a node count upwards from 0, however they are spread over expansions and calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ragen_tsr.search import Expansion, Node, Redraw, Request, drive

Path = tuple[int, ...]

REDRAWN = 1000
"""Number of a node that a redraw made, less that of the node it was asked of."""


@dataclass(frozen=True)
class Turn:
    """The outcome of one turn."""

    score: float = 0.0
    done: bool = False
    success: bool = False
    executed: bool = True
    key: Hashable | None = None
    reward: float | None = None
    """None: as the score."""


class Tree:
    """What a search meets: the outcome of each path."""

    shared: ClassVar[bool] = False
    """The samples of a node are numbered over all slots, instead of in each slot from 0."""

    def outcome(self, slot: int, path: Path) -> Turn:
        raise NotImplementedError

    def branching(self, path: Path) -> int | None:
        """How many different children a node has (sample numbers wrap around); None: no end of them."""
        return None

    def redrawn(self, slot: int, path: Path) -> Turn | None:
        """What the turn to ``path`` gives when its noise is drawn again; None: the same."""
        return None

    def start(self) -> Grower:
        return Grower(self)


@dataclass
class Grower:
    """One group's tree as far as it has been sampled."""

    tree: Tree
    root: Node = field(default_factory=lambda: Node.root(payload=()))
    asked: list[list[Expansion]] = field(default_factory=list)
    """The expansions of each call."""
    redraws: list[Redraw] = field(default_factory=list)
    made: list[Node] = field(default_factory=list)
    drawn: Counter = field(default_factory=Counter)

    def family(self, ask: Expansion) -> list[Node]:
        return [self._child(ask.node, ask.slot) for _ in range(ask.samples)]

    def again(self, ask: Redraw) -> list[Node]:
        """The node itself, or what the tree says about drawing its noise again, REDRAWN added to its number."""
        self.redraws.append(ask)
        path = ask.node.payload
        turn = self.tree.redrawn(ask.slot, path)
        if turn is None:
            return [ask.node]
        return [self._made(ask.node.parent, ask.slot, (*path[:-1], path[-1] + REDRAWN), turn)]

    def _child(self, parent: Node, slot: int) -> Node:
        counter = (0 if self.tree.shared else slot, id(parent))
        number = self.drawn[counter]
        self.drawn[counter] += 1
        branching = self.tree.branching(parent.payload)
        path = (*parent.payload, number if branching is None else number % branching)
        return self._made(parent, slot, path, self.tree.outcome(slot, path))

    def _made(self, parent: Node, slot: int, path: Path, turn: Turn) -> Node:
        node = parent.child(
            slot=slot,
            score=turn.score,
            reward=turn.score if turn.reward is None else turn.reward,
            done=turn.done,
            success=turn.success,
            executed=turn.executed,
            merge_key=turn.key,
            payload=path,
        )
        self.made.append(node)
        return node

    @property
    def responses(self) -> int:
        return sum(ask.samples for asks in self.asked for ask in asks)


@dataclass(frozen=True)
class Written(Tree):
    """A tree written down: path -> outcome. Every node has the children that are written below it."""

    shared: ClassVar[bool] = True
    turns: dict[Path, Turn]

    def outcome(self, slot: int, path: Path) -> Turn:
        return self.turns[path]

    def branching(self, path: Path) -> int:
        return sum(len(other) == len(path) + 1 and other[: len(path)] == path for other in self.turns)


@dataclass(frozen=True)
class Drawn(Tree):
    """A random tree: each turn's outcome is drawn from a generator keyed by seed, slot and path."""

    seed: int
    width: int | None = None
    """Different children of a node; None: no end of them."""
    p_done: float = 0.0
    p_idle: float = 0.0
    p_equal: float = 0.0
    """Chance that a turn's key is one of two that its siblings share."""
    levels: int | None = None
    """Scores are drawn from so many whole numbers (ties); None: continuous."""
    p_redrawn: float = 0.0
    """Chance that a turn ends otherwise when its noise is drawn again."""

    def outcome(self, slot: int, path: Path) -> Turn:
        rng = np.random.default_rng((self.seed, slot, *path))
        done = bool(rng.random() < self.p_done)
        success = done and bool(rng.random() < 0.4)
        score = float(rng.normal() if self.levels is None else rng.integers(self.levels))
        executed = success or bool(rng.random() >= self.p_idle)
        key = (path[:-1], int(rng.integers(2)), score, done, success, executed) if rng.random() < self.p_equal else None
        return Turn(score, done, success, executed, key, reward=float(rng.normal()))

    def redrawn(self, slot: int, path: Path) -> Turn | None:
        if np.random.default_rng((self.seed, slot, *path, REDRAWN)).random() >= self.p_redrawn:
            return None
        return self.outcome(slot, (*path[:-1], path[-1] + REDRAWN))

    def branching(self, path: Path) -> int | None:
        return self.width


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng((seed, 7))


def search_groups(strategy, trees: Sequence[Tree], L: int, horizon: int, seeds: Sequence[int] | None = None):
    """Search one tree a group, all groups together; returns the chosen leaves and the growers."""
    growers = [tree.start() for tree in trees]
    seeds = range(len(trees)) if seeds is None else seeds
    searches = [
        strategy.search(grower.root, L, horizon, generator(seed)) for grower, seed in zip(growers, seeds, strict=True)
    ]

    def expand(requests: list[Request]) -> list[list[Node]]:
        for group in {group for group, _ in requests}:
            growers[group].asked.append([ask for other, ask in requests if other == group])
        return [growers[group].family(ask) for group, ask in requests]

    def redraw(requests: list[tuple[int, Redraw]]) -> list[list[Node]]:
        return [growers[group].again(ask) for group, ask in requests]

    return drive(searches, expand, redraw), growers


def search(strategy, tree: Tree, L: int = 1, horizon: int = 3, seed: int = 0) -> tuple[list[Node], Grower]:
    """Search one group."""
    [leaves], [grower] = search_groups(strategy, [tree], L, horizon, [seed])
    return leaves, grower


def paths(leaves: Sequence[Node]) -> list[Path]:
    return [leaf.payload for leaf in leaves]


def all_leaves(tree: Tree, horizon: int, slot: int = 0) -> list[Node]:
    """Every complete trajectory of a tree of finite width, for brute force."""
    grower = tree.start()
    leaves, frontier = [], [grower.root]
    while frontier:
        node = frontier.pop()
        if node.done or node.depth == horizon:
            leaves.append(node)
        else:
            frontier += grower.family(Expansion(node, tree.branching(node.payload), slot))
    return leaves
