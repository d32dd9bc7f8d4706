"""Rollout filter: what upstream's reward filters keep of random rewards, ties and zeros among them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from verl import DataProto

from recorders import Upstream

CASES = 600
TOKENS = 3
LEVELS = (-1.2, -0.1, 0.0, 0.4, 1.0, 10.9)
"""Rewards that make ties."""
TABLES = ("rollout/_reward_matrix", "rollout/_group_ids", "rollout/_selected_group_ids")
"""Entries of the metrics that are compared by other means, or follow from the scores."""


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Every rule at random values; one batch in thirty has several rows an episode, which upstream cannot filter."""
    for number in range(count):
        groups, size = draw.randint(1, 12), draw.randint(1, 8)
        config = {
            "strategy": draw.choice(["top_p", "top_p", "top_k", "top_k_abs", "min_p"]),
            "filter_type": draw.choice(["largest", "smallest"]),
            "top_p_prob_mode": draw.choice(["linear", "softmax"]),
            "include_zero": draw.random() < 0.5,
            "selection_eps": draw.choice([0.0, 0.01, 0.1]),
            "metric": draw.choice([None, "reward_variance", "reward_std", "reward", "reward_sum"]),
            "num_groups": groups,
            "group_size": size,
        }
        config["value"] = _value(draw, config["strategy"], groups)
        if number % 30 == 29 and (case := _several_rows(draw, config, upstream)):
            yield case
            continue
        if draw.random() < 0.2:
            config["first_group_id"] = draw.randint(1, 40)
        yield _one_row(config, _scores(draw, groups, size), upstream)


def _value(draw: random.Random, strategy: str, groups: int) -> float:
    if strategy == "top_k_abs":
        return draw.randint(0, groups + 2)
    return draw.choice([0.0, 0.1, 0.25, 0.5, 0.9, 1.0, 1.5, round(draw.random(), 4)])


def _scores(draw: random.Random, groups: int, size: int) -> list[list[float]]:
    """A group is all equal, drawn from few values, or from a normal distribution."""
    rows = []
    for _ in range(groups):
        kind = draw.random()
        if kind < 0.25:
            rows.append([draw.choice(LEVELS)] * size)
        elif kind < 0.6:
            rows.append([draw.choice(LEVELS) for _ in range(size)])
        else:
            rows.append([round(draw.gauss(0, 3), 3) for _ in range(size)])
    return rows


def _one_row(config: dict[str, Any], scores: list[list[float]], upstream: Upstream) -> dict[str, Any]:
    settings = dict(config)
    first = settings.pop("first_group_id", 0)
    group_ids = np.repeat(np.arange(config["num_groups"]) + first, config["group_size"])
    batch = _batch([score for group in scores for score in group], {"group_ids": group_ids})
    kept, metrics = _build(settings, upstream).filter(batch)
    return {
        "kind": "filter",
        "config": config,
        "scores": scores,
        "selected_group_ids": metrics["rollout/_selected_group_ids"].tolist(),
        "kept_rows": kept.non_tensor_batch["row"].tolist(),
        "metrics": {name: value.tolist() for name, value in metrics.items() if name not in TABLES},
        "reward_std": kept.batch["reward_std"].tolist(),
    }


def _several_rows(draw: random.Random, config: dict[str, Any], upstream: Upstream) -> dict[str, Any] | None:
    """A batch with several rows an episode; ``None`` if upstream, which keeps no row of it, does not raise."""
    turns = [draw.randint(2, 4) for _ in range(config["num_groups"] * config["group_size"])]
    episodes = np.repeat(np.arange(len(turns)), turns)
    groups = episodes // config["group_size"]
    case = {"kind": "turn_level", "config": config, "upstream_bug": "the reward filter takes a row for an episode"}
    case |= {"row_scores": [draw.choice(LEVELS) for _ in episodes]}
    case |= {"group_ids": groups, "episode_ids": episodes}
    batch = _batch(case["row_scores"], {"group_ids": groups, "episode_ids": episodes})
    try:
        _build(config, upstream).filter(batch)
    except (RuntimeError, IndexError, AssertionError) as error:
        return case | {"error": type(error).__name__}
    return None


def _build(settings: dict[str, Any], upstream: Upstream) -> Any:
    from ragen.trainer.rollout_filter import build_rollout_filter

    return upstream.own(build_rollout_filter)(**settings)


def _batch(row_scores: list[float], labels: dict[str, np.ndarray]) -> DataProto:
    scores = torch.zeros(len(row_scores), TOKENS)
    scores[:, -1] = torch.tensor(row_scores)
    return DataProto.from_dict(
        tensors={"original_rm_scores": scores}, non_tensors={**labels, "row": np.arange(len(row_scores))}
    )
