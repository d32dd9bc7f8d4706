"""FrozenLake beside gymnasium's own environment on the same maps, and beside upstream's where that is installed."""

import importlib
import os
import random
import sys
import types
from pathlib import Path

import pytest

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig

pytest.importorskip("gymnasium", reason="needs gymnasium (the dev extra)", minversion="1.2")

SETTINGS = {
    "the paper's ice": {"success_rate": 1 / 3},
    "RAGEN's ice, larger, coordinates": {"size": 6, "observation_format": "grid_coord"},
    "many holes": {"size": 7, "p": 0.55, "success_rate": 0.3, "observation_format": "coord"},
    "safe": {"is_slippery": False},
    "always as meant": {"success_rate": 1.0},
    "never as meant": {"success_rate": 0.0, "size": 3},
}
SEEDS = random.Random(1).sample(range(2**32), 25)


def actions_of(seed):
    draws = random.Random(seed)
    return [draws.randint(1, 4) for _ in range(25)]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_steps_equal_gymnasiums_on_the_same_map(settings):
    from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv as Gymnasium

    ours = FrozenLakeEnv(FrozenLakeEnvConfig(**settings))
    for seed in SEEDS:
        ours.reset(seed=seed)
        theirs = Gymnasium(
            desc=[b"".join(row).decode() for row in ours.desc],
            is_slippery=ours.config.is_slippery,
            success_rate=ours.config.success_rate,
        )
        assert theirs.reset(seed=seed)[0] == ours.s
        for action in actions_of(seed):
            state, reward, done, _, _ = theirs.step(action - 1)
            _, gained, over, info = ours.step(action)
            assert (ours.s, gained, over) == (state, reward, done)
            assert type(gained) is type(reward)
            assert info["success"] == (ours.desc[ours.player_pos] == b"G")


@pytest.fixture(scope="module")
def upstream():
    """Upstream's FrozenLake module, without the other tasks' dependencies."""
    home = os.environ.get("RAGEN_HOME")
    if not home:
        pytest.skip("needs RAGEN_HOME (an upstream checkout)")
    before, path = dict(sys.modules), list(sys.path)
    sys.path.insert(0, home)
    try:
        importlib.import_module("ragen")
        package = types.ModuleType("ragen.env")
        package.__path__ = [str(Path(home) / "ragen" / "env")]
        sys.modules["ragen.env"] = package
        yield importlib.import_module("ragen.env.frozen_lake")
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name.split(".")[0] == "ragen"]:
            del sys.modules[name]
        sys.modules.update({name: m for name, m in before.items() if name.split(".")[0] == "ragen"})


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_maps_texts_and_steps_equal_upstreams(upstream, settings):
    theirs = upstream.FrozenLakeEnv(upstream.FrozenLakeEnvConfig(**settings))
    ours = FrozenLakeEnv(FrozenLakeEnvConfig(**settings))
    for seed in SEEDS:
        assert ours.reset(seed=seed) == theirs.reset(seed=seed)
        assert ours.desc.tolist() == theirs.desc.tolist()
        for action in actions_of(seed):
            mine, other = ours.step(action), theirs.step(action)
            assert mine == other
            assert [type(value) for value in mine] == [type(value) for value in other]
            assert ours.player_pos == theirs.player_pos
