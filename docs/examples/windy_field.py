"""Windy field: a task of one's own in one file. A walker crosses a field to an apple, and the wind may carry it.

bash train.sh docs/examples/windy_field.py beam model=FOLDER_OR_HUGGING_FACE_ID
"""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from ragen_tsr.task_file import TaskParts

STEPS = {1: (-1, 0), 2: (1, 0), 3: (0, -1), 4: (0, 1)}


@dataclass(frozen=True)
class FieldSettings:
    """Arguments of ``env_config``; the names of the actions and the meaning of symbols go into the prompt."""

    size: int = 5
    wind: float = 0.1
    action_lookup: dict = field(default_factory=lambda: {1: "Up", 2: "Down", 3: "Left", 4: "Right"})
    grid_vocab: dict = field(default_factory=lambda: {"P": "player", "G": "apple", "_": "empty"})

    def __post_init__(self):
        if self.size < 2:
            raise ValueError(f"size={self.size}: must be at least 2")


class FieldState(NamedTuple):
    """All that the future depends on."""

    player: tuple[int, int]
    apple: tuple[int, int]
    noise: tuple[int, ...]  # key of the wind, and how often it was asked: a draw is a function of the two
    draws: int


class WindyField:
    """The environment. A turn's actions come one at a time, as numbers of ``action_lookup``."""

    def __init__(self, config):
        self.config = config
        self.state = None

    def reset(self, seed=None, mode=None):
        """Equal seeds start equal episodes; ``mode`` is "train" or "val"."""
        places = np.random.default_rng(seed).choice(self.config.size**2, size=2, replace=False)
        player, apple = (divmod(int(place), self.config.size) for place in places)
        self.state = FieldState(player, apple, noise=(seed or 0,), draws=0)
        return self.render()

    def step(self, action):
        """One action: (observation, reward, done, info)."""
        state, most = self.state, self.config.size - 1
        rng = np.random.default_rng([*state.noise, state.draws])
        down, right = STEPS[int(rng.integers(1, 5)) if rng.random() < self.config.wind else action]
        row, column = state.player
        player = (min(max(row + down, 0), most), min(max(column + right, 0), most))
        self.state = state._replace(player=player, draws=state.draws + 1)
        done = player == state.apple
        return self.render(), float(done), done, {"success": done}

    def render(self, mode=None):
        """The observation."""
        symbols = {self.state.apple: "G", self.state.player: "P"}
        cells = range(self.config.size)
        return "\n".join("".join(symbols.get((row, column), "_") for column in cells) for row in cells)

    def close(self):
        """Nothing is held."""


class FieldSnapshots:
    """Saves all that the future depends on, the wind included."""

    mergeable = True  # equal snapshots: equal futures

    def save(self, env):
        return env.state

    def restore(self, env, snapshot):
        env.state = snapshot

    def reseed(self, env, entropy):  # without wind: reseed = None
        env.state = env.state._replace(noise=tuple(entropy), draws=0)


@dataclass(frozen=True)
class Closeness:
    """Minus the distance to the apple."""

    rank_by: ClassVar[str] = "last"

    def __call__(self, before, turn, after):
        state = after.snapshot
        return -float(abs(state.player[0] - state.apple[0]) + abs(state.player[1] - state.apple[1]))


TASK = TaskParts(
    env_type="windy_field",
    env=WindyField,
    settings=FieldSettings,
    snapshotter=FieldSnapshots,
    scorer=Closeness,
    config="""
defaults:
  - override /algo: grpo

es_manager:
  train:
    env_configs:
      tags: [WindyField]

custom_envs:
  WindyField:
    env_type: windy_field
    max_actions_per_traj: 10
    max_tokens: 100
    env_instruction: >-
      Walk over the field to the apple. The wind may carry you. Answer with moves in order,
      as in <answer>Up || Left || Left</answer>.
    env_config: {size: 5, wind: 0.1}
""",
)
