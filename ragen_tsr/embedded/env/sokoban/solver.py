"""The shortest solution of a Sokoban room.

Decides which of several shortest action sequences is returned: directions are tried in the order up,
down, left, right, breadth first, and the first one to solve the room wins (upstream's
``get_shortest_action_path``). Knows room arrays only, no environment.
"""

from __future__ import annotations

import numpy as np

from .board import BOX, BOX_ON_TARGET, PLAYER, TARGET, WALL, geometry


def get_shortest_action_path(room_fixed: np.ndarray, room_state: np.ndarray, MAX_DEPTH: int = 100) -> list[int]:
    """Actions (1 Up, 2 Down, 3 Left, 4 Right) that bring all boxes onto targets.

    ``room_fixed`` and ``room_state`` are ``(rows, columns)`` arrays of cell codes as the environment has
    them. Returns ``[]`` if the room is solved already, cannot be solved, or needs more than
    ``MAX_DEPTH`` actions. Raises ``ValueError`` for a room without a player.
    """
    fixed, state = np.pad(room_fixed, 1), np.pad(room_state, 1)  # a frame of walls around any room
    cells = geometry(*fixed.shape)

    def mask(where: np.ndarray) -> int:
        return sum(cells.bits[cells.cell(int(r), int(c))] for r, c in np.argwhere(where))

    standing = np.argwhere(state == PLAYER)
    if not len(standing):
        raise ValueError(f"room_state has no player: allowed are rooms with one cell of code {PLAYER}")
    start = (cells.cell(*map(int, standing[0])), mask((state == BOX) | (state == BOX_ON_TARGET)))
    floor, targets = mask(fixed != WALL), mask(fixed == TARGET)
    if not start[1] & ~targets:
        return []

    bits, moves = cells.bits, tuple(enumerate(cells.deltas, start=1))
    came_from: dict[tuple[int, int], tuple[tuple[int, int], int] | None] = {start: None}
    frontier = [start]
    for _ in range(MAX_DEPTH):
        reached = []
        for node in frontier:
            player, boxes = node
            for action, delta in moves:
                ahead = player + delta
                entered = bits[ahead]
                if not floor & entered:
                    continue
                pushed = boxes
                if boxes & entered:
                    beyond = bits[ahead + delta]
                    if not floor & beyond & ~boxes:
                        continue
                    pushed = boxes ^ entered ^ beyond
                child = (ahead, pushed)
                if child in came_from:
                    continue
                came_from[child] = (node, action)
                if not pushed & ~targets:
                    return _actions_to(child, came_from)
                reached.append(child)
        frontier = reached
    return []


def _actions_to(
    node: tuple[int, int], came_from: dict[tuple[int, int], tuple[tuple[int, int], int] | None]
) -> list[int]:
    actions = []
    while (step := came_from[node]) is not None:
        node, action = step
        actions.append(action)
    return actions[::-1]
