"""Walking, slipping, rewards, ends of episodes and observations of FrozenLake; maps with known answers."""

import random

import numpy as np
import pytest

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig, FrozenLakeState
from ragen_tsr.embedded.env.frozen_lake.lake import Lake
from ragen_tsr.embedded.env.frozen_lake.maps import lake_for
from ragen_tsr.embedded.env.frozen_lake.noise import NoiseStream, noise_stream

LEFT, DOWN, RIGHT, UP = 1, 2, 3, 4
STRAIGHT = [0.5] * 100


def lake_env(tiles="SFF FFF HFG", cell=None, noise=STRAIGHT, **settings):
    """An environment on a map of one's own, with the numbers that decide the slips."""
    rows = tiles.split()
    env = FrozenLakeEnv(FrozenLakeEnvConfig(**({"size": len(rows), "success_rate": 1 / 3} | settings)))
    lake = Lake(env.rules, "".join(rows))
    env.state = FrozenLakeState(lake, lake.start if cell is None else cell, noise, 0)
    return env


def positions(env, actions):
    return [(env.step(action), env.s)[1] for action in actions]


def test_a_recorded_episode():
    env = FrozenLakeEnv(FrozenLakeEnvConfig())
    assert env.reset(seed=10000) == "____\n____\n____\nGP__"
    assert [env.step(action)[0] for action in (UP, LEFT)] == ["____\n____\n_P__\nG___", "____\n____\nP___\nG___"]
    assert env.player_pos == (2, 0)


def test_walking_and_bumping_on_safe_ice():
    env = lake_env(is_slippery=False)
    assert positions(env, (LEFT, UP, RIGHT, RIGHT, RIGHT, DOWN)) == [0, 0, 1, 2, 2, 5]
    assert env.step(RIGHT)[3] == {"action_is_effective": False, "action_is_valid": True, "success": False}
    assert env.step(LEFT)[3]["action_is_effective"]


def test_reaching_the_goal_pays_one_once_and_ends_the_episode():
    env = lake_env(cell=5)
    text, reward, done, info = env.step(DOWN)
    assert (text, reward, type(reward), done, info["success"]) == ("___\n___\nO_√", 1, int, True, True)
    assert env.step(UP)[1:] == (0, True, {"action_is_effective": False, "action_is_valid": True, "success": True})


def test_a_hole_pays_nothing_and_ends_the_episode():
    env = lake_env(cell=3)
    text, reward, done, info = env.step(DOWN)
    assert (text, reward, type(reward), done, info["success"]) == ("___\n___\nX_G", 0, int, True, False)
    assert env.step(UP)[1:3] == (0, True)
    assert env.s == 6


@pytest.mark.parametrize(
    ("number", "ends_at"), [(0.0, 3), (0.33, 3), (0.34, 7), (0.66, 7), (0.67, 5), (0.99, 5)], ids=str
)
def test_one_slips_to_either_side_and_never_back(number, ends_at):
    assert positions(lake_env("SFF FFF FFG", cell=4, noise=[number]), [DOWN]) == [ends_at]


@pytest.mark.parametrize(("action", "sides"), [(LEFT, (1, 7)), (DOWN, (3, 5)), (RIGHT, (7, 1)), (UP, (5, 3))])
def test_the_sides_of_every_direction(action, sides):
    slipped = [positions(lake_env("SFF FFF FFG", cell=4, noise=[number]), [action])[0] for number in (0.1, 0.9)]
    assert tuple(slipped) == sides


@pytest.mark.parametrize(("success_rate", "ends_at"), [(0.5, 5), (0.3, 3)])
def test_a_number_that_the_rounded_sum_does_not_exceed_counts_as_the_first(success_rate, ends_at):
    largest = 1 - 2.0**-53  # that a generator gives; 0.35 + 0.3 + 0.35 is not above it
    env = lake_env("SFF FFF FFG", cell=4, noise=[largest], success_rate=success_rate)
    assert positions(env, [DOWN]) == [ends_at]


