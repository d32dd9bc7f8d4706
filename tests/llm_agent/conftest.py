"""A scripted worker group and a small composed configuration, so that whole rollouts run without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from toy_ledge import Ledge, LedgeConfig, LedgeScorer, LedgeSnapshotter
from verl import DataProto

from ragen_tsr import backend, scorers
from ragen_tsr import config as configuration
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.models.tokenizer import build_tokenizer
from ragen_tsr.snapshots import registry

MOVES = ("Up", "Down", "Left", "Right")
RESPONSE_LENGTH = 48

Policy = Callable[[np.random.Generator, str], str]
"""``(row's draws, prompt text) -> response text``, which continues the prompt's ``<think>``."""


def wanderer(draws: np.random.Generator, prompt: str) -> str:
    """One to three random moves; now and then nonsense."""
    if draws.random() < 0.15:
        return "no idea"
    moves = draws.choice(MOVES, size=draws.integers(1, 4))
    return f"go</think><answer>{' || '.join(moves)}</answer>"


@dataclass
class ScriptedWorkers:
    """Stands in for a Ray worker group: answers by a text policy, keeps what it was given and said."""

    tokenizer: Any
    policy: Policy = wanderer
    seed: int = 0
    world_size: int = 1
    calls: list[dict[str, Any]] = field(default_factory=list)
    responses: list[list[list[int]]] = field(default_factory=list)

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        self.calls.append(
            {
                "tensors": {key: value.clone() for key, value in prompts.batch.items()},
                "env_ids": list(prompts.non_tensor_batch["env_ids"]),
                "meta_info": dict(prompts.meta_info),
            }
        )
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        texts = self.tokenizer.batch_decode(prompts.batch["input_ids"], skip_special_tokens=False)
        rows = [
            self.tokenizer.encode(
                self.policy(np.random.default_rng([self.seed, len(self.calls), row]), text) + "<|im_end|>",
                add_special_tokens=False,
            )
            for row, text in enumerate(texts)
        ]
        self.responses.append(rows)
        responses = torch.full((len(rows), RESPONSE_LENGTH), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(responses)
        for row, ids in enumerate(rows):
            responses[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        return DataProto.from_dict(
            {
                "responses": responses,  # (rows, RESPONSE_LENGTH)
                "attention_mask": torch.cat([prompts.batch["attention_mask"], mask], dim=1),
                "rollout_log_probs": torch.full(responses.shape, -0.5),
            },
            non_tensors=dict(prompts.non_tensor_batch),
        )


@dataclass
class Played:
    """A rollout, and what can be asked about it."""

    proxy: SearchAgentProxy
    workers: ScriptedWorkers
    rollouts: DataProto
    records: list[dict[str, Any]]
    reseeded: list[tuple[int, ...]]
    """Every noise that an environment was given."""

    def metric(self, name: str) -> float:
        return self.rollouts.meta_info["metrics"][f"search/{name}"]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    words = [*MOVES, "<think>", "</think>", "<answer>", "</answer>", " || ", "no idea", "go"]
    return build_tokenizer(words * 3, vocab_size=400, min_frequency=2, model_max_length=4096)


@pytest.fixture
def make_config() -> Callable[..., Any]:
    """``make_config(method, *overrides)``: three groups of two slots on SimpleSokoban (or ``env``), four turns."""

    def make(method: str, *overrides: str, env: str = "sokoban") -> Any:
        small = ["scale=cpu", "es_manager.train.env_groups=3", "es_manager.train.group_size=2"]
        small += ["es_manager.val.env_groups=3", "agent_proxy.max_turn=4"]
        late = [override for override in overrides if override.startswith(LATE)]
        early = [override for override in overrides if override not in late]
        return OmegaConf.merge(_composed(env, method, *small, *early), OmegaConf.from_dotlist(late))

    return make


LATE = ("search.", "run_seed=", "env_noise=", "custom_envs.")
"""Keys that no other key is computed from when a configuration is composed, which takes a second."""


@cache
def _composed(*words: str) -> Any:
    return configuration.compose(configuration.parse(list(words)))


@pytest.fixture
def workers(tokenizer: Any) -> Callable[..., ScriptedWorkers]:
    def make(policy: Policy = wanderer, seed: int = 0) -> ScriptedWorkers:
        return ScriptedWorkers(tokenizer, policy=policy, seed=seed)

    return make


@pytest.fixture
def ledge(monkeypatch: pytest.MonkeyPatch, make_config: Callable[..., Any], workers: Callable[..., ScriptedWorkers]):
    """``ledge(answers, kind, method, *overrides)``: one rollout of three groups of two on the toy ledge.

    ``answers[t]`` are the actions answered to the prompts of turn t, one after another and from the start again;
    ``kind(entropy)`` is the luck of a leap.
    """
    snapshotter = LedgeSnapshotter()
    monkeypatch.setitem(backend.REGISTERED_ENVS, "ledge", Ledge)
    monkeypatch.setitem(backend.REGISTERED_ENV_CONFIGS, "ledge", LedgeConfig)
    monkeypatch.setitem(registry._registered, Ledge, snapshotter)
    monkeypatch.setitem(scorers.SCORERS, "ledge", LedgeScorer)

    def play(answers: list[list[str]], kind: Callable[[tuple[int, ...]], bool], method: str, *overrides: str) -> Played:
        monkeypatch.setattr(Ledge, "kind", staticmethod(kind))
        config = make_config(method, f"agent_proxy.max_turn={len(answers)}", "search.record_groups=null", *overrides)
        config.custom_envs.SimpleSokoban.env_type = "ledge"
        config.custom_envs.SimpleSokoban.env_config = None
        scripted = workers()
        rows: Counter[int] = Counter()

        def answer(draws: np.random.Generator, prompt: str) -> str:
            turn = prompt.count("\nTurn ") - 1
            rows[turn] += 1
            return f"go</think><answer>{answers[turn][(rows[turn] - 1) % len(answers[turn])]}</answer>"

        scripted.policy = answer
        proxy = SearchAgentProxy(config, scripted, scripted.tokenizer)
        snapshotter.reseeded.clear()
        records: list[dict[str, Any]] = []
        proxy.on_search = records.extend
        rollouts = proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
        return Played(proxy, scripted, rollouts, records, list(snapshotter.reseeded))

    return play
