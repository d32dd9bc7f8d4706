"""Committed trajectories played again with fresh noise: what they gave, and that nothing else notices."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from verl import DataProto

from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.noise import NOISE_RULES, Purpose
from ragen_tsr.snapshots import registry

METHODS = ("none", "best_of_n", "beam", "lookahead")
METHODS_UNDER_A_NOISE = [
    ("none", "upstream"),
    ("best_of_n", "independent"),
    ("beam", "common"),
    ("lookahead", "upstream"),
]
DRAW = 4
"""Where the number of the draw stands in a re-roll's noise."""


def kind_but_for_the_first_reroll(entropy: tuple[int, ...]) -> bool:
    return entropy[0] != Purpose.REROLL or len(entropy) == 1 or entropy[DRAW] > 0


def unkind_but_for_rerolls(entropy: tuple[int, ...]) -> bool:
    return len(entropy) > 1 and entropy[0] == Purpose.REROLL


def lake(make_config: Any, workers: Any, method: str, *overrides: str) -> tuple[SearchAgentProxy, DataProto, Any]:
    scripted = workers(seed=1)
    config = make_config(method, "agent_proxy.max_turn=3", "search.record_groups=null", *overrides, env="frozen_lake")
    proxy = SearchAgentProxy(config, scripted, scripted.tokenizer)
    records: list[dict[str, Any]] = []
    proxy.on_search = records.extend
    return proxy, proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True})), records


@pytest.mark.parametrize(("method", "noise"), METHODS_UNDER_A_NOISE)
def test_both_returns_and_both_success_rates_are_reported(ledge, method, noise):
    """By hand: 1 + 1 + 10 when the leap succeeds, 0 when it does not; one re-roll of each."""
    answers = [["Leap || Walk"], ["Home"]]
    played = ledge(answers, kind_but_for_the_first_reroll, method, "search.rerolls=2", f"env_noise={noise}")
    assert played.metric("return/committed") == 12
    assert played.metric("return/rerolled") == (0 + 12) / 2
    assert played.metric("success/committed") == 1
    assert played.metric("success/rerolled") == 1 / 2
    assert played.metric("reroll_env_steps") == 6 * (1 + 3)
    assert played.metric("seconds/reroll") > 0
    for record in played.records:
        assert record["rerolled"] == [{"return": 6.0, "success": 0.5}] * 2


def test_actions_that_the_committed_outcome_cut_off_are_played_when_the_episode_goes_on(ledge):
    played = ledge([["Leap || Home"]], unkind_but_for_rerolls, "none")
    assert [turn["actions"] for turn in played.proxy.train_es_manager.rollout_cache[0]["history"][:-1]] == [[2]]
    assert (played.metric("return/committed"), played.metric("return/rerolled")) == (0, 11)
    assert (played.metric("success/committed"), played.metric("success/rerolled")) == (0, 1)


def test_an_episode_that_is_not_over_after_the_last_turn_is_no_success(ledge):
    played = ledge([["Leap"], ["Home"]], unkind_but_for_rerolls, "none")
    assert played.metric("turns/committed") == 1
    assert (played.metric("return/rerolled"), played.metric("success/rerolled")) == (1, 0)


def test_the_action_limit_counts_what_is_executed_in_the_reroll(ledge):
    limit = "custom_envs.SimpleSokoban.max_actions_per_traj=2"
    played = ledge([["Leap || Walk || Home"]], unkind_but_for_rerolls, "none", limit)
    assert (played.metric("return/rerolled"), played.metric("success/rerolled")) == (2, 0)


