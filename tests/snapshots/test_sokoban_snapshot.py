"""The Sokoban snapshot is exact, shares the board, merges equal states, and would be caught forgetting."""

import copy
import pickle

import pytest
from hypothesis import Phase

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig, SokobanState
from ragen_tsr.snapshots import snapshot_for
from ragen_tsr.snapshots.exactness import Forgetful, SnapshotExactness


class TestOneBox(SnapshotExactness):
    actions = (1, 2, 3, 4)

    def make_env(self):
        return SokobanEnv(SokobanEnvConfig(dim_x=6, dim_y=6, num_boxes=1, max_steps=9))


class TestTwoBoxesWithCoordinatesAndEveryAction(SnapshotExactness):
    actions = tuple(range(9))

    def make_env(self):
        config = SokobanEnvConfig(dim_x=8, dim_y=8, num_boxes=2, search_depth=10, observation_format="grid_coord")
        return SokobanEnv(config)


class TestImage(SnapshotExactness):
    actions = (1, 2, 3, 4)
    examples = 10

    def make_env(self):
        return SokobanEnv(SokobanEnvConfig(dim_x=6, dim_y=6, num_boxes=1, render_mode="rgb_array"))


class OneFieldForgotten(TestOneBox):
    __test__ = False

    def __init__(self, field, sees_attributes):
        self.field, self.sees_attributes = field, sees_attributes

    def snapshotter(self, env):
        return Forgetful(snapshot_for(env), self.field)

    def state_of(self, env):
        return super().state_of(env) if self.sees_attributes else None


@pytest.mark.parametrize("sees_attributes", [True, False], ids=["by attributes", "by behaviour alone"])
@pytest.mark.parametrize("field", SokobanState._fields)
def test_a_snapshot_that_forgets_one_field_is_caught(field, sees_attributes):
    with pytest.raises(AssertionError, match=r"restored into .*: after \d+ actions"):
        OneFieldForgotten(field, sees_attributes).check(phases=(Phase.generate,))


def two_envs(**settings):
    config = {"dim_x": 6, "dim_y": 6, "num_boxes": 1} | settings
    return SokobanEnv(SokobanEnvConfig(**config)), SokobanEnv(SokobanEnvConfig(**config))


def test_slot_mates_share_the_board_and_their_equal_states_merge():
    one, two = two_envs()
    one.reset(seed=3)
    two.reset(seed=3)
    save = snapshot_for(one).save
    assert save(one).board is save(two).board
    assert {save(one): "kept"}[save(two)] == "kept"
    one.step(1)
    assert save(one) != save(two)
    two.step(1)
    assert save(one) == save(two)


def test_a_branch_copies_nothing_that_does_not_change():
    env, other = two_envs()
    env.reset(seed=3)
    before = snapshot_for(env).save(env)
    env.step(1)
    assert snapshot_for(env).save(env).board is before.board
    snapshot_for(other).restore(other, before)
    assert other.state.board is before.board


def test_a_scratch_object_without_a_room_can_be_restored_into():
    env, scratch = two_envs()
    text = env.reset(seed=3)
    snapshot_for(scratch).restore(scratch, snapshot_for(env).save(env))
    assert scratch.render() == text


def test_a_snapshot_made_under_other_settings_is_refused():
    env, _ = two_envs()
    other, _ = two_envs(max_steps=7)
    env.reset(seed=3)
    with pytest.raises(ValueError, match=r"max_steps=100.*max_steps=7"):
        snapshot_for(other).restore(other, snapshot_for(env).save(env))


@pytest.mark.parametrize("transfer", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_snapshots_survive_copying_and_pickling(transfer):
    env, other = two_envs()
    env.reset(seed=3)
    env.step(2)
    snapshot = snapshot_for(env).save(env)
    moved = transfer(snapshot)
    assert moved == snapshot
    assert hash(moved) == hash(snapshot)
    snapshot_for(other).restore(other, moved)
    assert other.step(1) == env.step(1)


def test_the_game_has_no_noise_to_reseed():
    env, _ = two_envs()
    assert snapshot_for(env).reseed is None
    assert snapshot_for(env).mergeable
