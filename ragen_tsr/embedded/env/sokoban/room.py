"""Which room a seed gives.

Decides floors, targets, and where player and boxes start; everything here is a function of the rules
and the seed. It follows upstream's procedure (``ragen.env.sokoban.utils``, after gym_sokoban by
M. Schrader) draw by draw and visit by visit, because that is what makes equal seeds give equal rooms:

1. a random walk of ``int(1.7 * (rows + columns))`` steps carves floors with a random brush;
2. player and boxes are put on random floors, the boxes' cells become the targets;
3. a depth-first search plays in reverse (the player pulls) and keeps the first state with the highest
   ``changes of the pulled box * total distance of boxes from their targets``, among those with every
   target free;
4. the player wanders up to three cells.

Steps 1 and 4 draw from Python's Mersenne Twister, step 2 from numpy's legacy one, both seeded with the
seed. Private generators are used, so the global ones are never touched.

Departure from upstream: where no room can be made (see :class:`RoomError`) upstream goes on with
``hash(str(seed))``, which differs from process to process. Here the next seed is taken from SHA-256, so
that every seed gives one room for good.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..seeds import seed_or_any
from .board import Board, Geometry, Rules, cells_of, geometry

logger = logging.getLogger(__name__)

TRIES_PER_SEED = 4
SEEDS_TRIED = 200
TURN_PROBABILITY = 0.35
EXPLORATION_LIMIT = 300_000
WANDER_STEPS = 3

_DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_DIRECTION_NUMBERS = range(len(_DIRECTIONS))
_BRUSHES = (
    ((0, -1), (0, 0), (0, 1)),
    ((-1, 0), (0, 0), (1, 0)),
    ((0, -1), (0, 0), (1, 0)),
    ((0, -1), (0, 0), (1, -1), (1, 0)),
    ((0, 0), (0, 1), (1, 0)),
)


class RoomError(Exception):
    """This seed gives no room at the first attempt."""


class TooFewFloorsError(RoomError, RuntimeError):
    """The carved floors do not hold the player and the boxes. Upstream: ``RuntimeError``."""

    def __init__(self, floors: int, num_boxes: int) -> None:
        super().__init__(f"{floors} floors are too few for one player and num_boxes={num_boxes}")
        self.floors, self.num_boxes = floors, num_boxes


class NothingPulledError(RoomError, RuntimeWarning):
    """No attempt moved a box off its target with all targets free. Upstream: ``RuntimeWarning``."""

    def __init__(self) -> None:
        super().__init__(f"reverse play left the boxes on their targets {TRIES_PER_SEED} times")


class Level(NamedTuple):
    """A room as an episode starts in it."""

    board: Board
    player: int
    boxes: int


class _Pulled(NamedTuple):
    """The best state of the reverse play: player, boxes, total distance of boxes from targets."""

    player: int
    boxes: int
    distance: int


def next_seed(seed: int) -> int:
    """The seed to try after one that gives no room."""
    return int.from_bytes(hashlib.sha256(b"sokoban room %d" % seed).digest()[:4], "little")


def level_for(rules: Rules, seed: int | None) -> Level:
    """The room that ``seed`` gives, trying :func:`next_seed` until one does.

    ``seed=None`` draws a seed from the operating system. Raises ``ValueError`` for a seed out of
    range and ``RuntimeError`` for settings that give no room at all.
    """
    return _seeded_level(rules, seed_or_any(seed))


@lru_cache(maxsize=4096)  # all slots of a group share one seed, and validation repeats its seeds
def _seeded_level(rules: Rules, seed: int) -> Level:
    attempt = seed
    for _ in range(SEEDS_TRIED):
        try:
            return generate_level(rules, attempt)
        except RoomError as error:
            logger.debug("seed %d gives no room: %s", attempt, error)
            attempt = next_seed(attempt)
    raise RuntimeError(
        f"dim_room=({rules.rows}, {rules.columns}), num_boxes={rules.num_boxes}, "
        f"search_depth={rules.search_depth}: none of {SEEDS_TRIED} seeds from {seed} on gives a room; "
        "allowed are larger rooms, fewer boxes or a deeper search"
    )


def generate_level(rules: Rules, seed: int) -> Level:
    """The room of exactly this seed; raises :class:`RoomError` if it gives none."""
    walk, placement = random.Random(seed), _generators.placement
    placement.seed(seed)
    cells = rules.geometry
    for _ in range(TRIES_PER_SEED):
        floor = _carve(cells, walk)
        player, targets = _place(floor, rules.num_boxes, placement)
        pulled = _reverse_play(cells, floor, player, targets, rules.search_depth)
        if pulled.distance > 0:
            break
    else:
        raise NothingPulledError
    player = _wander(cells, floor & ~pulled.boxes, pulled, walk)
    return Level(Board(rules, floor, sum(cells.bits[t] for t in targets)), player, pulled.boxes)


class _Generators(threading.local):
    """One numpy generator a thread, seeded anew for each room: making one takes longer than a room."""

    def __init__(self) -> None:
        self.placement = np.random.RandomState(0)


_generators = _Generators()


@lru_cache(maxsize=64)
def _walk_tables(rows: int, columns: int) -> tuple[list[list[int]], list[list[int]]]:
    """Of every cell: where a step in each direction leads (kept off the outer walls), and the floors that
    each brush makes around it."""
    cells = geometry(rows, columns)
    steps, floors = [], []
    for cell in range(cells.size):
        row, column = cells.position(cell)
        moved = [(row + down, column + right) for down, right in _DIRECTIONS]
        steps.append([cells.cell(_inside(r, rows), _inside(c, columns)) for r, c in moved])
        painted = [[(row + r, column + c) for r, c in brush] for brush in _BRUSHES]
        kept = [[(r, c) for r, c in p if 0 < r < rows - 1 and 0 < c < columns - 1] for p in painted]
        floors.append([sum(cells.bits[cells.cell(r, c)] for r, c in p) for p in kept])
    return steps, floors


def _inside(index: int, length: int) -> int:
    return max(min(index, length - 2), 1)


def _carve(cells: Geometry, rng: random.Random) -> int:
    """Floors left by a random walk with random brushes."""
    steps, floors = _walk_tables(cells.rows, cells.columns)
    choice, uniform = rng.choice, rng.random
    direction = choice(_DIRECTION_NUMBERS)
    cell = cells.cell(rng.randint(1, cells.rows - 1), rng.randint(1, cells.columns - 1))
    floor = 0
    for _ in range(int(1.7 * (cells.rows + cells.columns))):
        if uniform() < TURN_PROBABILITY:
            direction = choice(_DIRECTION_NUMBERS)
        cell = steps[cell][direction]
        floor |= choice(floors[cell])
    return floor


def _place(floor: int, num_boxes: int, rng: np.random.RandomState) -> tuple[int, list[int]]:
    """The player's cell and the targets, in reading order; the boxes start on the targets."""
    free = list(cells_of(floor))
    if len(free) <= num_boxes + 1:
        raise TooFewFloorsError(len(free), num_boxes)
    player = free.pop(rng.randint(len(free)))
    return player, sorted(free.pop(rng.randint(len(free))) for _ in range(num_boxes))


