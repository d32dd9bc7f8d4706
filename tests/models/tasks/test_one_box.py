"""The table of a room agrees with the game and with the shortest-path search."""

from __future__ import annotations

import numpy as np
import pytest

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig, get_shortest_action_path
from ragen_tsr.models.tasks.one_box import OneBoxRoom
from ragen_tsr.models.tasks.sokoban import SokobanTask

position_of = SokobanTask().position
SEEDS = range(20)


def make_env(seed: int) -> SokobanEnv:
    env = SokobanEnv(SokobanEnvConfig(dim_x=6, dim_y=6, num_boxes=1, max_steps=100))
    env.reset(seed=seed)
    return env


@pytest.mark.parametrize("seed", SEEDS)
def test_distance_is_the_length_of_a_shortest_path(seed):
    env = make_env(seed)
    position = position_of(env)
    path = get_shortest_action_path(env.room_fixed, env.room_state)
    assert position.room.distance[position.state] == len(path)


@pytest.mark.parametrize("seed", SEEDS)
def test_optimal_actions_solve_the_room_in_the_environment(seed):
    env = make_env(seed)
    position = position_of(env)
    state, solved = position.state, False
    for _ in range(position.room.distance[state]):
        assert not solved
        action = position.room.optimal_actions(state)[-1]
        state = position.room.step(state, action)
        _, _, solved, _ = env.step(action)
        assert position_of(env).state == state
    assert solved


@pytest.mark.parametrize("seed", SEEDS)
def test_steps_are_the_environments(seed):
    env, rng = make_env(seed), np.random.default_rng(seed)
    position = position_of(env)
    state = position.state
    for action in rng.integers(1, 5, size=30).tolist():
        env.step(action)
        state = position.room.step(state, action)
        assert position_of(env).state == state


def test_a_box_in_a_corner_has_no_solution():
    room = OneBoxRoom.from_fixed([[0, 0, 0, 0, 0], [0, 1, 1, 2, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]])
    assert room.optimal_actions(((1, 2), (1, 1))) == ()
    assert room.optimal_actions(((1, 1), (1, 2))) == (4,)


def test_rooms_without_exactly_one_target_are_refused():
    with pytest.raises(ValueError, match="0 targets"):
        OneBoxRoom.from_fixed([[0, 1], [1, 1]])
