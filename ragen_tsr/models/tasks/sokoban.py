"""Sokoban's task: rooms with one box.

Decides what is demonstrated (the next actions of a shortest path, or uniformly random ones) and the recipe.
Leaves shortest paths to `one_box`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from omegaconf import DictConfig

from ragen_tsr.models.recipe import PlayRecipe, Recipe, StageRecipe
from ragen_tsr.models.tasks import one_box
from ragen_tsr.models.tasks.base import Play, Task, make_env, named
from ragen_tsr.models.tasks.one_box import OneBoxRoom, State
from ragen_tsr.models.tokenizer import GRID_CUTS

PER_ROOM = 12
"""A walk yields at most this many different states of a room,"""
WALK = 30
"""and is this long."""


@dataclass(frozen=True)
class SokobanPosition:
    """A state of a room with its text."""

    room: OneBoxRoom
    state: State
    text: str
    names: Mapping[int, str]
    """Of the actions, by their numbers."""
    last_reply: str = ""


class SokobanTask(Task[SokobanPosition]):
    """See the module."""

    env_type = "sokoban"
    recipe = Recipe(
        play=PlayRecipe(tag="SimpleSokoban", min_actions=2, max_actions=3),
        segments=StageRecipe(samples=40_000, batch=128, steps=320, solver_share=0.9, matrix_rate=0.04, other_rate=4e-3),
        chats=StageRecipe(samples=3_200, batch=32, steps=100, solver_share=0.35, matrix_rate=0.008, other_rate=2e-3),
    )
    cuts = GRID_CUTS
    code = (__name__, one_box.__name__)

    def position(self, env: Any) -> SokobanPosition:
        """Where a Sokoban environment with one box stands."""
        fixed, live = env.room_fixed, env.room_state
        (box,) = np.argwhere((live == 3) | (live == 4)).tolist()
        player = (int(env.player_position[0]), int(env.player_position[1]))
        room = _room(tuple(map(tuple, fixed.tolist())))
        return SokobanPosition(room, (player, (box[0], box[1])), env.render(), env.config.action_lookup)

    def solve(self, position: SokobanPosition, length: int, rng: random.Random) -> list[str]:
        """The next actions of a shortest path; none where the room cannot be solved any more."""
        room, state = position.room, position.state
        actions: list[str] = []
        while len(actions) < length and (best := room.optimal_actions(state)):
            actions.append(position.names[best[0]])
            state = room.step(state, best[0])
        return actions

    def wander(self, position: SokobanPosition, length: int, rng: random.Random) -> list[str]:
        """Uniform moves."""
        return [rng.choice(list(position.names.values())) for _ in range(length)]

    def walk(
        self, config: DictConfig, seed: int, rng: random.Random, play: Play[SokobanPosition]
    ) -> Iterator[SokobanPosition]:
        """Unsolved, solvable states of one room after another, met on random walks from its start."""
        env = make_env(config, self.recipe.play.tag)
        while True:
            env.reset(seed=seed)
            seed += 1
            start = self.position(env)
            met: dict[State, str] = {}
            state, room = start.state, start.room
            for _ in range(WALK):
                if not room.distance.get(state) or len(met) == PER_ROOM:
                    break
                met.setdefault(state, env.render())
                action = rng.choice((1, 2, 3, 4))
                env.step(action)
                state = room.step(state, action)
            yield from (replace(start, state=state, text=text) for state, text in met.items())

    def legal(self, position: SokobanPosition, actions: Sequence[str]) -> list[str]:
        """Every move is legal everywhere."""
        return named(position.names.values(), actions)


@lru_cache(maxsize=512)
def _room(fixed: tuple[tuple[int, ...], ...]) -> OneBoxRoom:
    """The table of a room; an episode asks for the same one every turn."""
    return OneBoxRoom.from_fixed(fixed)
