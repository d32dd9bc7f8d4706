"""Sokoban's solver plays optimal moves, and its walks stay where there is something to solve."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from ragen_tsr.models.tasks.base import Turn
from ragen_tsr.models.tasks.sokoban import SokobanTask
from ragen_tsr.models.tiny import default_config

TASK = SokobanTask()
NUMBERS = {"Up": 1, "Down": 2, "Left": 3, "Right": 4}


@pytest.fixture(scope="module")
def met():
    return list(
        islice(TASK.walk(default_config("sokoban"), 0, random.Random(0), lambda position, left: Turn([], "")), 100)
    )


def test_walks_meet_unsolved_solvable_states(met):
    assert all(position.room.distance[position.state] > 0 for position in met)


def test_the_solvers_actions_are_optimal(met):
    for position in met:
        actions = TASK.solve(position, 3, random.Random(0))
        assert 1 <= len(actions) <= 3
        state = position.state
        for action in actions:
            assert NUMBERS[action] in position.room.optimal_actions(state)
            state = position.room.step(state, NUMBERS[action])


def test_random_actions_are_of_all_kinds(met):
    assert set(TASK.wander(met[0], 100, random.Random(0))) == set(NUMBERS)