def test_every_step_uses_one_number_also_on_safe_ice_and_after_the_end():
    for env in (lake_env(is_slippery=False), lake_env(success_rate=1.0), lake_env(cell=6), lake_env()):
        positions(env, (RIGHT, DOWN, LEFT))
        assert env.state.draws == 3


def test_the_slips_of_a_seed_are_those_of_its_generator():
    env = FrozenLakeEnv(FrozenLakeEnvConfig())
    env.reset(seed=7)
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(7)))
    expected.random()  # the draw of the start state
    state = env.state
    assert [state.noise[state.draws + step] for step in range(100)] == [expected.random() for _ in range(100)]


def test_slips_have_the_configured_frequencies():
    env = FrozenLakeEnv(FrozenLakeEnvConfig(size=3, success_rate=0.5))
    lake, ends = Lake(env.rules, "SFFFFFFFG"), []
    for key in range(4000):
        env.state = FrozenLakeState(lake, 4, noise_stream((key,)), 0)
        ends += positions(env, [DOWN])
    share = {cell: ends.count(cell) / 4000 for cell in (3, 7, 5, 1)}
    assert share[1] == 0
    assert [share[3], share[7], share[5]] == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_equal_seeds_repeat_map_and_slips_and_others_do_not():
    def played(env, seed):
        return [env.reset(seed=seed), *(env.step(1 + step % 4)[0] for step in range(8))]

    one, two = (FrozenLakeEnv(FrozenLakeEnvConfig(success_rate=1 / 3, size=6)) for _ in range(2))
    assert played(one, 5) == played(one, 5) == played(two, 5)
    assert len({tuple(played(one, seed)) for seed in range(20)}) == 20


def test_maps_have_a_way_and_start_and_goal_apart():
    rules = FrozenLakeEnv(FrozenLakeEnvConfig(p=0.5, size=5)).rules
    for seed in range(200):
        lake = lake_for(rules, seed)
        assert sorted(lake.tiles.replace("F", "").replace("H", "")) == ["G", "S"]
        reached = {lake.start}
        for _ in lake.tiles:
            reached |= {to for cell in reached for to in lake.after[cell] if lake.tiles[to] != "H"}
        assert lake.goal in reached


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_map_of_holes_or_of_ice_alone_is_possible(p):
    tiles = lake_for(FrozenLakeEnv(FrozenLakeEnvConfig(p=p)).rules, 3).tiles
    assert set(tiles) == {"S", "G", "H" if p == 0 else "F"}


def test_a_random_policy_reaches_the_goal_in_about_a_quarter_of_the_validation_episodes():
    env = FrozenLakeEnv(FrozenLakeEnvConfig(success_rate=1 / 3))
    draws, reached = random.Random(0), 0
    for _ in range(4):
        for seed in range(123, 123 + 256):
            env.reset(seed=seed)
            for _ in range(10):
                _, reward, done, _ = env.step(draws.randint(1, 4))
                reached += reward
                if done:
                    break
    assert 0.20 < reached / 1024 < 0.29  # 0.243 by dynamic programming over these maps


def test_a_hole_of_the_first_map_drawn_foretells_the_slip_of_the_step_with_its_number():
    env, foretold = FrozenLakeEnv(FrozenLakeEnvConfig()), []
    for seed in range(200):
        env.reset(seed=seed)
        lake, noise = env.state.lake, env.state.noise
        foretold += [noise[cell] >= 0.9 for cell, tile in enumerate(lake.tiles) if tile == "H"]
    assert sum(foretold) / len(foretold) > 0.8  # the others are on maps that had to be drawn again


def test_the_three_formats():
    env = lake_env("FSF FHF FFG", observation_format="grid_coord")
    board = "Board size: 3 rows x 3 cols (zero-indexed)."
    coordinates = f"{board}\nStart: (0, 1)\nGoal: (2, 2)\nPlayer: (0, 1)\nHoles: (1, 1)"
    assert env.render("coord") == coordinates
    assert env.render("grid") == "_P_\n_O_\n__G"
    assert env.render() == f"Coordinates: \n{coordinates}\nGrid Map: \n_P_\n_O_\n__G"
    assert env.step(DOWN)[0].splitlines()[4:6] == ["Player in hole: (1, 1)", "Holes: (1, 1)"]


