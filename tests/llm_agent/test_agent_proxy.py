"""Rollouts with search: what the worker is given, what is committed, what it cost."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch
from verl import DataProto

from ragen_tsr import backend, search
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy

METHODS = ("none", "best_of_n", "beam", "lookahead")
TURNS = 4


def batch() -> DataProto:
    return DataProto(meta_info={"compute_collapse": False, "do_sample": True})


def searched(config: Any, workers: Any, val: bool = False) -> tuple[SearchAgentProxy, DataProto]:
    proxy = SearchAgentProxy(config, workers, workers.tokenizer)
    return proxy, proxy.rollout(batch(), val=val)


def assert_same_calls(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["env_ids"] == other["env_ids"]
        assert mine["meta_info"] == other["meta_info"]
        assert mine["tensors"].keys() == other["tensors"].keys()
        for key, tensor in mine["tensors"].items():
            assert torch.equal(tensor, other["tensors"][key]), key


def solved_at_once(draws: Any, prompt: str) -> str:
    """Walks on until the episode's ten actions are spent, in two turns."""
    return "go</think><answer>Up || Down || Up || Down || Up</answer>"


@pytest.mark.parametrize("policy", ["wanderer", "short"])
@pytest.mark.parametrize("mode", ["full", "limited_multi_turn", "single_turn"])
def test_none_gives_the_worker_what_the_base_class_gives_it(make_config, workers, policy, mode):
    config = make_config("none", f"agent_proxy.context_window_mode={mode}")
    arguments = {"policy": solved_at_once} if policy == "short" else {}
    base_workers, our_workers = workers(**arguments), workers(**arguments)
    base = backend.LLMAgentProxy(config, base_workers, base_workers.tokenizer)
    proxy = SearchAgentProxy(config, our_workers, our_workers.tokenizer)
    for _ in range(2):
        theirs, ours = base.rollout(batch()), proxy.rollout(batch())
        assert_same_calls(our_workers.calls, base_workers.calls)
        for key, tensor in theirs.batch.items():
            assert torch.equal(tensor, ours.batch[key]), key
    closing = [call["meta_info"].get("skip_generation", False) for call in our_workers.calls]
    assert any(closing) == (policy == "short")


def test_validation_is_plain_sampling_unless_asked_for(make_config, workers):
    plain, asked = workers(), workers()
    searched(make_config("beam"), plain, val=True)
    searched(make_config("beam", "search.at_val=true"), asked, val=True)
    assert len(plain.responses[0]) == 3
    assert len(asked.responses[0]) == 3 * 4


@pytest.mark.parametrize("env", ["sokoban", "frozen_lake"])
def test_plain_validation_is_the_base_classs_whatever_training_searches(make_config, workers, env):
    config = make_config("beam", "env_noise=independent", env=env)
    base_workers, our_workers = workers(), workers()
    base = backend.LLMAgentProxy(config, base_workers, base_workers.tokenizer)
    proxy = SearchAgentProxy(config, our_workers, our_workers.tokenizer)
    theirs, ours = base.rollout(batch(), val=True), proxy.rollout(batch(), val=True)
    for call in our_workers.calls:
        assert call["meta_info"].pop("noise_rollout") == 0
    assert_same_calls(our_workers.calls, base_workers.calls)
    for key, tensor in theirs.batch.items():
        assert torch.equal(tensor, ours.batch[key]), key
    assert ours.meta_info["metrics"] == theirs.meta_info["metrics"]


@pytest.mark.parametrize("method", METHODS)
def test_one_generation_call_a_turn(make_config, workers, method):
    workers = workers()
    _, rollouts = searched(make_config(method), workers)
    generating = [call for call in workers.calls if not call["meta_info"].get("skip_generation")]
    assert len(generating) == rollouts.meta_info["metrics"]["search/generation_calls"] == TURNS
    modes = [call["meta_info"]["mode"] for call in generating]
    assert modes == ["multiturn-start", "multiturn-middle", "multiturn-middle", "multiturn-end"]


