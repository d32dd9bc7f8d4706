"""Sokoban beside upstream's own environment, on random seeds; only where upstream is installed."""

import importlib
import os
import random
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig, get_shortest_action_path
from ragen_tsr.embedded.env.sokoban.room import RoomError, generate_level

SETTINGS = {
    "SimpleSokoban": {"dim_x": 6, "dim_y": 6, "num_boxes": 1},
    "LargerSokoban": {"dim_x": 8, "dim_y": 8, "num_boxes": 2, "search_depth": 10},
    "CoordSokoban": {"dim_x": 6, "dim_y": 6, "num_boxes": 1, "observation_format": "grid_coord"},
    "oblong": {"dim_x": 5, "dim_y": 9, "num_boxes": 1, "max_steps": 5, "observation_format": "coord"},
    "two boxes, deep": {"dim_x": 5, "dim_y": 6, "num_boxes": 2},
    "three boxes": {"dim_x": 7, "dim_y": 7, "num_boxes": 3, "search_depth": 12},
}
SEEDS = random.Random(1).sample(range(2**32), 10)


@pytest.fixture(scope="module")
def upstream():
    """Upstream's Sokoban modules, without the other tasks' dependencies."""
    home = os.environ.get("RAGEN_HOME")
    if not home:
        pytest.skip("needs RAGEN_HOME (an upstream checkout) and gym, gym_sokoban")
    before, path = dict(sys.modules), list(sys.path)
    sys.path.insert(0, home)
    try:
        importlib.import_module("ragen")
        package = types.ModuleType("ragen.env")
        package.__path__ = [str(Path(home) / "ragen" / "env")]
        sys.modules["ragen.env"] = package
        pytest.importorskip("gym_sokoban", reason="needs gym and gym_sokoban", exc_type=ImportError)
        yield types.SimpleNamespace(
            env=importlib.import_module("ragen.env.sokoban.env").SokobanEnv,
            config=importlib.import_module("ragen.env.sokoban.config").SokobanEnvConfig,
            solve=importlib.import_module("ragen.env.sokoban.utils").get_shortest_action_path,
        )
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name.split(".")[0] == "ragen"]:
            del sys.modules[name]
        sys.modules.update({name: m for name, m in before.items() if name.split(".")[0] == "ragen"})


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_rooms_texts_rewards_and_paths_equal_upstreams(upstream, settings):
    theirs, ours = upstream.env(upstream.config(**settings)), SokobanEnv(SokobanEnvConfig(**settings))
    compared = 0
    for seed in SEEDS:
        try:
            generate_level(ours.rules, seed)
        except RoomError:
            continue  # upstream goes on from such a seed in its own way
        compared += 1
        assert ours.reset(seed=seed) == theirs.reset(seed=seed)
        assert np.array_equal(ours.room_fixed, theirs.room_fixed)
        actions = [random.Random(seed).randrange(9) for _ in range(12)]
        if ours.num_boxes < 3:
            path = get_shortest_action_path(ours.room_fixed, ours.room_state)
            assert path == upstream.solve(theirs.room_fixed, theirs.room_state)
            actions = path + actions
        for action in actions:
            mine, other = ours.step(action), theirs.step(action)
            assert mine == other
            assert [type(value) for value in mine] == [type(value) for value in other]
            assert np.array_equal(ours.room_state, theirs.room_state)
    assert compared >= 2
