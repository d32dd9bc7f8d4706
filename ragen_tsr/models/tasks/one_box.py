"""Distances to the goal for every state of a one-box Sokoban room.

Decides: how far each (player, box) pair of a room is from being solved, and which actions
are optimal there. One backward sweep answers for all states of the room, which is what makes
tens of thousands of demonstrations cheap; a shortest path from a single state is
`ragen_tsr.embedded.env.sokoban.get_shortest_action_path`, and both agree (tested).
Leaves to others: the rules that count in an episode (the environment's) and what a
demonstration looks like (`play`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

Cell = tuple[int, int]
State = tuple[Cell, Cell]  # player, box

#: Action numbers as the environment has them, with their (row, column) displacement.
MOVES: dict[int, Cell] = {1: (-1, 0), 2: (1, 0), 3: (0, -1), 4: (0, 1)}
WALL, TARGET = 0, 2  # codes of `room_fixed`


@dataclass(frozen=True)
class OneBoxRoom:
    """A room with one target, and the number of actions each state is from its solution.

    Attributes:
        floor: cells that are no wall.
        target: where the box belongs.
        distance: actions to go; states that cannot be solved are absent.
    """

    floor: frozenset[Cell]
    target: Cell
    distance: dict[State, int]

    @classmethod
    def from_fixed(cls, room_fixed: Sequence[Sequence[int]]) -> OneBoxRoom:
        """Build the table for `room_fixed`, rows of 0 wall, 1 floor, 2 target.

        Raises:
            ValueError: the room has not exactly one target.
        """
        cells = {(r, c): int(code) for r, row in enumerate(room_fixed) for c, code in enumerate(row)}
        targets = [cell for cell, code in cells.items() if code == TARGET]
        if len(targets) != 1:
            raise ValueError(f"room_fixed has {len(targets)} targets; a one-box room has exactly 1")
        floor = frozenset(cell for cell, code in cells.items() if code != WALL)
        return cls(floor, targets[0], _sweep(floor, targets[0]))

    def step(self, state: State, action: int) -> State:
        """State after `action`: pushes if it can, else moves, else stays."""
        player, box = state
        ahead = _shift(player, action)
        if ahead == box:
            beyond = _shift(box, action)
            return (ahead, beyond) if beyond in self.floor else state
        return (ahead, box) if ahead in self.floor else state

    def optimal_actions(self, state: State) -> tuple[int, ...]:
        """Actions that bring an unsolved `state` nearer, ascending; empty when it cannot be solved."""
        here = self.distance.get(state)
        if not here:
            return ()
        return tuple(a for a in MOVES if self.distance.get(self.step(state, a)) == here - 1)


def _shift(cell: Cell, action: int) -> Cell:
    return cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]


def _sweep(floor: frozenset[Cell], target: Cell) -> dict[State, int]:
    """Breadth-first from the solved states backwards: un-walk and un-push."""
    distance: dict[State, int] = {(player, target): 0 for player in floor if player != target}
    queue = deque(distance)
    while queue:
        player, box = queue.popleft()
        steps = distance[(player, box)] + 1
        for action in MOVES:
            dr, dc = MOVES[action]
            came_from = (player[0] - dr, player[1] - dc)
            if came_from not in floor or came_from == box:
                continue
            before = [(came_from, box)]
            if box == (player[0] + dr, player[1] + dc):
                before.append((came_from, player))  # the box stood where the player is now
            for state in before:
                if state not in distance:
                    distance[state] = steps
                    queue.append(state)
    return distance
