"""Moving, rewards, ends of episodes and observations of Sokoban; rooms with known answers."""

import random

import numpy as np
import pytest

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig, get_shortest_action_path

UP, DOWN, LEFT, RIGHT = 1, 2, 3, 4
LARGER = {"dim_x": 8, "dim_y": 8, "num_boxes": 2, "search_depth": 10}


def small(**settings):
    return SokobanEnv(SokobanEnvConfig(**({"dim_x": 6, "dim_y": 6, "num_boxes": 1} | settings)))


def rewards(env, actions):
    return [env.step(action)[1] for action in actions]


def test_a_recorded_room_is_solved_and_pays_in_every_solved_step():
    env = small()
    assert env.reset(seed=10000) == "######\n#O####\n#__###\n#X_###\n#_P_##\n######"
    results = [env.step(action) for action in (LEFT, UP, UP)]
    assert [(reward, done) for _, reward, done, _ in results] == [(-0.1, False), (-0.1, False), (10.9, True)]
    assert results[-1][0] == "######\n#√####\n#P_###\n#__###\n#___##\n######"
    assert results[-1][3] == {"action_is_effective": True, "action_is_valid": True, "success": True}
    assert env.step(DOWN)[1:3] == (9.9, True)


def test_a_box_on_and_off_its_target_pays_once_each():
    env = SokobanEnv(SokobanEnvConfig(**LARGER))
    env.reset(seed=10405)
    assert rewards(env, (RIGHT, RIGHT)) == [0.9, -1.1]
    assert env.boxes_on_target == 0


def test_bumping_into_a_wall_is_not_effective():
    env = small()
    before = env.reset(seed=10000)
    text, reward, done, info = env.step(DOWN)
    assert (text, reward, done) == (before, -0.1, False)
    assert info == {"action_is_effective": False, "action_is_valid": True, "success": False}


def test_neither_two_boxes_nor_a_box_before_a_wall_can_be_pushed():
    env = SokobanEnv(SokobanEnvConfig(**LARGER))
    env.reset(seed=10405)
    cell, bits = env.rules.geometry.cell, env.rules.geometry.bits
    assert env.render().splitlines()[5:7] == ["#_XO####", "#PXO_###"]
    env.state = env.state._replace(boxes=bits[cell(6, 2)] | bits[cell(6, 3)])
    assert not env.step(RIGHT)[3]["action_is_effective"]
    env.state = env.state._replace(player=cell(5, 2), boxes=bits[cell(6, 2)] | bits[cell(5, 3)])
    assert not env.step(RIGHT)[3]["action_is_effective"]
    assert env.render().splitlines()[5:7] == ["#_P√####", "#_XO_###"]


def test_only_the_step_with_the_number_max_steps_ends_an_unsolved_episode():
    env = small(max_steps=3)
    env.reset(seed=10000)
    assert [env.step(DOWN)[2] for _ in range(5)] == [False, False, True, False, False]


def test_reset_starts_over():
    env = small(max_steps=3)
    first = env.reset(seed=10000)
    rewards(env, (LEFT, UP, UP))
    assert env.reset(seed=10000) == first
    assert (env.num_env_steps, env.boxes_on_target) == (0, 0)


def test_moves_without_pushing_and_no_operation():
    env = small()
    env.reset(seed=10000)
    env.step(LEFT)
    assert not env.step(UP + 4)[3]["action_is_effective"]
    assert env.step(RIGHT + 4)[3]["action_is_effective"]
    assert env.step(0)[1:3] == (-0.1, False)
    assert env.num_env_steps == 4
    with pytest.raises(ValueError, match=r"action=9: allowed are whole numbers from 0 to 8"):
        env.step(9)


def test_the_player_on_a_target_has_its_own_symbol_and_its_own_line():
    env = SokobanEnv(SokobanEnvConfig(**LARGER))
    env.reset(seed=10402)
    rewards(env, (DOWN, RIGHT))
    env.state = env.state._replace(player=env.rules.geometry.cell(6, 6))
    assert env.render().splitlines()[6][6] == "S"
    assert env.render("coord").splitlines()[-1] == "Player on target: (6, 6)"