@pytest.mark.parametrize("method", METHODS)
def test_the_rollout_is_closed_once_if_it_ends_early(make_config, workers, method):
    workers = workers(policy=solved_at_once)
    searched(make_config(method), workers)
    modes = [(call["meta_info"]["mode"], "skip_generation" in call["meta_info"]) for call in workers.calls]
    assert modes == [("multiturn-start", False), ("multiturn-middle", False), ("multiturn-end", True)]


@pytest.mark.parametrize("method", METHODS)
def test_ledger_tokens_equal_a_recount_of_what_the_worker_saw_and_said(make_config, workers, method):
    workers = workers()
    _, rollouts = searched(make_config(method), workers)
    metrics = rollouts.meta_info["metrics"]
    generating = [call for call in workers.calls if not call["meta_info"].get("skip_generation")]
    prompts = sum(int(call["tensors"]["attention_mask"].sum()) for call in generating)
    said = [ids for call in workers.responses for ids in call]
    assert metrics["search/prompt_tokens"] == prompts
    assert metrics["search/generated_tokens"] == sum(map(len, said))
    assert metrics["search/nodes_expanded"] == len(said)
    assert metrics["search/entropy"] == pytest.approx(0.5)


@pytest.mark.parametrize("method", METHODS)
def test_committed_trajectories_replay_from_the_start(make_config, workers, method):
    config = make_config(method)
    workers = workers(seed=3)
    proxy, _ = searched(config, workers)
    plain = backend.EnvStateManager(config, mode="train")
    plain.reset()
    for slot, cache in enumerate(proxy.train_es_manager.rollout_cache):
        assert cache["env_id"] == slot
        names = dict(enumerate(("Up", "Down", "Left", "Right"), start=1))
        for turn in cache["history"][:-1]:
            text = {key: turn[key] for key in ("llm_response", "llm_raw_response")}
            plain.step([{"env_id": slot, "actions": [names[action] for action in turn["actions"]], **text}])
    replayed = plain.get_rollout_states()
    for ours, theirs in zip(proxy.train_es_manager.rollout_cache, replayed, strict=True):
        keys = ("state", "actions_left", "actions", "reward", "info")
        assert [{key: entry.get(key) for key in keys} for entry in ours["history"]] == [
            {key: entry.get(key) for key in keys} for entry in theirs["history"]
        ]
        success = "SimpleSokoban/success"
        assert ours["metrics"][success] == theirs["metrics"][success]
    for ours, theirs in zip(proxy.train_es_manager.envs, plain.envs, strict=True):
        assert ours["env"].render() == theirs["env"].render()
        assert ours["status"].num_actions == theirs["status"].num_actions


def test_best_of_n_with_n_equal_l_is_none(make_config, workers):
    best, plain = workers(), workers()
    _, ours = searched(make_config("best_of_n", "search.N=2"), best)
    _, theirs = searched(make_config("none"), plain)
    assert_same_calls(best.calls, plain.calls)
    assert torch.equal(ours.batch["input_ids"], theirs.batch["input_ids"])
    assert torch.equal(ours.batch["rm_scores"], theirs.batch["rm_scores"])


def test_beam_of_one_is_none(make_config, workers):
    beam, plain = workers(), workers()
    _, ours = searched(make_config("beam", "search.M=1", "search.B=1"), beam)
    _, theirs = searched(make_config("none"), plain)
    assert_same_calls(beam.calls, plain.calls)
    assert torch.equal(ours.batch["input_ids"], theirs.batch["input_ids"])


def test_without_search_what_is_committed_is_what_was_sampled(make_config, workers):
    _, rollouts = searched(make_config("none"), workers())
    metrics = rollouts.meta_info["metrics"]
    assert metrics["search/return/gap"] == pytest.approx(0)
    for name in ("success", "valid_rate", "actions_per_turn"):
        assert metrics[f"search/{name}/committed"] == pytest.approx(metrics[f"search/{name}/sampled"])
    assert metrics["search/pruned"] == metrics["search/merged"] == 0