def _reverse_play(cells: Geometry, floor: int, player: int, targets: list[int], depth: int) -> _Pulled:
    """Play in reverse from the solved room and return the best state found.

    The order of visits decides between equal scores and, where the depth limit bites, what is seen at
    all. A box that was never pulled counts as different from one pulled back to its target, so states
    are told apart by player, boxes, and boxes never pulled.
    """
    bits, moves = cells.bits, tuple(reversed(cells.deltas))  # reversed: the stack's top is visited first
    goal = sum(bits[t] for t in targets)
    best = _Pulled(player, goal, 0)
    best_score = 0
    ceiling = _highest_score(cells, floor, targets)
    distances = [cells.distances_from(t) for t in targets]
    seen: set[tuple[int, int, int]] = set()
    # player, boxes, those never pulled, cell of each box, box pulled last, its changes, distance, depth left
    stack = [(player, goal, goal, tuple(targets), -1, 0, 0, depth - 1)]
    pop, push, see = stack.pop, stack.append, seen.add
    while stack:
        at, boxes, fresh, places, last, changes, distance, left = pop()
        state = (at, boxes, fresh)
        if state in seen:
            continue
        if len(seen) >= EXPLORATION_LIMIT:
            break
        see(state)
        score = changes * distance
        if score > best_score and not (boxes | bits[at]) & goal:
            best, best_score = _Pulled(at, boxes, distance), score
            if score == ceiling:
                break
        left -= 1
        if left <= 0:
            continue
        free = floor & ~boxes
        for move in moves:
            if not free & bits[at + move]:
                continue
            behind = bits[at - move]
            if not boxes & behind:
                push((at + move, boxes, fresh, places, last, changes, distance, left))
                continue
            box = places.index(at - move)
            push(
                (
                    at + move,
                    boxes ^ behind ^ bits[at],
                    fresh & ~behind,
                    (*places[:box], at, *places[box + 1 :]),
                    box,
                    changes + (box != last),
                    distance + distances[box][at] - distances[box][at - move],
                    left,
                )
            )
    return best


def _highest_score(cells: Geometry, floor: int, targets: list[int]) -> float:
    """A score that no state exceeds, so that the search may stop there.

    With one box: its largest distance on any cell to which it can be pulled, wherever the player is.
    With more, the changes of the pulled box are unbounded.
    """
    if len(targets) > 1:
        return float("inf")
    bits, deltas = cells.bits, cells.deltas
    reached, edge = bits[targets[0]], [targets[0]]
    for cell in edge:
        for delta in deltas:
            to = bits[cell + delta]
            if floor & to and not reached & to and floor & bits[cell + 2 * delta]:
                reached |= to
                edge.append(cell + delta)
    return max(cells.distances_from(targets[0])[cell] for cell in edge)


def _wander(cells: Geometry, free: int, pulled: _Pulled, rng: random.Random) -> int:
    """Where the player ends after perhaps walking a few cells, none of them twice."""
    player = pulled.player
    if rng.random() > (0.8 if pulled.distance == 1 else 0.5):
        return player
    free &= ~cells.bits[player]
    for _ in range(WANDER_STEPS):
        options = [player + delta for delta in cells.deltas if free & cells.bits[player + delta]]
        if not options:
            break
        player = rng.choice(options)
        free &= ~cells.bits[player]
        if rng.random() > 0.5:
            break
    return player
