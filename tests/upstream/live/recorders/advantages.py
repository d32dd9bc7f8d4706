"""Advantages: bi-level GAE, GRPO that counts an episode once, and the trainer's choice between estimators.

verl's own functions are called by both sides; they are compared as the trainer calls them (``compute_advantage``).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from verl import DataProto

from recorders import Upstream

CASES = 300
BUG = "the last token of a response has reward 0"


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """A third each of GRPO, bi-level GAE and the trainer's function."""
    for number in range(count):
        yield (_grpo, _bi_level_gae, _compute_advantage)[number % 3](draw, upstream)


def _grpo(draw: random.Random, upstream: Upstream) -> dict[str, Any]:
    from ragen.trainer.core_algos import compute_grpo_outcome_advantage

    inputs = _rows(draw, several=draw.random() < 0.6)
    inputs = {key: inputs[key] for key in ("token_level_rewards", "response_mask", "index", "episode_ids")}
    settings = {
        "norm_adv_by_std_in_grpo": draw.random() < 0.6,
        "epsilon": 1e-6,
        "return_group_std": draw.random() < 0.5,
    }
    results = upstream.own(compute_grpo_outcome_advantage)(**_tensors(inputs), **settings)
    return _case("grpo", compute_grpo_outcome_advantage, settings, inputs, results)


def _bi_level_gae(draw: random.Random, upstream: Upstream) -> dict[str, Any]:
    from ragen.trainer.core_algos import compute_bi_level_gae_advantage_return

    rows = _rows(draw, several=False, turn_rewards=True)
    inputs = {"token_level_rewards": rows["token_level_rewards"], "values": rows["values"]}
    inputs["loss_mask"] = rows["response_mask"]
    settings = _discounts(draw)
    try:
        results = upstream.own(compute_bi_level_gae_advantage_return)(**_tensors(inputs), **settings)
    except IndexError as error:
        case = _case("bi_level_gae", compute_bi_level_gae_advantage_return, settings, inputs, ())
        return case | {"error": "IndexError", "error_message": str(error), "upstream_bug": BUG}
    return _case("bi_level_gae", compute_bi_level_gae_advantage_return, settings, inputs, results)


def _compute_advantage(draw: random.Random, upstream: Upstream) -> dict[str, Any]:
    from ragen.trainer.agent_trainer import compute_advantage

    estimator = draw.choice(["gae", "grpo", "reinforce_plus_plus_baseline", "rloo"])
    bi_level = estimator == "gae" and draw.random() < 0.5
    inputs = _rows(draw, several=estimator == "grpo" and draw.random() < 0.5, turn_rewards=bi_level, ended=True)
    if inputs["episode_ids"] is None:
        del inputs["episode_ids"]
    inputs["uid"] = inputs.pop("index")
    settings = {
        "adv_estimator": estimator,
        "gamma": draw.choice([1.0, 0.99]),
        "lam": draw.choice([1.0, 0.95]),
        "norm_adv_by_std_in_grpo": draw.random() < 0.5,
        "multi_turn": draw.random() < 0.5,
        "bi_level_gae": bi_level,
        "high_level_gamma": draw.choice([1.0, 0.95]),
    }
    names = ("uid", "episode_ids")
    batch = DataProto.from_dict(
        tensors={key: torch.tensor(value) for key, value in inputs.items() if key not in names},
        non_tensors={key: np.array(inputs[key]) for key in names if key in inputs},
    )
    data = upstream.own(compute_advantage)(batch, **settings)
    results = (data.batch["advantages"], data.batch["returns"])
    return _case("compute_advantage", compute_advantage, settings, inputs, results)


def _discounts(draw: random.Random) -> dict[str, float]:
    return {name: draw.choice([1.0, 0.99, 0.95, 0.5]) for name in ("gamma", "lam", "high_level_gamma")}


def _rows(draw: random.Random, *, several: bool, turn_rewards: bool = False, ended: bool = False) -> dict[str, Any]:
    """Rows of a batch: rewards, values, masks, groups, perhaps episodes.

    Args:
        several: An episode has several rows.
        turn_rewards: Rewards stand at turns' ends, too, and some outside the mask.
        ended: Every row has a reward at its last token.
    """
    episodes, tokens = draw.randint(2, 8), draw.randint(3, 16)
    groups = [draw.randrange(3) for _ in range(episodes)]
    turns = [draw.randint(1, 3) if several else 1 for _ in range(episodes)]
    episode_of_row = [episode for episode, count in enumerate(turns) for _ in range(count)]
    returns = [draw.choice([-0.1, -0.2, 1.0, 10.9, round(draw.gauss(0, 2), 3)]) for _ in range(episodes)]
    rewards, values, masks = [], [], []
    for episode in episode_of_row:
        mask = [float(draw.random() < 0.7) for _ in range(tokens)]
        mask[-2:] = [1.0, 1.0]
        row = [0.0] * tokens
        row[-1] = returns[episode]
        if turn_rewards:
            ends = [at for at in range(tokens - 1) if draw.random() < (0.3 if mask[at] else 0.05)]
            row = [draw.choice([-0.1, 1.0, 0.9]) if at in ends else 0.0 for at in range(tokens)]
            row[-1] = 0.0 if not ended and draw.random() < 0.1 else returns[episode]
        rewards.append(row)
        values.append([round(draw.gauss(0, 1), 3) for _ in range(tokens)])
        masks.append(mask)
    return {
        "token_level_rewards": rewards,
        "values": values,
        "response_mask": masks,
        "loss_mask": [list(mask) for mask in masks],
        "index": [groups[episode] for episode in episode_of_row],
        "episode_ids": episode_of_row if several else None,
    }


def _tensors(inputs: dict[str, Any]) -> dict[str, Any]:
    labels = ("index", "episode_ids")
    arrays = {key: None if inputs[key] is None else np.array(inputs[key]) for key in labels if key in inputs}
    return {key: torch.tensor(value) for key, value in inputs.items() if key not in labels} | arrays


def _case(kind: str, function: Any, settings: dict[str, Any], inputs: dict[str, Any], results: Any) -> dict[str, Any]:
    names = ("advantages", "returns", "group_std")
    config = {"function": f"{function.__module__}.{function.__name__}", **settings}
    outputs = {name: result.tolist() for name, result in zip(names, results, strict=False)}
    return {"kind": kind, "config": config, "inputs": inputs, **outputs}