@pytest.mark.parametrize("method", METHODS[1:])
def test_search_commits_more_return_than_it_samples(make_config, workers, method):
    gain: dict[str, float] = defaultdict(float)
    for seed in range(3):
        _, rollouts = searched(make_config(method), workers(seed=seed))
        metrics = rollouts.meta_info["metrics"]
        for name in ("return", "valid_rate", "success"):
            gain[name] += metrics[f"search/{name}/committed"] - metrics[f"search/{name}/sampled"]
        committed = metrics["search/turns/committed"] * 6
        assert metrics["search/nodes_expanded"] == pytest.approx(
            metrics["search/pruned"] + metrics["search/merged"] + committed
        )
    assert gain["return"] > 0
    assert gain["valid_rate"] >= 0
    assert gain["success"] >= 0


def test_equal_candidates_are_merged(make_config, workers):
    workers = workers(policy=lambda draws, prompt: "go</think><answer>Up</answer>")
    _, rollouts = searched(make_config("beam"), workers)
    metrics = rollouts.meta_info["metrics"]
    assert metrics["search/merged"] == 3 * metrics["search/nodes_expanded"] / 4
    assert metrics["search/distinct_trajectories"] == 1


def test_searches_are_recorded_as_json_trees(make_config, workers):
    proxy = SearchAgentProxy(make_config("beam", "search.record_groups=2"), (w := workers()), w.tokenizer)
    recorded: list[dict[str, Any]] = []
    proxy.on_search = recorded.extend
    proxy.rollout(batch())
    assert [record["group"] for record in json.loads(json.dumps(recorded))] == [0, 1]
    for record in recorded:
        nodes = {node["id"]: node for node in record["nodes"]}
        for slot, leaf in enumerate(record["chosen"]):
            node = nodes[leaf]
            path = [node]
            while node["parent"] != -1:
                node = nodes[node["parent"]]
                path.append(node)
            assert {node["fate"] for node in path} == {"chosen"}
            assert path[0]["accumulated"] == pytest.approx(sum(node["score"] for node in path))
            history = proxy.train_es_manager.rollout_cache[record["group"] * 2 + slot]["history"]
            assert [node["response"] for node in reversed(path)] == [turn["llm_response"] for turn in history[:-1]]
        assert sum(ledger["nodes_expanded"] for ledger in record["ledgers"]) == len(nodes)


def test_the_docs_name_every_metric(make_config, workers):
    page = (Path(__file__).parents[2] / "docs" / "search.md").read_text()
    section = page.split("## What is logged")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(.+?)`", row)}
    _, rollouts = searched(make_config("lookahead"), workers())
    logged = {key.removeprefix("search/") for key in rollouts.meta_info["metrics"] if key.startswith("search/")}
    assert all(any(fnmatch(key, name) for name in named) for key in logged), logged
    assert all(any(fnmatch(key, name) for key in logged) for name in named), named


def test_an_unknown_strategy_is_refused_with_what_exists(make_config, workers):
    config = make_config("beam")
    config.search.name = "mcts"
    with pytest.raises(ValueError, match=f"mcts.*{'.*'.join(search.STRATEGIES)}"):
        SearchAgentProxy(config, (w := workers()), w.tokenizer)


def test_every_environment_is_made_once(make_config, workers, monkeypatch):
    config = make_config("beam")
    kind = type(backend.REGISTERED_ENVS["sokoban"](backend.REGISTERED_ENV_CONFIGS["sokoban"]()))
    made = []
    monkeypatch.setitem(backend.REGISTERED_ENVS, "sokoban", lambda settings: made.append(settings) or kind(settings))
    proxy = SearchAgentProxy(config, (w := workers()), w.tokenizer)
    assert len(made) == len(proxy.train_es_manager.envs) + len(proxy.val_es_manager.envs)
    assert type(backend.LLMAgentProxy(config, w, w.tokenizer).train_es_manager) is backend.EnvStateManager


def test_validation_plays_the_environments_that_env_engine_names(make_config, workers, monkeypatch):
    """Naming them may change the tasks' settings: upstream's WebShop does not take all of ours."""

    def install(config: Any) -> None:
        for task in config.custom_envs.values():
            task.max_actions_per_traj = 3

    monkeypatch.setattr(backend, "install_environments", install)
    scripted = workers()
    proxy = SearchAgentProxy(make_config("beam"), scripted, scripted.tokenizer)
    for manager in (proxy.train_es_manager, proxy.val_es_manager):
        assert {entry["max_actions_per_traj"] for entry in manager.envs} == {3}
