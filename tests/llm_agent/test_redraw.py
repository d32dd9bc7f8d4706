"""Lookahead whose committed turns do not keep the luck that the search saw."""

from __future__ import annotations

from typing import Any

import pytest
from verl import DataProto

from ragen_tsr.embedded.workers.fsdp_workers import MODES
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.noise import NOISE_RULES, Purpose
from ragen_tsr.search import Lookahead

NARROW = ("search.M=1", "search.B=1", "search.rerolls=0")


def unkind_when_redrawn(entropy: tuple[int, ...]) -> bool:
    return len(entropy) == 1 or entropy[0] != Purpose.REDRAW


def modes(workers: Any) -> list[str]:
    called = [call["meta_info"] for call in workers.calls]
    return [meta["mode"].removeprefix("multiturn-") + " skip" * meta.get("skip_generation", False) for meta in called]


@pytest.mark.parametrize("noise", NOISE_RULES)
def test_luck_that_was_seen_is_committed_only_without_redraw(ledge, noise):
    answers = [["Leap"], ["Home"]]
    seen = ledge(answers, unkind_when_redrawn, "lookahead", f"env_noise={noise}", *NARROW)
    assert (seen.metric("return/committed"), seen.metric("success/committed")) == (11, 1)
    assert modes(seen.workers) == ["start", "end"]
    again = ledge(answers, unkind_when_redrawn, "lookahead", f"env_noise={noise}", *NARROW, "search.redraw=true")
    assert (again.metric("return/committed"), again.metric("success/committed")) == (0, 0)
    assert [entry["env"].render() for entry in again.proxy.train_es_manager.envs] == ["fallen"] * 6
    assert again.metric("return/sampled") == 11, "the policy's samples are what the search saw"
    assert again.metric("redrawn") == 6
    assert modes(again.workers) == ["start", "middle", "end skip"]


@pytest.mark.parametrize("noise", NOISE_RULES)
def test_the_same_outcome_keeps_the_subtree(ledge, noise):
    answers = [["Leap"], ["Walk"], ["Home"]]
    played = ledge(answers, lambda entropy: True, "lookahead", f"env_noise={noise}", *NARROW, "search.redraw=true")
    assert played.metric("generation_calls") == played.metric("turns/committed") == 3
    assert played.metric("redrawn") == 0
    assert played.metric("env_steps") == 2 * 6 * 3, "every committed turn was played once more"
    assert played.metric("nodes_expanded") == 6 * 3
    assert not any(node["redrawn"] for record in played.records for node in record["nodes"])


def test_only_turns_that_end_otherwise_are_replaced(ledge):
    """The walk is the same when its noise is drawn again; the first leap is not, and ends the episode."""
    played = ledge([["Walk"], ["Leap"], ["Leap"]], unkind_when_redrawn, "lookahead", *NARROW, "search.redraw=true")
    assert played.metric("generation_calls") == 3
    assert played.metric("turns/committed") == 2
    [first, *_] = played.records
    committed = [node for node in first["nodes"] if node["id"] in first["chosen"]]
    assert [(node["redrawn"], node["done"], node["turn"]) for node in committed] == [(True, True, 2)] * 2


@pytest.mark.parametrize("noise", NOISE_RULES)
@pytest.mark.parametrize(("D", "calls"), [(1, 4), (2, 7), (3, 9), (4, 10)])
def test_rollouts_on_frozen_lake_keep_to_the_announced_calls_and_modes(make_config, workers, noise, D, calls):
    strategy = Lookahead(M=2, B=1, D=D, inner=None, rank_by="last", invalid="last", redraw=True)
    assert strategy.calls(4) == calls
    overrides = ["search.M=2", "search.B=1", f"search.D={D}", "search.redraw=true", f"env_noise={noise}"]
    config = make_config("lookahead", *overrides, env="frozen_lake")
    scripted = workers(policy=lambda draws, prompt: f"go</think><answer>{draws.choice(['Left', 'Down'])}</answer>")
    proxy = SearchAgentProxy(config, scripted, scripted.tokenizer)
    metrics = proxy.rollout(DataProto(meta_info={"compute_collapse": False})).meta_info["metrics"]
    made = metrics["search/generation_calls"]
    assert made <= calls
    told = modes(scripted)
    middle = ["middle"] * (made - 1)
    assert told == ["start", *middle[:-1], "end"] if made == calls else told == ["start", *middle, "end skip"]
    assert {call["meta_info"]["mode"] for call in scripted.calls} <= set(MODES)
    committed = metrics["search/turns/committed"] * 6
    assert metrics["search/nodes_expanded"] + metrics["search/redrawn"] == pytest.approx(
        metrics["search/pruned"] + metrics["search/merged"] + committed
    )
    for entry, cache in zip(proxy.train_es_manager.envs, proxy.train_es_manager.rollout_cache, strict=True):
        turns = cache["history"][:-1]
        assert entry["env"].render() == cache["history"][-1]["state"]
        assert entry["status"].num_actions == sum(len(turn["actions"]) for turn in turns)
        assert entry["status"].rewards == [turn["reward"] for turn in turns]


def test_redrawn_noise_is_shared_as_the_rule_says(make_config, workers):
    """Slots that act alike end alike under common and upstream noise, redrawn or not."""

    def distinct(noise: str) -> float:
        overrides = [*NARROW, "search.redraw=true", f"env_noise={noise}", "es_manager.train.group_size=4"]
        scripted = workers(policy=lambda draws, prompt: "go</think><answer>Left || Down</answer>")
        config = make_config("lookahead", *overrides, env="frozen_lake")
        proxy = SearchAgentProxy(config, scripted, scripted.tokenizer)
        proxy.rollout(DataProto(meta_info={"compute_collapse": False}))
        caches = proxy.train_es_manager.rollout_cache
        ends = [tuple(entry["state"] for entry in cache["history"]) for cache in caches]
        return max(len(set(ends[group * 4 : group * 4 + 4])) for group in range(3))

    assert distinct("common") == distinct("upstream") == 1
    assert distinct("independent") > 1


def test_a_redrawn_turn_is_scored_by_what_happened_then(ledge):
    """Its fall is the committed node's score; averaged over outcomes, the turn keeps the score it had."""
    overrides = (*NARROW, "search.redraw=true")
    played = ledge([["Leap"]], unkind_when_redrawn, "lookahead", *overrides)
    averaged = ledge([["Leap"]], unkind_when_redrawn, "lookahead", *overrides, "search.outcome_samples=2")
    scores = [
        {(node["redrawn"], node["score"]) for record in run.records for node in record["nodes"]}
        for run in (played, averaged)
    ]
    assert scores == [{(False, 1.0), (True, -10.0)}, {(False, 1.0), (True, 1.0)}]
