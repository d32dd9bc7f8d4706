"""The WebShop snapshot is exact, holds the session alone, and branches of one session never meet."""

import copy
import pickle
import re

import pytest
from hypothesis import Phase

from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig, WebShopState
from ragen_tsr.snapshots import snapshot_for
from ragen_tsr.snapshots.exactness import Forgetful, SnapshotExactness


def new_env(**settings):
    return WebShopEnv(WebShopEnvConfig(**settings))


class Clicking(WebShopEnv):
    """Actions by number, so that random ones get far: 0 searches, 1 is nonsense, 2 turns to the next page even where
    that is not offered, others are what is on offer.
    """

    def step(self, action):
        offered = self.get_available_actions()[1:] or ["search[rug]"]
        texts = ["search[rain jacket]", "nonsense", "click[next >]"]
        return super().step(texts[action] if action < len(texts) else offered[(action - len(texts)) % len(offered)])


class TestSessions(SnapshotExactness):
    actions = tuple(range(18))
    max_length = 12

    def make_env(self):
        return Clicking(WebShopEnvConfig())

    def snapshotter(self, env):
        return snapshot_for(new_env())


class OneFieldForgotten(TestSessions):
    __test__ = False
    examples = 300

    def __init__(self, field):
        self.field = field

    def snapshotter(self, env):
        return Forgetful(super().snapshotter(env), self.field)


FIELDS = [field for field in WebShopState._fields if field not in ("shop", "reward")]  # one shop; reward: see below


@pytest.mark.parametrize("field", FIELDS)
def test_a_snapshot_that_forgets_one_field_is_caught(field):
    with pytest.raises((AssertionError, KeyError)) as caught:  # a page without its product cannot be shown at all
        OneFieldForgotten(field).check(phases=(Phase.generate,))
    assert caught.type is KeyError or re.search(r"restored into .*: after \d+ actions", str(caught.value))


def test_a_snapshot_that_forgets_what_was_paid_for_is_caught():
    search, first_product, buy = 0, 4, 7
    env = Clicking(WebShopEnvConfig())
    for seed in range(1000):
        env.reset(seed=seed)
        bought = [env.step(action) for action in (search, first_product, buy)][-1]
        if bought[2] and bought[3]["raw_reward"] > 0:
            break
    with pytest.raises(AssertionError, match=r"restored into .*: after 0 actions"):
        OneFieldForgotten("reward").check_one(seed, [search, first_product, buy], [search], [], None)


@pytest.fixture(scope="module")
def jackets():
    """Clicks on the first products of a list, the first of them with at least two options."""
    env = new_env()
    env.reset(seed=0)
    env.step("search[rain jacket]")
    asins = [action[6:-1].upper() for action in env.get_available_actions()[2:]]
    asins.sort(key=lambda asin: len(env.pages.product(asin).options) < 2)
    assert len(env.pages.product(asins[0]).options) >= 2
    return [f"click[{asin}]" for asin in asins]


def test_two_branches_of_one_session_never_overwrite_each_other(jackets):
    env = new_env()
    env.reset(seed=5)
    snapshots = snapshot_for(env)
    env.step("search[rain jacket]")
    fork = snapshots.save(env)

    lines = {
        "one": [jackets[0], "click[description]", "click[< prev]", "click[buy now]", "search[rug]"],
        "two": ["click[next >]", "click[next >]", "click[back to search]", "search[zeppelin]", "click[next >]"],
    }
    alone = {name: played_alone(actions) for name, actions in lines.items()}

    now = dict.fromkeys(lines, fork)
    seen = {name: [] for name in lines}
    for turn in range(5):
        for name, actions in lines.items():
            snapshots.restore(env, now[name])
            seen[name].append(env.step(actions[turn]))
            now[name] = snapshots.save(env)
    assert seen == alone
    snapshots.restore(env, fork)
    assert snapshots.save(env) == fork


def played_alone(actions):
    env = new_env()
    env.reset(seed=5)
    env.step("search[rain jacket]")
    return [env.step(action) for action in actions]


def test_branches_that_choose_in_another_order_merge(jackets):
    states = []
    for order in (0, 1), (1, 0):
        env = new_env()
        env.reset(seed=5)
        env.step("search[rain jacket]")
        env.step(jackets[0])
        product = env.pages.product(env.state.asin)
        values = [values[0] for values in product.options.values()]
        for index in order:
            env.step(f"click[{values[index]}]")
        states.append(snapshot_for(env).save(env))
    assert states[0] == states[1]
    assert len(set(states)) == 1
    assert states[0].options


def test_a_snapshot_is_the_session_and_nothing_more(jackets):
    env = new_env()
    env.reset(seed=5)
    env.step("search[rain jacket]")
    env.step(jackets[0])
    snapshot = snapshot_for(env).save(env)
    assert len(pickle.dumps(snapshot)) < 1000
    assert snapshot_for(env).save(env) is snapshot, "nothing is copied"


def test_a_scratch_object_without_a_page_can_be_restored_into():
    env, scratch = new_env(), new_env()
    env.reset(seed=5)
    snapshot_for(scratch).restore(scratch, snapshot_for(env).save(env))
    assert scratch.render() == env.render()


def test_a_snapshot_of_another_shop_is_refused():
    env, other = new_env(), new_env(shuffle_seed=42)
    env.reset(seed=5)
    with pytest.raises(ValueError, match=r"shuffle_seed=233.*allowed.*shuffle_seed=42"):
        snapshot_for(other).restore(other, snapshot_for(env).save(env))


@pytest.mark.parametrize("transfer", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_snapshots_survive_copying_and_pickling(transfer, jackets):
    env, other = new_env(), new_env()
    env.reset(seed=5)
    env.step("search[rain jacket]")
    snapshot = snapshot_for(env).save(env)
    moved = transfer(snapshot)
    assert moved == snapshot
    assert hash(moved) == hash(snapshot)
    snapshot_for(other).restore(other, moved)
    assert other.step(jackets[0]) == env.step(jackets[0])


def test_the_shop_has_no_noise_to_reseed():
    env = new_env()
    assert snapshot_for(env).reseed is None
    assert snapshot_for(env).mergeable
