"""FrozenLake's task.

Decides what is demonstrated (the actions that promise most on the slippery map, or uniformly random ones) and
the recipe. Leaves the map's values to `lake`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from ragen_tsr.models.recipe import PlayRecipe, Recipe, StageRecipe
from ragen_tsr.models.tasks import lake
from ragen_tsr.models.tasks.base import Play, Task, make_env, named
from ragen_tsr.models.tasks.lake import Lake
from ragen_tsr.models.tokenizer import GRID_CUTS

WALK = 30
"""Actions of a random walk through a map."""


@dataclass(frozen=True)
class LakePosition:
    """A cell of a map with its text."""

    lake: Lake
    cell: int
    text: str
    actions: Mapping[int, str]
    """Names of the actions 0 to 3 of the lake's table."""
    last_reply: str = ""


class FrozenLakeTask(Task[LakePosition]):
    """See the module."""

    env_type = "frozen_lake"
    recipe = Recipe(
        play=PlayRecipe(tag="FrozenLake", min_actions=2, max_actions=2),
        segments=StageRecipe(samples=20_000, batch=128, steps=160, solver_share=0.9, matrix_rate=0.04, other_rate=4e-3),
        chats=StageRecipe(samples=1_600, batch=32, steps=60, solver_share=0.55, matrix_rate=0.008, other_rate=2e-3),
    )
    cuts = GRID_CUTS
    code = (__name__, lake.__name__)

    def position(self, env: Any) -> LakePosition:
        """Where a FrozenLake environment stands."""
        rows = tuple("".join(cell.decode() for cell in row) for row in env.desc.tolist())
        settings = env.config
        table = Lake.from_map(rows, settings.success_rate if settings.is_slippery else 1.0)
        row, column = env.player_pos
        names = {settings.action_map[number]: name for number, name in settings.action_lookup.items()}
        return LakePosition(table, int(row) * len(rows[0]) + int(column), env.render(), names)

    def solve(self, position: LakePosition, length: int, rng: random.Random) -> list[str]:
        """The actions that promise most."""
        return [position.actions[action] for action in position.lake.plan(position.cell, length)]

    def wander(self, position: LakePosition, length: int, rng: random.Random) -> list[str]:
        """Uniform moves."""
        return [rng.choice(list(position.actions.values())) for _ in range(length)]

    def walk(
        self, config: DictConfig, seed: int, rng: random.Random, play: Play[LakePosition]
    ) -> Iterator[LakePosition]:
        """Cells of one map after another that a random walk comes by, each once."""
        env = make_env(config, self.recipe.play.tag)
        while True:
            env.reset(seed=seed)
            seed += 1
            met: dict[int, LakePosition] = {}
            for _ in range(WALK):
                position = self.position(env)
                met.setdefault(position.cell, position)
                _, _, done, _ = env.step(rng.choice((1, 2, 3, 4)))
                if done:
                    break
            yield from met.values()

    def legal(self, position: LakePosition, actions: Sequence[str]) -> list[str]:
        """Every move is legal everywhere."""
        return named(position.actions.values(), actions)
