"""Checks ``parse.jsonl``: what actions are read out of a response."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from verl import DataProto

from checks import Context, exact
from ragen_tsr.embedded.llm_agent.ctx_manager import ContextManager


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Compare exactly."""
    kind, config = case["kind"], case["config"]
    if kind == "parse_response":
        found = []
        for i, result in enumerate(case["results"]):
            settings = config | {key: result[key] for key in ("enable_think", "max_actions_per_turn")}
            response, actions = _manager(settings, 1, context)._parse_response(case["response"])
            found += exact(f"results[{i}].llm_response", response, result["llm_response"])
            found += exact(f"results[{i}].actions", actions, result["actions"])
        return found
    outputs = DataProto()
    outputs.non_tensor_batch = {"env_ids": np.array(case["env_ids"], dtype=int)}
    if kind == "get_env_inputs_texts":
        outputs.non_tensor_batch["response_texts"] = case["response_texts"]
    elif kind == "get_env_inputs_ids":
        width, pad = case["padded_to"], case["pad_token_id"]
        rows = [ids + [pad] * (width - len(ids)) for ids in case["responses"]]
        outputs = DataProto.from_dict(
            tensors={"responses": torch.tensor(rows)},
            non_tensors={"env_ids": np.array(case["env_ids"], dtype=int)},
        )
    else:
        return [f"unknown kind {kind!r}"]
    manager = _manager(config, max(case["env_ids"]) + 1, context)
    return exact("env_inputs", manager.get_env_inputs(outputs), case["env_inputs"])


def _manager(config: dict[str, Any], slots: int, context: Context) -> ContextManager:
    """A context manager that parses as ``config`` says, with as many slots as the case speaks of."""
    tokenizer = context.tokenizer(config.get("tokenizer", "tokenizer-qwen-mini"))
    return ContextManager(_full_config(config, slots, context), tokenizer, mode="train")


def _full_config(config: dict[str, Any], slots: int, context: Context) -> DictConfig:
    parsing = {key: config[key] for key in ("action_sep", "enable_think", "max_actions_per_turn")}
    groups = {"env_groups": 1, "group_size": slots, "env_configs": {"tags": ["Any"], "n_groups": [1]}}
    return OmegaConf.create(
        {
            "wording": context.wording,
            "agent_proxy": parsing
            | {
                "context_window_mode": "full",
                "max_context_window": -1,
                "use_turn_scores": False,
                "reward_normalization": {"grouping": "state", "method": "identity"},
            },
            "enable_response_mask": True,
            "actor_rollout_ref": {"rollout": {"response_length": 400, "max_model_len": 3600}},
            "es_manager": {"format_penalty": -0.1, "train": groups},
            "custom_envs": {"Any": {"env_type": "sokoban", "env_instruction": "", "max_actions_per_traj": 10}},
        }
    )
