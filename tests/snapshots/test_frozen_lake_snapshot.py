"""The FrozenLake snapshot is exact, noise included, shares map and noise, merges equal states, and would be caught
forgetting; reseeding replaces the slips and nothing else.
"""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import Phase

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig, FrozenLakeState
from ragen_tsr.snapshots import snapshot_for
from ragen_tsr.snapshots.exactness import Forgetful, SnapshotExactness


class TestSlippery(SnapshotExactness):
    actions = (1, 2, 3, 4)
    examples = 100

    def make_env(self):
        return FrozenLakeEnv(FrozenLakeEnvConfig(success_rate=1 / 3))


class TestLargerWithCoordinatesAndMoreDrawsThanABlock(SnapshotExactness):
    actions = (1, 2, 3, 4, 0, "Left")
    max_length = 30

    def make_env(self):
        return FrozenLakeEnv(FrozenLakeEnvConfig(size=7, p=0.95, success_rate=0.6, observation_format="grid_coord"))


class TestSafeIceAsImage(SnapshotExactness):
    actions = (1, 2, 3, 4)
    examples = 10

    def make_env(self):
        return FrozenLakeEnv(FrozenLakeEnvConfig(is_slippery=False, render_mode="rgb_array"))


class TestReseeded(TestSlippery):
    """The same after the noise was replaced, before the snapshot and on the branch."""

    examples = 60

    def play(self, env, actions):
        record = super().play(env, actions[: len(actions) // 2])
        if len(actions) > 4:
            snapshot_for(env).reseed(env, (len(actions), 3))
        return record + super().play(env, actions[len(actions) // 2 :])


class OneFieldForgotten(TestSlippery):
    __test__ = False

    def __init__(self, field, sees_attributes):
        self.field, self.sees_attributes = field, sees_attributes

    def snapshotter(self, env):
        return Forgetful(snapshot_for(env), self.field)

    def state_of(self, env):
        return super().state_of(env) if self.sees_attributes else None


@pytest.mark.parametrize("sees_attributes", [True, False], ids=["by attributes", "by behaviour alone"])
@pytest.mark.parametrize("field", FrozenLakeState._fields)
def test_a_snapshot_that_forgets_one_field_is_caught(field, sees_attributes):
    with pytest.raises(AssertionError, match=r"restored into .*: after \d+ actions"):
        OneFieldForgotten(field, sees_attributes).check(phases=(Phase.generate,))


def two_envs(**settings):
    config = {"size": 6, "success_rate": 1 / 3} | settings
    return FrozenLakeEnv(FrozenLakeEnvConfig(**config)), FrozenLakeEnv(FrozenLakeEnvConfig(**config))


def played(env, actions=(1, 2, 3, 4) * 3):
    return [env.step(action) for action in actions]


def test_slot_mates_share_map_and_noise_and_their_equal_states_merge():
    one, two = two_envs()
    one.reset(seed=3)
    two.reset(seed=3)
    save = snapshot_for(one).save
    assert save(one).lake is save(two).lake
    assert save(one).noise is save(two).noise
    assert {save(one): "kept"}[save(two)] == "kept"
    one.step(1)
    assert save(one) != save(two)
    two.step(1)
    assert save(one) == save(two)


def test_states_that_differ_in_noise_alone_do_not_merge():
    one, two = two_envs()
    one.reset(seed=3)
    two.reset(seed=3)
    snapshots = snapshot_for(one)
    snapshots.reseed(one, (1, 2))
    assert snapshots.save(one) != snapshots.save(two)
    snapshots.reseed(two, (1, 2))
    assert snapshots.save(one) == snapshots.save(two)


def test_reseeding_replaces_the_slips_by_those_of_the_entropy_and_leaves_the_rest():
    env, other = two_envs()
    env.reset(seed=3)
    env.step(1)
    before = env.state
    entropy = (7, 0, 2**40, 5)
    snapshot_for(env).reseed(env, entropy)
    assert env.state._replace(noise=before.noise, draws=before.draws) == before
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
    assert [env.state.noise[env.state.draws + i] for i in range(40)] == [expected.random() for _ in range(40)]
    other.state = before
    assert played(env) != played(other)


@pytest.mark.parametrize("transfer", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_snapshots_survive_copying_and_pickling(transfer):
    env, other = two_envs()
    env.reset(seed=3)
    snapshot_for(env).reseed(env, (1, 2, 3))
    env.step(2)
    snapshot = snapshot_for(env).save(env)
    moved = transfer(snapshot)
    assert moved == snapshot
    assert hash(moved) == hash(snapshot)
    snapshot_for(other).restore(other, moved)
    assert played(other) == played(env)


def test_a_scratch_object_without_a_map_can_be_restored_into():
    env, scratch = two_envs()
    text = env.reset(seed=3)
    snapshot_for(scratch).restore(scratch, snapshot_for(env).save(env))
    assert scratch.render() == text


def test_a_snapshot_made_under_other_settings_is_refused():
    env, _ = two_envs()
    other, _ = two_envs(success_rate=0.5)
    env.reset(seed=3)
    with pytest.raises(ValueError, match=r"success_rate=0\.333.*success_rate=0\.5"):
        snapshot_for(other).restore(other, snapshot_for(env).save(env))
