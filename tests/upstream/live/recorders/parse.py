"""Reading responses: whole ones, broken ones, and ones with stray tags and special tokens, as text and as tokens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from verl import DataProto

from recorders import TOKENIZER, Upstream
from recorders.scripts import NOISE, SEPARATORS, THOUGHTS, action_names, response

CASES = 300


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Eight in ten read one response under several settings, the others a batch through ``get_env_inputs``."""
    for number in range(count):
        config: dict[str, Any] = {"action_sep": draw.choice(SEPARATORS), "tokenizer": TOKENIZER}
        if number % 10 < 8:
            yield _one(draw, config, upstream)
        else:
            config |= {"enable_think": draw.random() < 0.5, "max_actions_per_turn": draw.randint(1, 6)}
            yield _batch(draw, config, upstream, as_ids=number % 10 == 8)


def _one(draw: random.Random, config: dict[str, Any], upstream: Upstream) -> dict[str, Any]:
    text = _soup(draw, config) if draw.random() < 0.4 else draw.choice(["<think>", ""]) + _response(draw, config, 0.6)
    results = []
    for enable_think in (True, False):
        for most in draw.sample(range(7), 3):
            settings = {"enable_think": enable_think, "max_actions_per_turn": most}
            kept, actions = _manager(config | settings, 1, upstream)._parse_response(text)
            results.append(settings | {"llm_response": kept, "actions": actions})
    return {"kind": "parse_response", "config": config, "response": text, "results": results}


def _batch(draw: random.Random, config: dict[str, Any], upstream: Upstream, as_ids: bool) -> dict[str, Any]:
    texts = [_response(draw, config, 0.5) for _ in range(draw.randint(1, 8))]
    env_ids = draw.sample(range(12), len(texts))
    case = {"kind": "get_env_inputs_ids" if as_ids else "get_env_inputs_texts", "config": config, "env_ids": env_ids}
    outputs = DataProto()
    labels = {"env_ids": np.array(env_ids, dtype=int)}
    if as_ids:
        tokenizer = upstream.tokenizer
        rows = [tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
        width, pad = max(map(len, rows)), tokenizer.pad_token_id
        outputs = DataProto.from_dict(
            tensors={"responses": torch.tensor([row + [pad] * (width - len(row)) for row in rows])}, non_tensors=labels
        )
        case |= {"responses": rows, "padded_to": width, "pad_token_id": pad}
    else:
        outputs.non_tensor_batch = labels | {"response_texts": texts}
        case["response_texts"] = texts
    return case | {"env_inputs": _manager(config, max(env_ids) + 1, upstream).get_env_inputs(outputs)}


def _response(draw: random.Random, config: dict[str, Any], wild: float) -> str:
    proxy = {"action_sep": config["action_sep"], "enable_think": config.get("enable_think", True)}
    return response(draw, {"agent_proxy": proxy}, wild=wild)


def _soup(draw: random.Random, config: dict[str, Any]) -> str:
    """Tags, separators, names and text in any order; halves of tags, too, which removing others may join."""
    pieces = (*NOISE, *THOUGHTS, config["action_sep"], "<thi", "nk>", "<|im_", "start|>", *action_names(draw))
    return "".join(draw.choice(pieces) for _ in range(draw.randint(0, 16)))


def _manager(config: dict[str, Any], slots: int, upstream: Upstream) -> Any:
    from ragen.llm_agent.ctx_manager import ContextManager

    parsing = {key: config[key] for key in ("action_sep", "enable_think", "max_actions_per_turn")}
    settings = {
        "agent_proxy": parsing,
        "actor_rollout_ref": {"rollout": {"response_length": 400}},
        "es_manager": {"train": {"group_size": slots, "env_configs": {"tags": ["Any"], "n_groups": [1]}}},
        "custom_envs": {"Any": {"env_type": "sokoban", "env_instruction": "", "max_actions_per_traj": 10}},
    }
    return upstream.own(ContextManager)(OmegaConf.create(settings), upstream.tokenizer, mode="train")