def test_coordinates_and_grid_together():
    env = small(dim_x=7, dim_y=9, observation_format="grid_coord")
    assert env.reset(seed=10700) == (
        "Coordinates: \nBoard size: 7 rows x 9 cols (zero-indexed).\nTargets: (2, 7)\nBoxes: (4, 6)\n"
        "Player: (5, 5)\nGrid Map: \n#########\n#####___#\n#####__O#\n#####___#\n#####_X_#\n#####P__#\n"
        "#########"
    )
    assert env.render("coord") + "\nGrid Map: \n" + env.render("grid") == env.render().split("\n", 1)[1]


def test_boxes_on_targets_are_listed_apart():
    env = small(observation_format="coord")
    env.reset(seed=10000)
    rewards(env, (LEFT, UP, UP))
    assert env.render().splitlines()[1:] == ["Targets: (1, 1)", "Boxes on target: (1, 1)", "Player: (2, 1)"]


def test_other_symbols_and_a_missing_one():
    env = small(grid_lookup={0: "W", 1: ".", 2: "G", 4: "B"})
    assert env.reset(seed=10000) == "WWWWWW\nWGWWWW\nW..WWW\nWB.WWW\nW.?.WW\nWWWWWW"


def test_arrays_agree_with_the_text_and_cannot_be_written_to():
    env = small()
    text = env.reset(seed=10000)
    codes = {"#": 0, "_": 1, "O": 2, "X": 4, "P": 5}
    assert env.room_state.tolist() == [[codes[symbol] for symbol in row] for row in text.splitlines()]
    assert np.where(env.room_state >= 4, 1, env.room_state).tolist() == env.room_fixed.tolist()
    assert env.player_position.tolist() == [4, 2]
    with pytest.raises(ValueError, match="read-only"):
        env.room_state[0, 0] = 1


def test_the_image_shows_what_changed_and_nothing_else():
    env = small(render_mode="rgb_array")
    before = env.reset(seed=10000)
    assert (before.shape, before.dtype) == ((96, 96, 3), np.uint8)
    after = env.step(LEFT)[0]
    changed = np.argwhere((before != after).any(axis=2)) // 16
    assert {tuple(cell) for cell in changed.tolist()} == {(4, 1), (4, 2)}
    tiles = {
        code: before[16 * r : 16 * r + 16, 16 * c : 16 * c + 16].tobytes()
        for code, (r, c) in {
            "wall": (0, 0),
            "target": (1, 1),
            "floor": (2, 1),
            "box": (3, 1),
            "player": (4, 2),
        }.items()
    }
    assert len(set(tiles.values())) == 5


@pytest.mark.parametrize(
    "use",
    [
        lambda env: env.render(),
        lambda env: env.step(1),
        lambda env: env.room_state,
        lambda env: env.boxes_on_target,
        lambda env: env.state,
    ],
    ids=["render", "step", "room_state", "boxes_on_target", "state"],
)
def test_before_the_first_reset_there_is_no_room(use):
    with pytest.raises(RuntimeError, match=r"call reset\(seed\) first"):
        use(small())


def test_an_unknown_way_to_render_is_refused():
    env = small()
    env.reset(seed=1)
    with pytest.raises(ValueError, match="mode='human': allowed are text, rgb_array, grid"):
        env.render("human")


def test_the_global_generators_are_not_touched():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    env = small()
    env.reset(seed=7)
    env.reset()
    env.step(1)
    assert (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before


def test_shortest_paths_solve_and_nothing_shorter_does():
    env = small()
    for seed in range(8):
        env.reset(seed=seed)
        start = env.state
        path = get_shortest_action_path(env.room_fixed, env.room_state)
        assert env.state == start
        assert [env.step(action)[2] for action in path] == [False] * (len(path) - 1) + [True]
        assert get_shortest_action_path(env.room_fixed, env.room_state) == []
        env.state = start
        assert get_shortest_action_path(env.room_fixed, env.room_state, MAX_DEPTH=len(path) - 1) == []


def test_the_solver_copes_with_rooms_without_outer_walls_and_needs_a_player():
    fixed, state = np.array([[1, 1, 2]]), np.array([[5, 4, 2]])
    assert get_shortest_action_path(fixed, state) == [RIGHT]
    with pytest.raises(ValueError, match="no player"):
        get_shortest_action_path(fixed, np.array([[1, 4, 2]]))