def test_coordinates_without_holes_and_on_the_goal():
    env = lake_env("SF FG", cell=1, observation_format="coord")
    assert env.render().splitlines()[1:] == ["Start: (0, 0)", "Goal: (1, 1)", "Player: (0, 1)"]
    assert env.step(DOWN)[0].splitlines()[1:] == ["Start: (0, 0)", "Goal: (1, 1)", "Player on goal: (1, 1)"]


def test_the_start_is_drawn_as_ice_once_the_player_has_left_it():
    env = lake_env("SF FG", is_slippery=False)
    assert env.step(RIGHT)[0] == "_P\n_G"


def test_the_image_shows_what_changed_and_nothing_else():
    env = lake_env(render_mode="rgb_array")
    before = env.render()
    assert (before.shape, before.dtype) == ((48, 48, 3), np.uint8)
    after = env.step(RIGHT)[0]
    changed = np.argwhere((before != after).any(axis=2)) // 16
    assert {tuple(cell) for cell in changed.tolist()} == {(0, 0), (0, 1)}
    looks = set()
    for cell, place in ((0, (0, 0)), (1, (0, 0)), (6, (2, 0)), (0, (2, 0)), (8, (2, 2)), (0, (2, 2))):
        env.state = env.state._replace(cell=cell)
        row, column = place
        looks.add(env.render()[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].tobytes())
    assert len(looks) == 6


MALFORMED = [0, 5, -1, 2.5, "Left", "", None, [1], {"a": 1}, (1, [2]), b"\x00", float("nan")]


@pytest.mark.parametrize("action", MALFORMED, ids=repr)
def test_what_is_no_action_changes_nothing(action):
    env = FrozenLakeEnv(FrozenLakeEnvConfig())
    text = env.reset(seed=1)
    before = env.state
    info = {"action_is_effective": False, "action_is_valid": False, "success": False}
    assert env.step(action) == (text, 0, False, info)
    assert env.state == before


def test_actions_may_have_other_numbers():
    env = lake_env("SFF FFF FFG", cell=4, action_map={7: 3, 9: 0}, action_lookup={7: "North"})
    assert env.get_all_actions() == [7]
    assert positions(env, (7, 9, 1)) == [1, 0, 0]


def test_before_the_first_reset_there_is_the_map_of_map_seed_at_most():
    env = FrozenLakeEnv(FrozenLakeEnvConfig(map_seed=10001))
    assert b"".join(env.desc.ravel()) == b"FGFFFFFHSFHFFFFF"
    env.reset(seed=10000)
    assert b"".join(env.desc.ravel()) == b"FFFFFFFFFFFFGSFF"
    for use in (FrozenLakeEnv.render, lambda e: e.step(1), lambda e: e.desc, lambda e: e.s, lambda e: e.player_pos):
        with pytest.raises(RuntimeError, match=r"call reset\(seed\) first"):
            use(FrozenLakeEnv())


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7"])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match=r"seed=.*: allowed are None and whole numbers from 0 to 4294967295"):
        FrozenLakeEnv().reset(seed=seed)


def test_without_a_seed_maps_differ():
    env = FrozenLakeEnv(FrozenLakeEnvConfig(size=8))
    assert len({env.reset() for _ in range(5)}) == 5


def test_an_unknown_way_to_render_is_refused():
    with pytest.raises(ValueError, match="mode='human': allowed are text, rgb_array, grid"):
        lake_env().render("human")


def test_the_global_generators_are_not_touched():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    env = FrozenLakeEnv()
    env.reset(seed=7)
    env.reset()
    env.step(1)
    assert (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before


def test_a_noise_stream_gives_the_same_numbers_however_far_one_looked_first():
    far, near = NoiseStream((1, 2)), NoiseStream((1, 2))
    assert far[1000] == near[1000]
    assert [far[i] for i in range(40)] == [NoiseStream((1, 2))[i] for i in range(40)]
    assert far == near
    assert hash(far) == hash(near)
    assert far != NoiseStream((1, 3))
