"""Which map a seed gives.

Follows upstream's procedure (``ragen.env.frozen_lake.utils.generate_random_map``, after gymnasium's) draw by draw,
because that is what makes equal seeds give equal maps: a number a tile decides between ice and hole, then start and
goal are drawn, and everything again until they differ and a way leads from one to the other.

The generator is seeded as the one of the slips is, so that the numbers which placed the tiles of the first map drawn
come again as slips: a hole in cell k, counted from 0 in reading order, means that step k (from 1 on) draws a number of
at least ``p`` and, with the default 0.9, slips to the second side. That is upstream's behaviour, and under
``env_noise=upstream`` the policy meets it; fresh noise knows nothing of the map.
"""

from __future__ import annotations

from functools import lru_cache

from ..seeds import seed_or_any
from .lake import GOAL, HOLE, ICE, START, Lake, Rules, neighbours
from .noise import generator


def lake_for(rules: Rules, seed: int) -> Lake:
    """The map that ``seed`` gives; ``ValueError`` for a seed out of range."""
    return _seeded_lake(rules, seed_or_any(seed))


@lru_cache(maxsize=4096)  # all slots of a group share one seed, and validation repeats its seeds
def _seeded_lake(rules: Rules, seed: int) -> Lake:
    size, draws = rules.size, generator((seed,))
    ice = rules.p / (rules.p + (1.0 - rules.p))  # as numpy normalises the two probabilities
    while True:
        tiles = [ICE if number < ice else HOLE for number in draws.random(size * size).tolist()]
        start, goal = (row * size + column for row, column in draws.integers(size, size=(2, 2)).tolist())
        if start == goal:
            continue
        tiles[start], tiles[goal] = START, GOAL
        if _connected(tiles, start, goal, size):
            return Lake(rules, "".join(tiles))


def _connected(tiles: list[str], start: int, goal: int, size: int) -> bool:
    """Whether a way over no hole leads from ``start`` to ``goal``."""
    beside, reached, edge = neighbours(size), {start}, [start]
    for cell in edge:
        for to in beside[cell]:
            if to not in reached and tiles[to] != HOLE:
                reached.add(to)
                edge.append(to)
    return goal in reached
