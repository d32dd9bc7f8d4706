"""Where FrozenLake's slips come from under each value of ``env_noise``, and that luck is reported.

Chi-square tests are at fixed seeds: their limits are the 0.1 % quantiles, and a test that the same slips are not
those of other ice shows that they can be missed.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from verl import DataProto

from ragen_tsr import config as configuration
from ragen_tsr.embedded.env.frozen_lake.lake import Lake
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.es_manager import Branch, SearchEnvStateManager

METHODS = ("none", "best_of_n", "beam", "lookahead")
MIDDLE = 4
SIDES = {"Left": (1, 3, 7), "Down": (3, 7, 5), "Right": (7, 5, 1), "Up": (5, 1, 3)}
"""Where one gets from the middle of a 3x3 map: slipped to one side, as meant, slipped to the other side."""
LIMITS = {2: 13.8, 8: 26.1}
"""0.1 % quantiles of chi-square by degrees of freedom."""


def lake_config(method: str = "beam", *overrides: str) -> Any:
    """Three groups of two slots, four turns."""
    return composed(method, *overrides).copy()


@lru_cache
def composed(method: str, *overrides: str) -> Any:
    small = ["scale=cpu", "es_manager.train.env_groups=3", "es_manager.train.group_size=2"]
    small += ["es_manager.val.env_groups=3", "agent_proxy.max_turn=4", "agent_proxy.max_actions_per_turn=5"]
    return configuration.compose(configuration.parse(["frozen_lake", method, *small, *overrides]))


def manager_of(noise: str, *overrides: str) -> SearchEnvStateManager:
    manager = SearchEnvStateManager(lake_config("beam", f"env_noise={noise}", *overrides), mode="train")
    manager.reset()
    return manager


def on_open_ice(noise: str, *overrides: str, success_rate: float = 1 / 3) -> tuple[SearchEnvStateManager, list[Branch]]:
    """A manager and its roots, every player in the middle of a map where no slip ends the episode."""
    ice = f"custom_envs.FrozenLake.env_config={{size: 3, success_rate: {success_rate}}}"
    manager = manager_of(noise, ice, *overrides)
    for entry in manager.envs:
        env = entry["env"]
        env.state = env.state._replace(lake=Lake(env.rules, "SFFFFFFFG"), cell=MIDDLE)
    return manager, manager.roots()


def act(branch: Branch, *actions: str) -> dict[str, Any]:
    return {"env_id": branch.env_id, "llm_response": "", "llm_raw_response": "", "actions": list(actions)}


def children(manager: SearchEnvStateManager, parents: Sequence[Branch], *actions: str) -> list[Branch]:
    return manager.extend(parents, [act(parent, *actions) for parent in parents])


def slips(branches: Iterable[Branch], action: str = "Down") -> list[int]:
    """0 and 2: slipped to the sides; 1: as meant."""
    return [SIDES[action].index(branch.snapshot.cell) for branch in branches]


def chi_square(outcomes: Iterable[Any], classes: int) -> float:
    """Of equally likely classes; the classes not seen count too."""
    counts = Counter(outcomes)
    expected = sum(counts.values()) / classes
    return sum((n - expected) ** 2 / expected for n in counts.values()) + (classes - len(counts)) * expected


@pytest.mark.parametrize("run_seed", [0, 1, 2])
@pytest.mark.parametrize("action", SIDES)
def test_independent_slips_of_children_are_one_third_each(run_seed, action):
    manager, roots = on_open_ice("independent", f"run_seed={run_seed}")
    born = [slips(children(manager, [root] * 120, action), action) for root in roots]
    for of_one_parent in born:
        assert chi_square(of_one_parent, 3) < LIMITS[2]
    assert chi_square([slip for of_one_parent in born for slip in of_one_parent], 3) < LIMITS[2]
    successive = [pair for of_one in born for pair in zip(of_one[::2], of_one[1::2], strict=True)]
    assert chi_square(successive, 9) < LIMITS[8]
    slot_mates = [pair for group in range(3) for pair in zip(born[2 * group], born[2 * group + 1], strict=True)]
    assert chi_square(slot_mates, 9) < LIMITS[8]


def test_the_slip_of_a_turn_says_nothing_about_that_of_the_next():
    manager, roots = on_open_ice("independent")
    pairs = []
    for root in roots:
        first = children(manager, [root] * 150, "Down")
        back = [Branch(b.env_id, b.snapshot._replace(cell=MIDDLE), b.cache, b.status, b.path) for b in first]
        second = children(manager, back, "Down")
        pairs += list(zip(slips(first), slips(second), strict=True))
    assert chi_square(pairs, 9) < LIMITS[8]


def test_the_frequencies_would_be_missed_on_other_ice():
    manager, roots = on_open_ice("independent", success_rate=0.5)
    assert chi_square(slips(children(manager, [roots[0]] * 300, "Down")), 3) > LIMITS[2]


def test_common_slips_over_many_groups_are_one_third_each():
    drawn = []
    manager, _ = on_open_ice("common")
    for _ in range(100):
        manager.reset()
        for entry in manager.envs:
            entry["env"].state = entry["env"].state._replace(lake=Lake(entry["env"].rules, "SFFFFFFFG"), cell=MIDDLE)
        drawn += slips(children(manager, manager.roots()[::2], "Down"))
    assert len(drawn) == 300
    assert chi_square(drawn, 3) < LIMITS[2]


def test_common_siblings_and_slot_mates_that_act_alike_end_alike():
    manager, roots = on_open_ice("common")
    generation = roots
    for turn, actions in enumerate([("Down",), ("Up", "Left"), ("Right", "Right", "Up")], start=1):
        generation = children(manager, [branch for branch in generation for _ in range(2)], *actions)
        for group in range(3):
            members = [branch for branch in generation if branch.env_id // 2 == group]
            assert len(members) == 2 * 2**turn
            assert len({branch.snapshot for branch in members}) == 1
            assert len({manager.equality_key(branch) for branch in members}) == 1


def test_common_siblings_that_act_otherwise_meet_the_same_numbers():
    manager, roots = on_open_ice("common")
    for root in roots:
        outcomes = {slips(children(manager, [root], action), action)[0] for action in SIDES}
        assert len(outcomes) == 1


def test_independent_siblings_that_act_alike_end_apart():
    manager, roots = on_open_ice("independent")
    assert all(len({branch.snapshot.cell for branch in children(manager, [root] * 20, "Down")}) == 3 for root in roots)


def test_upstream_noise_is_the_stream_of_the_seed_for_the_whole_group():
    manager = manager_of("upstream")
    roots = manager.roots()
    first = children(manager, roots * 2, "Down", "Right")
    for branch in children(manager, first, "Up"):
        env = manager.envs[branch.env_id]["env"]
        env.reset(seed=branch.status.seed)
        numbers = {"Down": 2, "Right": 3, "Up": 4}
        for turn in (("Down", "Right"), ("Up",)):
            for action in turn:
                if env.desc[env.player_pos] not in (b"H", b"G"):
                    env.step(numbers[action])
        assert env.state.cell == branch.snapshot.cell


def grown(noise: str, arrange: Any) -> dict[tuple[int, ...], tuple[Any, ...]]:
    """Three turns of trees in all slots, the batch of each turn arranged by ``arrange``: what came out, by
    address.
    """
    manager = manager_of(noise)
    generation, seen = manager.roots(), {}
    for _ in range(3):
        requests = [(parent, sibling) for parent in generation for sibling in range(2)]
        generation = []
        for batch in arrange(requests):
            inputs = [act(parent, *moves(parent, sibling)) for parent, sibling in batch]
            generation += manager.extend([parent for parent, _ in batch], inputs)
        for branch in generation:
            address = (branch.env_id, *branch.path)
            seen[address] = (branch.state, branch.status.rewards, branch.done, branch.turn_penalty)
        generation = [branch for branch in generation if not branch.done]
    return seen


def moves(parent: Branch, sibling: int) -> list[str]:
    """What a sibling does: a function of its address."""
    draws = np.random.default_rng([parent.env_id, *parent.path, sibling])
    return draws.choice([*SIDES, "Jump"], size=draws.integers(1, 4)).tolist()


def shuffled_and_split(seed: int) -> Any:
    """Arrange a batch in any order, cut anywhere, but every parent's children in their order."""

    def arrange(requests: list[tuple[Branch, int]]) -> list[list[tuple[Branch, int]]]:
        draws = random.Random(seed)
        waiting: dict[int, list[tuple[Branch, int]]] = {}
        for request in requests:
            waiting.setdefault(id(request[0]), []).append(request)
        order = [parent for parent, mine in waiting.items() for _ in mine]
        draws.shuffle(order)
        rows = [waiting[parent].pop(0) for parent in order]
        cuts = sorted(draws.sample(range(1, len(rows)), k=min(4, len(rows) - 1)))
        return [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]

    return arrange


