"""How well a policy plays: valid turns and successes, beside random turns of the same lengths.

Decides what is counted and how a policy is sampled outside of a training run. Leaves prompts, parsing and
the rules of an episode to `ContextManager` and `EnvStateManager`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from verl import DataProto

from ragen_tsr import backend
from ragen_tsr.models.demonstrations import unpadded
from ragen_tsr.models.tasks.base import Task
from ragen_tsr.workers.rollout.generation import Ending, generate
from ragen_tsr.workers.rollout.noise import CallKey
from ragen_tsr.workers.rollout.sampling import Sampling


@dataclass(frozen=True)
class Score:
    """What came of `episodes` episodes, each from another seed."""

    episodes: int
    success: float
    """Share of episodes that ended in success."""
    valid: float
    """Share of turns that were parsed and named legal actions only."""
    actions_per_turn: float
    """Mean number of legal actions named in a turn."""
    response_tokens: float
    """Mean, end-of-turn token included; 0 for random play."""
    longest: int
    """Longest prompt with its response, in tokens."""
    random_success: float
    """The same for random legal actions, in each turn as many as the policy's."""


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: DictConfig,
    task: Task[Any],
    *,
    temperature: float,
    max_new_tokens: int,
    seed: int,
) -> Score:
    """Play one validation episode in every slot of `config`'s ``es_manager.val``, and one of random turns."""
    environments = backend.EnvStateManager(config, "val")
    manager = backend.ContextManager(config, tokenizer, mode="val")
    ending = Ending(max_new_tokens, frozenset({tokenizer.eos_token_id}), tokenizer.pad_token_id)
    lengths: dict[int, list[int]] = {env_id: [] for env_id in range(len(environments.envs))}
    valid, tokens, longest = [], [], 0
    live = environments.reset()
    for turn in range(int(config.agent_proxy.max_turn)):
        if not live:
            break
        ids = [cache["env_id"] for cache in live]
        uniforms = CallKey(seed, "validate", 0, turn).row_uniforms(ids, max_new_tokens)
        prompts = unpadded(manager.get_lm_inputs(live, prepare_for_update=False), tokenizer)
        responses = generate(model, prompts, torch.from_numpy(uniforms), Sampling(temperature=temperature), ending)
        inputs = manager.get_env_inputs(
            DataProto.from_dict({"responses": responses.tokens}, non_tensors={"env_ids": np.array(ids)})
        )
        legal = {
            entry["env_id"]: task.legal(task.position(environments.envs[entry["env_id"]]["env"]), entry["actions"])
            for entry in inputs
        }
        valid += [bool(entry["actions"]) and len(legal[entry["env_id"]]) == len(entry["actions"]) for entry in inputs]
        tokens += responses.lengths.tolist()
        longest = max(longest, *(len(p) + n for p, n in zip(prompts, responses.lengths.tolist(), strict=True)))
        for env_id, actions in legal.items():
            lengths[env_id].append(len(actions))
        live = environments.step(inputs)
    success = _success(environments)
    return Score(
        episodes=len(lengths),
        success=success,
        valid=float(np.mean(valid)),
        actions_per_turn=float(np.mean([count for counts in lengths.values() for count in counts])),
        response_tokens=float(np.mean(tokens)),
        longest=longest,
        random_success=_random_success(environments, config, task, lengths, seed),
    )


def _random_success(
    environments: Any,
    config: DictConfig,
    task: Task[Any],
    lengths: dict[int, list[int]],
    seed: int,
) -> float:
    """Success of random play; a turn that the policy did not reach has a length drawn from those it had."""
    rng = random.Random(seed)
    pool = [count for counts in lengths.values() for count in counts]
    live = environments.reset()
    for turn in range(int(config.agent_proxy.max_turn)):
        inputs = []
        for cache in live:
            env_id = cache["env_id"]
            counts = lengths[env_id]
            count = counts[turn] if turn < len(counts) else rng.choice(pool)
            actions = task.wander(task.position(environments.envs[env_id]["env"]), count, rng)
            inputs.append({"env_id": env_id, "actions": actions, "llm_response": "", "llm_raw_response": ""})
        live = environments.step(inputs)
    return _success(environments)


def _success(environments: Any) -> float:
    statuses = [entry["status"] for entry in environments.envs]
    return float(np.mean([status.terminated and not status.truncated for status in statuses]))
