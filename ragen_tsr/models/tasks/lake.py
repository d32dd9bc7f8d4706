"""How good each cell and each action of a frozen lake is, slips included.

Decides the value of a cell (discounted probability of reaching the goal under the best actions) and a plan of
several actions that are chosen before any of their outcomes is seen. Leaves to others the rules that count in
an episode (the environment's, which these agree with: tested) and what a demonstration looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

#: Displacements (row, column) of gymnasium's actions 0 to 3: left, down, right, up.
MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))
HOLE, GOAL = "H", "G"

DISCOUNT = 0.9
"""Of the goal's worth, by action: an episode has few of them."""
SWEEPS = 100
"""Of value iteration; after them values move by less than 3e-5."""


@dataclass(frozen=True)
class Lake:
    """A map with the worth of its cells, numbered row by row.

    Attributes:
        moves: ``[4, cells, cells]``, probability of going from a cell to another by an action 0 to 3; holes and
            the goal have none, since an episode ends there.
        values: ``[cells]``, of being at a cell; the goal has 1 and a hole 0.
    """

    moves: np.ndarray
    values: np.ndarray

    @classmethod
    @lru_cache(maxsize=512)
    def from_map(cls, rows: tuple[str, ...], success_rate: float) -> Lake:
        """The table of a map, as rows of S, F, H and G.

        Args:
            success_rate: probability of going where one wanted; the two directions beside it share the rest.
        """
        moves = _moves(rows, success_rate)
        goal = np.array([float(cell == GOAL) for row in rows for cell in row])
        values = goal
        for _ in range(SWEEPS):
            values = np.where(goal == 1, 1.0, DISCOUNT * (moves @ values).max(axis=0))
        return cls(moves, values)

    def plan(self, cell: int, length: int) -> list[int]:
        """The `length` actions, 0 to 3, that promise most from `cell`.

        Each is the best one for where the player then probably is; fewer where the episode is over for certain.
        """
        where = np.zeros(len(self.values))
        where[cell] = 1.0
        actions: list[int] = []
        while len(actions) < length:
            worth = (self.moves @ self.values) @ where
            if not worth.any():
                break
            actions.append(int(worth.round(9).argmax()))
            where = where @ self.moves[actions[-1]]
        return actions


def _moves(rows: Sequence[str], success_rate: float) -> np.ndarray:
    height, width = len(rows), len(rows[0])
    moves = np.zeros((4, height * width, height * width))
    slip = (1.0 - success_rate) / 2
    for row in range(height):
        for column in range(width):
            if rows[row][column] in (HOLE, GOAL):
                continue
            for wanted in range(4):
                for turn, probability in ((-1, slip), (0, success_rate), (1, slip)):
                    down, right = MOVES[(wanted + turn) % 4]
                    to = min(max(row + down, 0), height - 1) * width + min(max(column + right, 0), width - 1)
                    moves[wanted, row * width + column, to] += probability
    return moves
