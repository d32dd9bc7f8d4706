"""Walking on a frozen lake.

Decides what an action does, what it is worth and when an episode is over, as upstream's
``ragen.env.frozen_lake.env.FrozenLakeEnv`` on gymnasium 1.4 does. Maps come from :mod:`.maps`, slips from
:mod:`.noise`, texts from :mod:`.render`.

A state is four small immutable values (:class:`FrozenLakeState`), the noise included, so that branching costs next to
nothing. gymnasium's own ``FrozenLakeEnv`` computes the same, but makes a table of all transitions at each reset and
holds a generator that has to be copied for each branch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..base import BaseDiscreteActionEnv
from ..seeds import seed_or_any
from . import render
from .config import OBSERVATION_FORMATS, RENDER_MODES, FrozenLakeEnvConfig
from .lake import GOAL, HOLE, Lake, rules_of
from .maps import lake_for
from .noise import NoiseStream, noise_stream

DRAWS_AT_RESET = 1
"""gymnasium draws the start state, although there is only one."""


class FrozenLakeState(NamedTuple):
    """Everything that a FrozenLake episode goes on from."""

    lake: Lake
    cell: int
    """Where the player is: ``row * size + column``."""
    noise: NoiseStream
    draws: int
    """How many numbers of ``noise`` have been used."""

    @property
    def size(self) -> int:
        """Rows and columns of the map."""
        return self.lake.rules.size

    @property
    def in_hole(self) -> bool:
        """The player is in a hole."""
        return self.lake.tiles[self.cell] == HOLE

    @property
    def distance_to_goal(self) -> int:
        """Manhattan distance from the goal."""
        return self.lake.distance_to_goal(self.cell)


class FrozenLakeEnv(BaseDiscreteActionEnv):
    """FrozenLake, observed as text or as an image.

    Actions: 1 Left, 2 Down, 3 Right, 4 Up, unless ``action_map`` says otherwise. On slippery ice one goes where one
    meant to with probability ``success_rate``, else to one of the two sides, never back. Unlike upstream's, a new
    object has no player: ``reset`` comes first.
    """

    def __init__(self, config: FrozenLakeEnvConfig | None = None) -> None:
        self.config = config or FrozenLakeEnvConfig()
        self.rules = rules_of(self.config)
        self.render_mode = self.config.render_mode
        self.observation_format = self.config.observation_format
        self.GRID_LOOKUP = self.config.grid_lookup
        self.ACTION_LOOKUP = self.config.action_lookup
        self._directions = dict(self.rules.directions)
        self._first_slip, self._as_meant, self._second_slip = self.rules.slips
        self._lake: Lake | None = None
        self._cell = 0
        self._noise = noise_stream(())
        self._draws = 0

    def reset(self, seed: int | None = None, mode: str | None = None) -> Any:  # type: ignore[override]
        """Start on the map of ``seed`` (a random one for ``None``) and return the observation.

        Equal seeds give equal maps and equal slips. ``mode`` is ignored, as upstream does. Raises ``ValueError`` for a
        seed outside ``[0, 2**32 - 1]``.
        """
        seed = seed_or_any(seed)
        self._lake = lake_for(self.rules, seed)
        self._cell = self._lake.start
        self._noise, self._draws = noise_stream((seed,)), DRAWS_AT_RESET
        return self.render()

    def step(self, action: int) -> tuple[Any, int, bool, dict[str, Any]]:
        """Execute one action. Each uses up one number of the noise, on safe ice and after the end too.

        Returns the observation; the reward (1 on reaching the goal, else 0, both ``int``); whether the player is on the
        goal or in a hole; and ``action_is_effective`` (the position changed, as meant or by slipping),
        ``action_is_valid``, ``success`` (the player is on the goal). What is no action changes nothing, draws nothing,
        and has ``action_is_valid`` false.
        """
        lake = self._lake or self._no_lake()
        here = cell = self._cell
        try:
            direction = self._directions.get(action)
        except TypeError:  # not hashable
            direction = None
        if direction is not None:
            number = self._noise[self._draws]
            self._draws += 1
            if self.rules.is_slippery:
                if number < self._first_slip or number >= self._second_slip:
                    direction -= 1
                elif number >= self._as_meant:
                    direction += 1
            cell = self._cell = lake.after[here][direction & 3]
        tile = lake.tiles[cell]
        moved, success = cell != here, tile == GOAL
        info = {"action_is_effective": moved, "action_is_valid": direction is not None, "success": success}
        return self.render(), int(moved and success), success or tile == HOLE, info

    def render(self, mode: str | None = None) -> Any:
        """The state as text (``str``) or image (uint8 ``(16 * size, 16 * size, 3)``).

        ``mode``: ``text`` (in the configured format), ``grid``, ``coord``, ``grid_coord`` or ``rgb_array``; ``None`` is
        the configured ``render_mode``. Raises ``ValueError`` for others.
        """
        lake, cell = self._lake or self._no_lake(), self._cell
        mode = mode or self.render_mode
        if mode == "text":
            drawn = lake.texts[cell]
            if drawn is None:
                drawn = lake.texts[cell] = render.text(lake, cell, self.observation_format)
            return drawn
        if mode in OBSERVATION_FORMATS:
            return render.text(lake, cell, mode)
        if mode == "rgb_array":
            return render.image(lake, cell)
        raise ValueError(f"mode={mode!r}: allowed are {', '.join(RENDER_MODES + OBSERVATION_FORMATS)}")

    def get_all_actions(self) -> list[int]:
        """The actions that have a name in ``action_lookup``."""
        return list(self.config.action_lookup)

    @property
    def state(self) -> FrozenLakeState:
        """The state of the episode, noise included; assigning it goes on from there.

        Only a state of an environment with the same rules can be assigned (``ValueError``).
        """
        return FrozenLakeState(self._lake or self._no_lake(), self._cell, self._noise, self._draws)

    @state.setter
    def state(self, state: FrozenLakeState) -> None:
        if state.lake.rules is not self.rules:
            raise ValueError(f"the state was made under {state.lake.rules!r}: allowed are states of {self.rules!r}")
        self._lake, self._cell, self._noise, self._draws = state

    @property
    def desc(self) -> np.ndarray:
        """The map, one byte a tile: S start, F ice, H hole, G goal; ``S1``, ``(size, size)``.

        Before the first reset it is the one of ``map_seed``.
        """
        lake = self._lake
        if lake is None and self.config.map_seed is not None:
            lake = lake_for(self.rules, self.config.map_seed)
        tiles = (lake or self._no_lake()).tiles
        return np.frombuffer(tiles.encode(), dtype="S1").reshape(self.rules.size, self.rules.size)

    @property
    def s(self) -> int:
        """The player's cell, as gymnasium numbers it."""
        return self.state.cell

    @property
    def player_pos(self) -> tuple[int, int]:
        """Row and column of the player."""
        return self.state.lake.position(self._cell)

    def _no_lake(self) -> Lake:
        raise RuntimeError("the environment has no map yet: call reset(seed) first")
