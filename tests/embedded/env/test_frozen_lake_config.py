"""FrozenLake's settings: upstream's defaults, and refusal of what cannot work."""

import pytest
from omegaconf import OmegaConf

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig
from ragen_tsr.embedded.env.frozen_lake.lake import rules_of


def test_defaults_are_upstreams():
    config = FrozenLakeEnvConfig()
    assert (config.size, config.p, config.success_rate, config.is_slippery) == (4, 0.9, 0.8, True)
    assert config.map_seed is None
    assert (config.render_mode, config.observation_format) == ("text", "grid")
    assert config.action_map == {1: 0, 2: 1, 3: 2, 4: 3}
    assert config.map_lookup == {b"P": 0, b"F": 1, b"H": 2, b"G": 3}
    assert config.grid_lookup == {0: "P", 1: "_", 2: "O", 3: "G", 4: "X", 5: "√"}
    assert config.action_lookup == {1: "Left", 2: "Down", 3: "Right", 4: "Up"}
    assert list(config.grid_vocab) == list(config.grid_lookup.values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 1}, "size=1: allowed are whole numbers of at least 2"),
        ({"size": 4.0}, r"size=4\.0: allowed are whole numbers"),
        ({"p": 1.1}, r"p=1\.1: allowed are numbers from 0 to 1"),
        ({"p": float("nan")}, "p=nan"),
        ({"success_rate": -0.1}, r"success_rate=-0\.1: allowed are numbers from 0 to 1"),
        ({"success_rate": "1/3"}, "success_rate='1/3'"),
        ({"success_rate": True}, "success_rate=True"),
        ({"is_slippery": 1}, "is_slippery=1: allowed are True and False"),
        ({"map_seed": -1}, "map_seed=-1: allowed are None and whole numbers"),
        ({"observation_format": "grids"}, "observation_format='grids': allowed are grid, coord, grid_coord"),
        ({"render_mode": "human"}, "render_mode='human': allowed are text, rgb_array"),
        ({"map_lookup": {"F": 1, "H": 2}}, "map_lookup=.*codes from 0 to 5 for F, H and G"),
        ({"map_lookup": {"F": 1, "H": 2, "G": 6}}, "map_lookup="),
        ({"map_lookup": {"F": 1, "H": 2, "G": 3, "S": 1}}, "map_lookup="),
        ({"map_lookup": "FHG"}, "map_lookup='FHG': allowed is a mapping"),
        ({"grid_lookup": {"0": "P"}}, r"grid_lookup has the keys \['0'\]: allowed are whole numbers from 0 to 5"),
        ({"action_map": {}}, "action_map={}: allowed is a mapping from actions to directions"),
        ({"action_map": {1: 4}, "action_lookup": {1: "Left"}}, "action_map={1: 4}: allowed are directions from 0 to 3"),
        ({"action_lookup": {5: "Jump"}}, "action_lookup={5: 'Jump'}: allowed are names for .* 1, 2, 3, 4"),
    ],
)
def test_values_that_cannot_work_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        FrozenLakeEnvConfig(**settings)


def test_settings_from_a_composed_configuration():
    composed = OmegaConf.create(
        {
            "size": 6,
            "p": 0.6,
            "success_rate": 1,
            "grid_lookup": {0: "A", 1: ".", 2: "H", 3: "T"},
            "map_lookup": {"F": 1, "H": 2, "G": 3},
        }
    )
    config = FrozenLakeEnvConfig(**composed)
    assert type(config.grid_lookup) is type(config.map_lookup) is dict
    assert type(config.success_rate) is float
    assert set(FrozenLakeEnv(config).reset(seed=3)) == set("A.HT\n")


def test_codes_and_symbols_may_be_others_and_a_missing_one_is_a_question_mark():
    config = FrozenLakeEnvConfig(map_lookup={"F": 5, "H": 1, "G": 3}, grid_lookup={0: "P", 5: ",", 1: "#"})
    assert set(FrozenLakeEnv(config).reset(seed=10001)) == set("P,#?\n")


def test_equal_settings_are_the_same_rules():
    one, two = FrozenLakeEnvConfig(success_rate=1), FrozenLakeEnvConfig(success_rate=1.0)
    assert rules_of(one) is rules_of(two)
    assert rules_of(one) is not rules_of(FrozenLakeEnvConfig(success_rate=0.5))
