"""``search.slots``: what a group costs and keeps when only some of its slots are searched."""

import pytest
from verl import DataProto

from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy

METHODS = ("none", "best_of_n", "beam", "lookahead")
TURNS = 4


def rollout(make_config, workers, method, *overrides):
    """One rollout of three groups of two slots: its metrics, its recorded searches, and who answered."""
    group = workers()
    config = make_config(method, "search.record_groups=null", *overrides)
    proxy = SearchAgentProxy(config, group, group.tokenizer)
    records = []
    proxy.on_search = records.extend
    rollouts = proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
    return rollouts.meta_info["metrics"], records, group


@pytest.mark.parametrize("method", METHODS)
def test_the_ledger_counts_searched_and_plain_slots(make_config, workers, method):
    metrics, records, group = rollout(make_config, workers, method, "search.slots=1")
    said = sum(len(row) for call in group.responses for row in call)
    assert metrics["search/generated_tokens"] == said
    assert metrics["search/nodes_expanded"] == sum(len(call) for call in group.responses)
    for key in ("generated_tokens", "prompt_tokens", "nodes_expanded", "env_steps"):
        assert metrics[f"search/{key}"] == sum(slot[key] for record in records for slot in record["ledgers"])
    for record in records:
        _, plain = record["ledgers"]
        assert plain["nodes_expanded"] <= TURNS
        assert plain["pruned"] == plain["merged"] == 0, "all of a plain slot's samples are committed"
    searched, plain = (sum(record["ledgers"][slot]["nodes_expanded"] for record in records) for slot in (0, 1))
    assert searched > plain or method == "none", "best_of_n: 7/4 of one slot, rounded up, are two trajectories"


@pytest.mark.parametrize("method", METHODS)
def test_all_slots_are_the_default(make_config, workers, method):
    """Said or not: the same calls, the same trees."""
    metrics, records, group = rollout(make_config, workers, method)
    said_metrics, said_records, said = rollout(make_config, workers, method, "search.slots=2")
    assert said.responses == group.responses
    assert said_records == records
    assert said_metrics["search/return/committed"] == metrics["search/return/committed"]
