"""FrozenLake's table agrees with the environment, and its solver reaches the goal more often than chance."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig
from ragen_tsr.models.tasks.frozen_lake import FrozenLakeTask
from ragen_tsr.models.tasks.lake import DISCOUNT, Lake

TASK = FrozenLakeTask()
NUMBERS = {"Left": 1, "Down": 2, "Right": 3, "Up": 4}


def test_a_straight_way_on_ice_that_is_not_slippery():
    lake = Lake.from_map(("SFG", "FHF"), 1.0)
    assert lake.plan(0, 2) == [2, 2]
    assert lake.values[:3] == pytest.approx([DISCOUNT**2, DISCOUNT, 1.0])
    assert lake.plan(2, 2) == []  # on the goal
    assert lake.values[4] == 0.0


def test_slippery_ice_is_walked_on_away_from_the_hole():
    """Below the middle is a hole; whoever means to go up cannot slip down."""
    lake = Lake.from_map(("FFF", "SFG", "FHF"), 1 / 3)
    assert lake.plan(4, 1) == [3]


@pytest.mark.parametrize("action", ["Left", "Down", "Right", "Up"])
def test_the_table_has_the_environments_slips(action):
    env = FrozenLakeEnv(FrozenLakeEnvConfig(success_rate=0.5))
    seen: Counter[int] = Counter()
    for seed in range(20):
        env.reset(seed=seed)
        start = TASK.position(env)
        state = env.state
        for draws in range(1, 101):
            env.state = state._replace(draws=draws)
            env.step(NUMBERS[action])
            seen[seed, env.s] += 1
        moved = np.array([seen[seed, cell] for cell in range(16)]) / 100
        direction = {name: number for number, name in start.actions.items()}[action]
        assert np.abs(moved - start.lake.moves[direction, start.cell]).max() < 0.2


def play(share: float, episodes: int = 300) -> float:
    rng, env, reached = random.Random(0), FrozenLakeEnv(FrozenLakeEnvConfig(success_rate=1 / 3)), 0
    for seed in range(episodes):
        env.reset(seed=seed)
        for _ in range(5):
            position = TASK.position(env)
            actions = TASK.solve(position, 2, rng) if rng.random() < share else TASK.wander(position, 2, rng)
            over = False
            for action in actions:
                _, reward, over, _ = env.step(NUMBERS[action])
                reached += reward
                if over:
                    break
            if over:
                break
    return reached / episodes


def test_the_solver_beats_chance_by_far():
    assert play(1.0) > 1.5 * play(0.0)
