"""Finding a snapshotter: by class, by full name, and the deep copy where there is none."""

import logging
import random

import numpy as np
import pytest

from ragen_tsr.embedded.env.sokoban import SokobanEnv
from ragen_tsr.snapshots import fallback, register, registered_types, registry, snapshot_for
from ragen_tsr.snapshots.exactness import SnapshotExactness, identical


class DiceEnv:
    """Nobody's environment: noise from three kinds of generator, and a list that is changed in place."""

    def __init__(self):
        self.reset(0)

    def reset(self, seed=None):
        self.rolls = []
        self.generators = (random.Random(seed), np.random.RandomState(seed), np.random.default_rng(seed))
        return self.render()

    def step(self, action):
        own, legacy, modern = self.generators
        self.rolls.append((own.random(), legacy.rand(), modern.random())[action])
        return self.render(), self.rolls[-1], False, {}

    def render(self):
        return str(self.rolls)


class TestDeepCopyOfAnUnknownType(SnapshotExactness):
    actions = (0, 1, 2)

    def make_env(self):
        return DiceEnv()


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.setattr(fallback, "_warned_types", set())


def test_the_fallback_warns_once_a_type_and_its_snapshots_cannot_merge(caplog):
    with caplog.at_level(logging.WARNING):
        first, second = snapshot_for(DiceEnv()), snapshot_for(DiceEnv())
    assert len(caplog.records) == 1
    assert "DiceEnv" in caplog.text
    assert not first.mergeable
    assert not second.mergeable
    with pytest.raises(TypeError, match="unhashable"):
        hash(first.save(DiceEnv()))


def test_a_fallback_snapshot_is_not_changed_by_acting_on_what_it_was_restored_into():
    env = DiceEnv()
    snapshotter = snapshot_for(env)
    snapshot = snapshotter.save(env)
    draws = []
    for _ in range(3):
        snapshotter.restore(env, snapshot)
        draws.append([env.step(a)[0] for a in (0, 1, 2)])
    assert draws[0] == draws[1] == draws[2]


def test_what_has_no_attributes_must_be_registered():
    with pytest.raises(TypeError, match="register a snapshotter"):
        snapshot_for(object()).save(object())


@pytest.mark.parametrize("key", [DiceEnv, f"{DiceEnv.__module__}.{DiceEnv.__qualname__}"])
def test_a_type_is_registered_by_class_or_by_full_name(key):
    @register(key)
    class DiceSnapshotter:
        mergeable = True
        reseed = None

    assert isinstance(snapshot_for(DiceEnv()), DiceSnapshotter)
    assert f"{DiceEnv.__module__}.DiceEnv" in registered_types()


def test_registering_a_type_twice_is_an_error():
    with pytest.raises(ValueError, match=r"SokobanEnv.*already"):
        register(SokobanEnv)(object)


def test_a_subclass_may_hold_more_state_and_is_deep_copied():
    class Scored(SokobanEnv):
        pass

    assert not snapshot_for(Scored()).mergeable


def test_identical_tells_types_and_bits_apart():
    assert identical({"a": [1.5, np.arange(3)]}, {"a": [1.5, np.arange(3)]})
    assert identical(float("nan"), float("nan"))
    assert not identical(0, 0.0)
    assert not identical(0.0, -0.0)
    assert not identical(np.zeros(2), np.zeros(2, dtype=np.float32))
    assert not identical(True, 1)
    assert not identical(np.random.default_rng(1), np.random.default_rng(2))
