"""Which room a seed gives, and what happens to seeds that give none."""

import concurrent.futures
import subprocess
import sys

import pytest

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig, get_shortest_action_path
from ragen_tsr.embedded.env.sokoban.board import rules_of
from ragen_tsr.embedded.env.sokoban.room import (
    NothingPulledError,
    TooFewFloorsError,
    _seeded_level,
    generate_level,
    level_for,
    next_seed,
)

SMALL = {"dim_x": 6, "dim_y": 6, "num_boxes": 1}
LARGER = {"dim_x": 8, "dim_y": 8, "num_boxes": 2, "search_depth": 10}


def text(seed, **settings):
    return SokobanEnv(SokobanEnvConfig(**settings)).reset(seed=seed).splitlines()


def test_recorded_rooms():
    assert text(10000, **SMALL) == ["######", "#O####", "#__###", "#X_###", "#_P_##", "######"]
    assert text(10402, **LARGER)[3:] == ["#____###", "#____###", "#OXP#__#", "#___X_O#", "########"]
    assert text(10404, **LARGER)[:4] == ["########", "#####P_#", "#####_O#", "#####XX#"]
    assert text(10701, **SMALL | {"dim_x": 7, "dim_y": 9})[2:5] == ["##P_____#", "#_X_____#", "#____O__#"]


@pytest.mark.parametrize("settings", [SMALL, LARGER], ids=["one box", "two boxes"])
def test_every_room_starts_unsolved_and_can_be_solved(settings):
    env = SokobanEnv(SokobanEnvConfig(**settings))
    for seed in range(12):
        env.reset(seed=seed)
        assert env.boxes_on_target == 0
        path = get_shortest_action_path(env.room_fixed, env.room_state)
        assert path
        assert [env.step(action) for action in path][-1][3]["success"]


def test_seeds_that_give_no_room_raise_upstreams_kinds_of_error():
    rules = rules_of(SokobanEnvConfig(**LARGER))
    with pytest.raises(TooFewFloorsError, match="3 floors are too few") as error:
        generate_level(rules, 10002)
    assert isinstance(error.value, RuntimeError)
    with pytest.raises(NothingPulledError) as nothing:
        generate_level(rules, 10005)
    assert isinstance(nothing.value, RuntimeWarning)


def test_such_a_seed_goes_on_with_the_next_one_in_every_process():
    assert next_seed(10002) == 2838248743
    code = (
        "from ragen_tsr.embedded.env.sokoban import *;"
        f"print(SokobanEnv(SokobanEnvConfig(**{LARGER})).reset(seed=10002))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.splitlines() == text(10002, **LARGER)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "7"])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match=r"seed=.*allowed are None and whole numbers from 0 to 4294967295"):
        text(seed, **SMALL)


def test_the_largest_seed_and_no_seed():
    assert text(2**32 - 1, **SMALL)
    assert len({tuple(text(None, **SMALL)) for _ in range(8)}) > 1


def test_settings_that_give_no_room_at_all_are_an_error_that_names_them():
    with pytest.raises(RuntimeError, match=r"dim_room=\(4, 4\), num_boxes=3, search_depth=300: none of"):
        text(1, dim_x=4, dim_y=4, num_boxes=3)


def test_rooms_are_the_same_whichever_thread_makes_them():
    rules = rules_of(SokobanEnvConfig(**SMALL))
    _seeded_level.cache_clear()
    alone = [level_for(rules, seed) for seed in range(40)]
    _seeded_level.cache_clear()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: level_for(rules, seed), range(40)))
    assert together == alone