@pytest.mark.parametrize("noise", ["upstream", "independent", "common"])
def test_what_comes_out_does_not_depend_on_order_and_split_of_the_batch(noise):
    expected = grown(noise, lambda requests: [requests])
    assert len(expected) > 50
    for seed in range(3):
        assert grown(noise, shuffled_and_split(seed)) == expected


def wanderer_on_ice(draws: np.random.Generator, prompt: str) -> str:
    if draws.random() < 0.1:
        return "no idea"
    return f"go</think><answer>{' || '.join(draws.choice(list(SIDES), size=draws.integers(1, 4)))}</answer>"


def rollout_metrics(config: Any, workers: Any, rollouts: int = 1) -> list[dict[str, float]]:
    worker = workers(policy=wanderer_on_ice)
    proxy = SearchAgentProxy(config, worker, worker.tokenizer)
    batch = DataProto(meta_info={"compute_collapse": False, "do_sample": True})
    return [proxy.rollout(batch).meta_info["metrics"] for _ in range(rollouts)]


@pytest.mark.parametrize("noise", ["upstream", "independent", "common"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_reports_committed_and_rerolled_return_under_every_rule(workers, method, noise):
    [metrics] = rollout_metrics(lake_config(method, f"env_noise={noise}"), workers)
    for kind in ("committed", "rerolled"):
        assert 0 <= metrics[f"search/return/{kind}"] == metrics[f"search/success/{kind}"] <= 1
        assert math.isfinite(metrics[f"search/return/{kind}"])


def test_picking_the_best_of_many_picks_luck_and_the_rerolled_return_shows_it(workers):
    config = lake_config("best_of_n", "env_noise=independent", "search.N=16")
    found = rollout_metrics(config, workers, rollouts=6)
    committed, rerolled = (
        sum(metrics[f"search/return/{kind}"] for metrics in found) / len(found) for kind in ("committed", "rerolled")
    )
    assert committed > rerolled + 0.2