@pytest.mark.parametrize(("method", "noise"), METHODS_UNDER_A_NOISE)
def test_everything_else_is_as_without_rerolls(make_config, workers, method, noise):
    with_them, rollouts, _ = lake(make_config, workers, method, f"env_noise={noise}", "search.rerolls=3")
    without, expected, records = lake(make_config, workers, method, f"env_noise={noise}", "search.rerolls=0")
    for key, tensor in expected.batch.items():
        assert torch.equal(tensor, rollouts.batch[key]), key
    ours, theirs = with_them.train_es_manager, without.train_es_manager
    assert ours.rollout_cache == theirs.rollout_cache
    assert [entry["status"] for entry in ours.envs] == [entry["status"] for entry in theirs.envs]
    assert [entry["env"].state for entry in ours.envs] == [entry["env"].state for entry in theirs.envs]
    assert len(with_them.actor_wg.calls) == len(without.actor_wg.calls)
    metrics = {key: value for key, value in rollouts.meta_info["metrics"].items() if "seconds" not in key}
    added = {f"search/{name}" for name in ("return/rerolled", "success/rerolled", "reroll_env_steps")}
    assert {key: metrics[key] for key in metrics.keys() - added} == {
        key: value for key, value in expected.meta_info["metrics"].items() if "seconds" not in key
    }
    assert not added & set(expected.meta_info["metrics"])
    assert {record["rerolled"] for record in records} == {None}


def test_rerolls_follow_from_the_run_the_start_and_the_slot_alone(make_config, workers):
    """The same answers everywhere: group 0 alone gives what it gives beside two others."""

    def rerolled(*overrides: str) -> list[Any]:
        scripted = workers(policy=lambda draws, prompt: "go</think><answer>Right || Down || Left</answer>")
        config = make_config("none", "search.record_groups=null", "search.rerolls=5", *overrides, env="frozen_lake")
        proxy = SearchAgentProxy(config, scripted, scripted.tokenizer)
        records: list[dict[str, Any]] = []
        proxy.on_search = records.extend
        for _ in range(2):
            proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
        return [record["rerolled"] for record in records]

    together = rerolled()
    assert together == rerolled()
    assert together[0] == rerolled("es_manager.train.env_groups=1")[0]
    assert together != rerolled("run_seed=1")
    assert together[:3] != together[3:], "another step has other starts, and other noise"
    assert any(first != second for first, second in together), "slots have noise of their own"


@pytest.mark.parametrize("method", METHODS)
def test_a_deterministic_environment_is_not_played_again(make_config, workers, method):
    scripted = workers()
    proxy = SearchAgentProxy(make_config(method), scripted, scripted.tokenizer)
    metrics = proxy.rollout(DataProto(meta_info={"compute_collapse": False})).meta_info["metrics"]
    assert metrics["search/return/rerolled"] == pytest.approx(metrics["search/return/committed"])
    assert metrics["search/success/rerolled"] == metrics["search/success/committed"]
    assert metrics["search/reroll_env_steps"] == 0


def test_nothing_is_reported_where_nobody_knows_the_noise(ledge, monkeypatch):
    known = ledge([["Walk"]], lambda entropy: True, "none")
    monkeypatch.delitem(registry._registered, type(known.proxy.train_es_manager.envs[0]["env"]))
    unknown = ledge([["Walk"]], lambda entropy: True, "none", "search.scorer=sokoban")
    assert "search/return/committed" in unknown.rollouts.meta_info["metrics"]
    assert not [key for key in unknown.rollouts.meta_info["metrics"] if "reroll" in key]
    assert unknown.records[0]["rerolled"] is None


@pytest.mark.parametrize("noise", NOISE_RULES)
def test_noise_that_is_drawn_again_is_never_what_the_search_saw(ledge, noise):
    answers = [["Walk", "Leap"], ["Leap"], ["Walk"]]
    overrides = ["search.redraw=true", "search.outcome_samples=2", "search.rerolls=2", f"env_noise={noise}"]
    played = ledge(answers, lambda entropy: True, "lookahead", *overrides)
    drawn = {purpose: [key for key in played.reseeded if key[0] == purpose] for purpose in Purpose}
    for purpose in (Purpose.OUTCOME, Purpose.REDRAW, Purpose.REROLL):
        assert drawn[purpose]
    assert bool(drawn[Purpose.SEARCH]) == (noise != "upstream")
    assert len(set(drawn[Purpose.REROLL])) == len(drawn[Purpose.REROLL]) == 6 * 2
    if noise == "independent":
        fresh = [key for purpose in (Purpose.SEARCH, Purpose.OUTCOME, Purpose.REDRAW) for key in drawn[purpose]]
        assert len(set(fresh)) == len(fresh), "every turn, and every outcome of it, has a noise of its own"
