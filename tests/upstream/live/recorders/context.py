"""Context manager: prompts, training rows, masks, scores and metrics in all context modes.

Rollouts with upstream's environment manager behind it and made-up responses; and histories with made-up rewards and
penalties, of which only the scores are compared.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from recorders import Upstream
from recorders.scripts import manager_config, response

CASES = 120
TURNS = 5
CUT = "cutting to max_model_len leaves a turn without its state"
SYMBOLS = "grid_vocab inside env_config is not explained"


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Two in three are rollouts, the others scores."""
    for number in range(count):
        yield _scores(draw, upstream) if number % 3 == 2 else _rollout(draw, upstream)


def _config(draw: random.Random, upstream: Upstream, mode: str) -> tuple[dict[str, Any], str | None]:
    """A configuration, and which fault of upstream it may run into."""
    config = manager_config(draw, upstream, mode=mode)
    proxy, bug = config["agent_proxy"], None
    if proxy["context_window_mode"] == "full":
        proxy["use_turn_scores"] = draw.random() < 0.3
    if draw.random() < 0.4:
        # In single_turn whole turns are left out; the other modes leave a turn without its state.
        config["actor_rollout_ref"]["rollout"]["max_model_len"] = draw.choice([250, 400, 600, 900, 3600])
        bug = None if proxy["context_window_mode"] == "single_turn" else CUT
    config["collapse_detection"] = {key: draw.random() < 0.3 for key in ("first_turn_enabled", "multi_turn_enabled")}
    if any("grid_vocab" in (task["env_config"] or {}) for task in config["custom_envs"].values()):
        bug = SYMBOLS
    return config, bug


def _rollout(draw: random.Random, upstream: Upstream) -> dict[str, Any]:
    from ragen.llm_agent.ctx_manager import ContextManager
    from ragen.llm_agent.es_manager import EnvStateManager

    mode = draw.choice(["train", "train", "val"])
    config, bug = _config(draw, upstream, mode)
    settings = OmegaConf.create(config)
    environments = upstream.own(EnvStateManager)(settings, mode=mode)
    manager = upstream.own(ContextManager)(settings, upstream.tokenizer, mode=mode)
    wild = draw.choice([0.0, 0.2])
    outputs = environments.reset()
    generation = []
    for turn in range(1, TURNS + 1):
        if not outputs:
            break
        record, inputs = _turn(draw, config, manager, outputs, wild)
        generation.append({"turn": turn, **record})
        outputs = environments.step(inputs)
    states = copy.deepcopy(environments.get_rollout_states())
    environments.close()
    case = {"kind": "rollout", "config": config, "generation": generation, "rollout_states": states}
    case |= {"upstream_bug": bug} if bug else {}
    case["update"] = _update(manager, copy.deepcopy(states), config)
    if any(config["collapse_detection"].values()) and "error" not in case["update"]:
        case["collapse"] = _collapse(manager, states)
    return case


