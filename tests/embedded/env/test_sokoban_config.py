"""Sokoban's settings: upstream's defaults, and refusal of what cannot work."""

import pytest
from omegaconf import OmegaConf

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig
from ragen_tsr.embedded.env.sokoban.board import rules_of


def test_defaults_are_upstreams():
    config = SokobanEnvConfig()
    assert (config.dim_room, config.max_steps, config.num_boxes, config.search_depth) == ((6, 6), 100, 3, 300)
    assert (config.render_mode, config.observation_format) == ("text", "grid")
    assert config.grid_lookup == {0: "#", 1: "_", 2: "O", 3: "√", 4: "X", 5: "P", 6: "S"}
    assert config.action_lookup == {1: "Up", 2: "Down", 3: "Left", 4: "Right"}
    assert list(config.grid_vocab) == list(config.grid_lookup.values())


def test_dim_x_and_dim_y_replace_dim_room():
    config = SokobanEnvConfig(dim_x=5, dim_y=8)
    assert (config.dim_room, config.dim_x, config.dim_y) == ((5, 8), None, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"observation_format": "grids"}, "observation_format='grids': allowed are grid, coord, grid_coord"),
        ({"render_mode": "human"}, "render_mode='human': allowed are text, rgb_array"),
        ({"dim_x": 6}, "dim_x=6, dim_y=None: give both"),
        ({"dim_room": (2, 6)}, r"dim_room=\(2, 6\): allowed are two whole numbers, each at least 3"),
        ({"dim_room": (6, 6.0)}, "dim_room="),
        ({"num_boxes": 0}, "num_boxes=0: allowed are whole numbers of at least 1"),
        ({"max_steps": True}, "max_steps=True"),
        ({"search_depth": 2}, "search_depth=2: allowed are whole numbers of at least 3"),
        ({"grid_lookup": {"0": "#"}}, r"grid_lookup has the keys \['0'\]"),
        ({"grid_lookup": "#_O"}, "grid_lookup='#_O': allowed is a mapping"),
        (
            {"action_lookup": {9: "Jump"}},
            r"action_lookup has the keys \[9\]: allowed are whole numbers from 0 to 8",
        ),
    ],
)
def test_values_that_cannot_work_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SokobanEnvConfig(**settings)


def test_settings_from_a_composed_configuration():
    composed = OmegaConf.create(
        {
            "dim_x": 6,
            "dim_y": 6,
            "num_boxes": 1,
            "grid_lookup": {0: "W", 1: ".", 2: "G", 3: "C", 4: "B", 5: "A", 6: "@"},
        }
    )
    config = SokobanEnvConfig(**composed)
    assert type(config.grid_lookup) is dict
    assert set(SokobanEnv(config).reset(seed=3)) <= set("W.GCBA@\n")


def test_equal_settings_are_the_same_rules():
    one, two = SokobanEnvConfig(num_boxes=1), SokobanEnvConfig(num_boxes=1)
    assert rules_of(one) is rules_of(two)
    assert rules_of(one) is not rules_of(SokobanEnvConfig(num_boxes=2))
