"""Branches of the environment manager: waves, commits, equality, and where a turn's noise comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ragen_tsr import backend
from ragen_tsr.llm_agent.es_manager import SearchEnvStateManager
from ragen_tsr.snapshots import registry

ACTIONS = {1: "Go"}


@dataclass
class DiceConfig:
    action_lookup: dict[int, str] = field(default_factory=lambda: dict(ACTIONS))


class Dice:
    """Every action rolls a thousand-sided die; the observation is all rolls so far."""

    def __init__(self, config: DiceConfig) -> None:
        self.config = config
        self.rolls: list[int] = []

    def reset(self, seed: int | None = None, mode: str | None = None) -> str:
        self.rng = np.random.default_rng(seed)
        self.rolls = []
        return self.render()

    def step(self, action: int) -> tuple[str, int, bool, dict[str, Any]]:
        self.rolls.append(int(self.rng.integers(1000)))
        return self.render(), self.rolls[-1], False, {"success": False}

    def render(self) -> str:
        return " ".join(map(str, self.rolls))

    def close(self) -> None:
        pass


class DiceSnapshotter:
    mergeable = True

    def save(self, env: Dice) -> Any:
        return tuple(env.rolls), json.dumps(env.rng.bit_generator.state)

    def restore(self, env: Dice, snapshot: Any) -> None:
        env.rolls = list(snapshot[0])
        env.rng.bit_generator.state = json.loads(snapshot[1])

    def reseed(self, env: Dice, entropy: tuple[int, ...]) -> None:
        env.rng = np.random.default_rng(entropy)


@pytest.fixture
def dice(monkeypatch, make_config):
    """``dice(noise)``: a freshly reset manager of three groups of two dice."""
    monkeypatch.setitem(backend.REGISTERED_ENVS, "dice", Dice)
    monkeypatch.setitem(backend.REGISTERED_ENV_CONFIGS, "dice", DiceConfig)
    monkeypatch.setitem(registry._registered, Dice, DiceSnapshotter())

    def make(noise: str, **keys: Any) -> SearchEnvStateManager:
        config = make_config("beam")
        config.env_noise = noise
        config.custom_envs.SimpleSokoban.env_type = "dice"
        config.custom_envs.SimpleSokoban.env_config = None
        for key, value in keys.items():
            config[key] = value
        manager = SearchEnvStateManager(config, mode="train")
        manager.reset()
        return manager

    return make


def go(branch: Any, times: int = 1) -> dict[str, Any]:
    return {"env_id": branch.env_id, "llm_response": "", "llm_raw_response": "", "actions": ["Go"] * times}


def states(branches: list[Any]) -> list[str]:
    return [branch.state for branch in branches]


def siblings(manager: SearchEnvStateManager, count: int, slot: int = 0) -> list[Any]:
    parents = [manager.roots()[slot]] * count
    return manager.extend(parents, [go(parent) for parent in parents])


def test_upstream_noise_is_one_stream_for_the_whole_group(dice):
    manager = dice("upstream")
    assert len(set(states(siblings(manager, 3, slot=0) + siblings(manager, 3, slot=1)))) == 1
    assert states(siblings(manager, 1, slot=0)) != states(siblings(manager, 1, slot=2))


def test_common_noise_is_shared_by_siblings_and_fresh_each_turn(dice):
    manager = dice("common")
    first = siblings(manager, 3)
    assert len(set(states(first))) == 1
    second = manager.extend(first, [go(branch) for branch in first])
    assert len(set(states(second))) == 1
    rolls = second[0].state.split()
    assert rolls[0] != rolls[1]
    assert states(first) != states(siblings(dice("common", run_seed=1), 3))


def test_independent_noise_differs_between_siblings_slots_and_runs(dice):
    manager = dice("independent")
    draws = states(siblings(manager, 4, slot=0) + siblings(manager, 4, slot=1))
    assert len(set(draws)) == 8
    assert draws[:4] != states(siblings(dice("independent", run_seed=1), 4))


def test_independent_noise_does_not_depend_on_how_the_batch_is_cut(dice):
    together, apart = dice("independent"), dice("independent")
    parents = together.roots()
    pairs = together.extend(parents * 2, [go(parent) for parent in parents * 2])
    others = apart.roots()
    one_by_one = {
        (slot, sibling): apart.extend([others[slot]], [go(others[slot])])[0].state
        for slot in reversed(range(6))
        for sibling in range(2)
    }
    assert states(pairs) == [one_by_one[slot, sibling] for sibling in range(2) for slot in range(6)]


def test_a_parent_can_be_extended_again_after_its_children(dice):
    manager = dice("upstream")
    root = manager.roots()[0]
    [child] = manager.extend([root], [go(root)])
    [grandchild] = manager.extend([child], [go(child)])
    [sibling] = manager.extend([root], [go(root)])
    assert sibling.state == child.state
    assert len(root.cache["history"]) == 1
    assert [len(branch.cache["history"]) for branch in (child, grandchild)] == [2, 3]
    assert child.status.rewards != grandchild.status.rewards


def test_commit_moves_a_branch_of_the_group_to_another_slot(dice):
    manager = dice("independent")
    roots = manager.roots()
    children = manager.extend(roots, [go(root) for root in roots])
    swapped = [children[1], children[0], *children[2:]]
    manager.commit(swapped)
    assert [entry["env"].render() for entry in manager.envs] == states(swapped)
    assert [cache["env_id"] for cache in manager.rollout_cache] == list(range(6))
    with pytest.raises(ValueError, match="slot 1 of group 0 cannot take a branch of group 1"):
        manager.commit([children[0], children[2], *children[2:]])


def test_equality_ignores_the_response_and_nothing_else(dice):
    manager = dice("upstream")
    root = manager.roots()[0]
    said = [go(root) | {"llm_response": text} for text in ("a", "b")]
    same = manager.extend([root, root], said)
    longer = manager.extend([root], [go(root, times=2)])
    invalid = manager.extend([root], [go(root) | {"actions": ["Go", "Fly"]}])
    keys = [manager.equality_key(branch) for branch in same + longer + invalid]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert invalid[0].turn_penalty == pytest.approx(-0.1)


def test_an_unknown_noise_rule_is_refused(dice):
    with pytest.raises(ValueError, match=r"env_noise='loud'.*upstream.*independent.*common"):
        dice("loud")


def test_noise_that_cannot_be_replaced_is_refused(dice, monkeypatch):
    monkeypatch.delitem(registry._registered, Dice)
    assert dice("upstream").equality_key(dice("upstream").roots()[0]) is None
    with pytest.raises(ValueError, match=r"env_noise='common'.*'dice' has no registered snapshotter"):
        dice("common")