def _turn(
    draw: random.Random, config: dict[str, Any], manager: Any, outputs: list[dict[str, Any]], wild: float
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A turn's prompts, made-up responses, and what is read out of them."""
    shown = copy.deepcopy(outputs)
    prompts = manager.get_lm_inputs(outputs, prepare_for_update=False)
    rows = _unpadded(prompts)
    _check_derived(prompts)
    record = {
        "env_outputs": shown,
        "env_ids": prompts.non_tensor_batch["env_ids"],
        "group_ids": prompts.non_tensor_batch["group_ids"],
        "prompts": [manager.tokenizer.decode(ids) for ids in rows],
        "n_tokens": [len(ids) for ids in rows],
        "roles": _roles(prompts),
        "seq_len": prompts.batch["input_ids"].shape[1],
        "response_texts": [response(draw, config, wild=wild) for _ in rows],
    }
    prompts.batch = None
    prompts.non_tensor_batch["response_texts"] = record["response_texts"]
    inputs = manager.get_env_inputs(prompts)
    return record | {"env_inputs": copy.deepcopy(inputs)}, inputs


def _update(manager: Any, states: list[dict[str, Any]], config: dict[str, Any]) -> dict[str, Any]:
    """Training rows; or the error, which two closing marks in one response give where turns are scored."""
    try:
        rows = manager.formulate_rollouts(states, include_collapse_data=False)
    except RuntimeError as error:
        return {"error": type(error).__name__, "error_message": str(error)}
    _check_derived(rows)
    batch, labels = rows.batch, rows.non_tensor_batch
    ids = _unpadded(rows)
    length = batch["input_ids"].shape[1]
    update = {
        "texts": [manager.tokenizer.decode(row) for row in ids],
        "roles": _roles(rows),
        "seq_len": length,
        "pad_left": [length - len(row) for row in ids],
        "input_ids": ids,
        "loss_mask_spans": [_spans(mask) for mask in batch["loss_mask"]],
        "batch_keys": sorted(batch.keys()),
        "non_tensor_keys": sorted(labels),
        "metrics": rows.meta_info["metrics"],
        "env_ids": labels["env_ids"],
    }
    update |= {key: labels[key] for key in ("group_ids", "episode_ids", "uid") if key in labels}
    if config["agent_proxy"]["context_window_mode"] == "full":
        _, responses = manager._compute_loss_mask(batch["input_ids"], batch["attention_mask"], mode="full")
        update["response_mask_spans"] = [_spans(mask) for mask in responses]
    for key in ("rm_scores", "original_rm_scores"):
        update[key] = [[[int(at), float(row[at])] for at in row.nonzero().flatten()] for row in batch[key]]
    return update


def _collapse(manager: Any, states: list[dict[str, Any]]) -> dict[str, Any]:
    """What asking for collapse detection's data adds to the rows."""
    rows = manager.formulate_rollouts(copy.deepcopy(states), include_collapse_data=True).non_tensor_batch
    bare = manager.formulate_rollouts(copy.deepcopy(states), include_collapse_data=False).non_tensor_batch
    return {key: rows[key] for key in set(rows) - set(bare)}


def _scores(draw: random.Random, upstream: Upstream) -> dict[str, Any]:
    """Rewards of any kind and size, whole numbers among them, in histories that say little else."""
    from ragen.llm_agent.ctx_manager import ContextManager

    config = manager_config(draw, upstream, mode="train", most_slots=draw.choice([2, 6, 16]))
    for task in config["custom_envs"].values():
        task["env_config"].pop("grid_vocab", None)
    groups = config["es_manager"]["train"]
    config["collapse_detection"] = {"first_turn_enabled": False, "multi_turn_enabled": False}
    states, slots = [], groups["env_groups"] * groups["group_size"]
    of_group = [
        tag
        for tag, count in zip(groups["env_configs"]["tags"], groups["env_configs"]["n_groups"], strict=True)
        for _ in range(count)
    ]
    equal = draw.random() < 0.3
    rewards = [draw.choice([0, -0.1, -0.30000000000000004, 1, 10.9, round(draw.gauss(0, 5), 4)]) for _ in range(3)]
    for slot in range(slots):
        if not equal:
            rewards = [draw.choice([*rewards, draw.gauss(0, 5)]) for _ in range(draw.randint(1, 4))]
        history: list[dict[str, Any]] = [
            {"state": "s", "actions_left": 3, "llm_response": "<answer>Up</answer>", "reward": reward}
            for reward in rewards
        ]
        group = slot // groups["group_size"]
        states.append(
            {
                "env_id": slot,
                "history": [*history, {"state": "last", "actions_left": 0}],
                "group_id": group,
                "tag": of_group[group],
                "penalty": 0 if equal else draw.choice([0, -0.1, -0.2]),
            }
        )
    manager = upstream.own(ContextManager)(OmegaConf.create(config), upstream.tokenizer, mode="train")
    rows = manager.formulate_rollouts(copy.deepcopy(states), include_collapse_data=False)
    case = {"kind": "scores", "config": config, "rollout_states": states}
    case |= {f"{key}_last": rows.batch[key][:, -1].tolist() for key in ("rm_scores", "original_rm_scores")}
    if "episode_ids" in rows.non_tensor_batch:
        case["episode_ids"] = rows.non_tensor_batch["episode_ids"]
    return case


def _unpadded(rows: Any) -> list[list[int]]:
    batch = rows.batch
    return [ids[mask.bool()].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]


def _roles(rows: Any) -> list[list[str]]:
    return [[message["role"] for message in messages] for messages in rows.non_tensor_batch["messages_list"]]


def _spans(mask: torch.Tensor) -> list[list[int]]:
    """[start, end) of the runs of ones."""
    steps = np.diff(np.concatenate([[0], mask.int().numpy(), [0]]))
    return [[int(a), int(b)] for a, b in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)]


def _check_derived(rows: Any) -> None:
    """The check of a case takes ``position_ids`` and ``responses`` to follow from the ids: so they do.

    Raises:
        ValueError: They do not.
    """
    batch = rows.batch
    positions = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
    if not torch.equal(batch["position_ids"], positions) or not torch.equal(
        batch["responses"], batch["input_ids"][:, 1:]
    ):
        raise ValueError("upstream's position_ids or responses do not follow from its ids and attention mask")
