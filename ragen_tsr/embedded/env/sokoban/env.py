"""Moving in a Sokoban room.

Decides what an action does, what it is worth and when an episode is over, as upstream's
``ragen.env.sokoban.env.SokobanEnv`` does. Rooms come from :mod:`.room`, texts from :mod:`.render`.

A state is four small immutable values (:class:`SokobanState`), so that a step touches few cells and
branching costs next to nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..base import BaseDiscreteActionEnv
from . import render
from .board import Board, rules_of
from .config import OBSERVATION_FORMATS, RENDER_MODES, SokobanEnvConfig
from .room import level_for

STEP_REWARD = -0.1
BOX_ON_REWARD = 1
BOX_OFF_REWARD = -1
SOLVED_REWARD = 10

NO_OPERATION = 0
LAST_PUSH = 4
LAST_ACTION = 8


class SokobanState(NamedTuple):
    """Everything that a Sokoban episode goes on from."""

    board: Board
    player: int
    boxes: int
    num_env_steps: int


class SokobanEnv(BaseDiscreteActionEnv):
    """Sokoban, observed as text or as an image.

    Actions: 1 Up, 2 Down, 3 Left, 4 Right push a box if they can and move otherwise; 5 to 8 are the same
    directions without pushing; 0 does nothing (and costs a step). Unlike upstream's, a new object has no
    room: ``reset`` comes first.
    """

    def __init__(self, config: SokobanEnvConfig | None = None) -> None:
        self.config = config or SokobanEnvConfig()
        self.rules = rules_of(self.config)
        self.dim_room = self.config.dim_room
        self.num_boxes = self.config.num_boxes
        self.max_steps = self.config.max_steps
        self.render_mode = self.config.render_mode
        self.observation_format = self.config.observation_format
        self.GRID_LOOKUP = self.config.grid_lookup
        self.ACTION_LOOKUP = self.config.action_lookup
        self.num_env_steps = 0
        self._board: Board | None = None
        self._player = 0
        self._boxes = 0

    def reset(self, seed: int | None = None, mode: str | None = None) -> Any:  # type: ignore[override]
        """Start in the room of ``seed`` (a random one for ``None``) and return the observation.

        ``mode`` is ignored, as upstream does. Raises ``ValueError`` for a seed outside
        ``[0, 2**32 - 1]``.
        """
        level = level_for(self.rules, seed)
        self._board, self._player, self._boxes = level
        self.num_env_steps = 0
        return self.render()

    def step(self, action: int) -> tuple[Any, float, bool, dict[str, Any]]:
        """Execute one action.

        Returns the observation; the reward (-0.1, +1 or -1 for a box pushed on or off a target, +10 in
        every step that ends with all boxes on targets); whether the room is solved or this was step
        number ``max_steps``; and ``action_is_effective`` (the player moved), ``action_is_valid``,
        ``success``. Raises ``ValueError`` for an unknown action.
        """
        board = self._board or self._no_room()
        if not NO_OPERATION <= action <= LAST_ACTION:
            raise ValueError(f"action={action!r}: allowed are whole numbers from 0 to {LAST_ACTION}")
        self.num_env_steps += 1
        reward: float = STEP_REWARD
        moved = False
        if action != NO_OPERATION:
            bits, boxes, targets = board.bits, self._boxes, board.targets
            delta = board.deltas[(action - 1) & 3]
            ahead = self._player + delta
            entered = bits[ahead]
            if not boxes & entered:
                moved = bool(board.floor & entered)
            elif action <= LAST_PUSH:
                beyond = bits[ahead + delta]
                moved = bool(board.floor & beyond & ~boxes)
                if moved:
                    self._boxes = boxes ^ entered ^ beyond
                    change = bool(targets & beyond) - bool(targets & entered)
                    if change:
                        reward += BOX_ON_REWARD if change > 0 else BOX_OFF_REWARD
            if moved:
                self._player = ahead
        solved = self._boxes == board.targets
        if solved:
            reward += SOLVED_REWARD
        done = solved or self.num_env_steps == self.max_steps
        info = {"action_is_effective": moved, "action_is_valid": True, "success": solved}
        return self.render(), reward, done, info

    def render(self, mode: str | None = None) -> Any:
        """The state as text (``str``) or image (uint8 ``(16 * rows, 16 * columns, 3)``).

        ``mode``: ``text`` (in the configured format), ``grid``, ``coord``, ``grid_coord`` or
        ``rgb_array``; ``None`` is the configured ``render_mode``. Raises ``ValueError`` for others.
        """
        board = self._board or self._no_room()
        mode = mode or self.render_mode
        if mode == "text":
            return render.text(board, self._player, self._boxes, self.observation_format)
        if mode in OBSERVATION_FORMATS:
            return render.text(board, self._player, self._boxes, mode)
        if mode == "rgb_array":
            return render.image(board, self._player, self._boxes)
        raise ValueError(f"mode={mode!r}: allowed are {', '.join(RENDER_MODES + OBSERVATION_FORMATS)}")

    def get_all_actions(self) -> list[int]:
        """The actions that have a name in ``action_lookup``."""
        return list(self.config.action_lookup)

    @property
    def state(self) -> SokobanState:
        """The state of the episode; assigning it goes on from there.

        Only a state of an environment with the same rules can be assigned (``ValueError``).
        """
        return SokobanState(self._board or self._no_room(), self._player, self._boxes, self.num_env_steps)

    @state.setter
    def state(self, state: SokobanState) -> None:
        if state.board.rules is not self.rules:
            raise ValueError(f"the state was made under {state.board.rules!r}: allowed are states of {self.rules!r}")
        self._board, self._player, self._boxes, self.num_env_steps = state

    @property
    def room_fixed(self) -> np.ndarray:
        """Walls 0, floors 1, targets 2; int64 ``(rows, columns)``, a read-only copy."""
        return render.codes(self._board or self._no_room())

    @property
    def room_state(self) -> np.ndarray:
        """As ``room_fixed``, with 3 box on target, 4 box, 5 player."""
        return render.codes(self._board or self._no_room(), self._player, self._boxes)

    @property
    def player_position(self) -> np.ndarray:
        """Row and column of the player, int64 ``(2,)``."""
        return np.array(self.rules.geometry.position(self._player), dtype=np.int64)

    @property
    def boxes_on_target(self) -> int:
        """How many boxes stand on targets."""
        return (self._boxes & (self._board or self._no_room()).targets).bit_count()

    def _no_room(self) -> Board:
        raise RuntimeError("the environment has no room yet: call reset(seed) first")
