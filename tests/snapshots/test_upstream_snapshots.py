"""The snapshots of upstream's classes are exact, on classes that keep their state where upstream's do; where the real
classes can be had, ``tests/upstream/environments.py`` tries those.
"""

import numpy as np
import pytest
from hypothesis import Phase
from upstream_look_alikes import SERVER, Corridor, Server, Shop, lake_class

from ragen_tsr.snapshots import snapshot_for
from ragen_tsr.snapshots.exactness import Forgetful, SnapshotExactness
from ragen_tsr.snapshots.upstream_frozen_lake import UpstreamFrozenLakeState
from ragen_tsr.snapshots.upstream_sokoban import UpstreamSokobanState


class TestSokoban(SnapshotExactness):
    actions = (1, 2)
    max_length = 16

    def make_env(self):
        return Corridor()

    def state_of(self, env):
        return {key: value for key, value in vars(env).items() if key != "reward_last"}


class TestFrozenLake(SnapshotExactness):
    actions = (1, 2, 3, 4)

    def make_env(self):
        pytest.importorskip("gymnasium", reason="needs gymnasium (the dev extra)", minversion="1.2")
        return lake_class()()

    def state_of(self, env):
        return {key: value for key, value in vars(env).items() if key not in ("config", "_np_random_seed")}


class TestWebShop(SnapshotExactness):
    actions = tuple(range(6))

    def make_env(self):
        return Shop()

    def state_of(self, env):
        kept = {key: getattr(env, key) for key in ("instruction_text", "render_cache", "prev_obs", "prev_actions")}
        return kept | {"record": env.record, "page": env.browser.page_source.replace(env.session, "")}


class OneFieldForgotten:
    __test__ = False
    examples = 300

    def __init__(self, field):
        self.field = field

    def snapshotter(self, env):
        return Forgetful(snapshot_for(env), self.field)


class SokobanForgotten(OneFieldForgotten, TestSokoban):
    pass


class FrozenLakeForgotten(OneFieldForgotten, TestFrozenLake):
    pass


class WebShopForgotten(OneFieldForgotten, TestWebShop):
    pass


@pytest.mark.parametrize(
    ("case", "field"),
    [
        *((SokobanForgotten, field) for field in UpstreamSokobanState._fields if field != "settings"),
        *((FrozenLakeForgotten, field) for field in UpstreamFrozenLakeState._fields),
        *((WebShopForgotten, field) for field in ("source", "record", "rendered", "pages", "actions")),
    ],
)
def test_a_snapshot_that_forgets_one_field_is_caught(case, field):
    with pytest.raises(AssertionError, match=r"restored into .*: after \d+ actions"):
        case(field).check(phases=(Phase.generate,))


@pytest.mark.parametrize("env", [Corridor(), Shop()], ids=["sokoban", "webshop"])
def test_games_without_noise_have_nothing_to_reseed(env):
    assert snapshot_for(env).mergeable
    assert snapshot_for(env).reseed is None


def test_reseeding_a_lake_replaces_the_slips_by_those_of_the_entropy_and_leaves_the_rest():
    env, _ = two_lakes()
    env.reset(seed=4)
    env.step(1)
    snapshots = snapshot_for(env)
    before = snapshots.save(env)
    snapshots.reseed(env, (7, 0, 2**40))
    after = snapshots.save(env)
    assert after._replace(noise=before.noise) == before
    assert after != before
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence((7, 0, 2**40))))
    assert [env.np_random.random() for _ in range(9)] == [expected.random() for _ in range(9)]


def two_lakes():
    pytest.importorskip("gymnasium", reason="needs gymnasium (the dev extra)", minversion="1.2")
    return lake_class()(), lake_class()()


def test_a_restored_lake_keeps_its_own_configuration_which_only_a_reset_reads():
    env, other = two_lakes()
    env.reset(seed=4)
    other.reset(seed=5)
    snapshot_for(env).restore(other, snapshot_for(env).save(env))
    assert other.config.map_seed == 5
    assert other.render() == env.render()


def test_before_the_first_reset_there_is_nothing_to_save():
    with pytest.raises(RuntimeError, match=r"no player yet: call reset\(seed\)"):
        snapshot_for(two_lakes()[0]).save(lake_class()())
    with pytest.raises(RuntimeError, match=r"no page yet: call reset\(seed, mode\)"):
        snapshot_for(Shop()).save(Shop())


def test_states_of_other_settings_and_of_another_shop_are_refused():
    env = Corridor(max_steps=7)
    with pytest.raises(ValueError, match=r"\(1, 9\), 1, 7,.*allowed are states of \(\(1, 9\), 1, 20,"):
        snapshot_for(env).restore(Corridor(), snapshot_for(env).save(env))
    shop = Shop()
    shop.reset(seed=1)
    with pytest.raises(ValueError, match="made in another shop"):
        snapshot_for(shop).restore(Shop(Server()), snapshot_for(shop).save(shop))


def test_two_shoppers_keep_records_of_their_own_when_one_takes_the_others_session():
    one, two = Shop(), Shop()
    one.reset(seed=0)
    two.reset(seed=1)
    for action in (0, 1, 2):
        one.step(action)
    snapshot_for(one).restore(two, snapshot_for(one).save(one))
    assert two.session != one.session
    assert two.record == one.record
    two.step(3)
    assert one.record["options"] == {"color": "red"}
    assert SERVER.user_sessions[two.session]["options"] == {"color": "blue"}


def test_slots_of_a_group_in_the_same_state_have_equal_snapshots():
    one, two = Shop(), Shop()
    saved = []
    for env in (one, two):
        env.reset(seed=0)
        env.step(0)
        saved.append(snapshot_for(env).save(env))
    assert len(set(saved)) == 1
    assert saved[0].source is saved[1].source
    two.step(1)
    assert snapshot_for(two).save(two) != saved[0]
