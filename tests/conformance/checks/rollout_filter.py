"""Rollout filter: kept groups exactly, metrics and deviations to 1e-5 relative."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from verl import DataProto

from checks import Context, Departed, close
from ragen_tsr.embedded.trainer.rollout_filter import build_rollout_filter

DEPARTURES = {
    "turn_level": "several rows an episode are filtered, with reward_std per row, instead of raising",
}

NOT_SCALARS = ("rollout/_reward_matrix", "rollout/_group_ids", "rollout/_selected_group_ids")
TOLERANCE = {"relative": 1e-5, "absolute": 1e-12}
TOKENS = 3


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded case and the filter's result."""
    settings = dict(case["config"])
    if case["kind"] == "turn_level":
        return _check_turn_level(case, settings)
    first_group_id = settings.pop("first_group_id", 0)
    if case["kind"] == "legacy_ratio_std":
        settings.update(strategy="legacy_ratio_std", value=settings.pop("ratio"), metric=None)
    num_groups, group_size = settings["num_groups"], settings["group_size"]
    group_ids = np.repeat(np.arange(num_groups) + first_group_id, group_size)
    batch = _batch([score for group in case["scores"] for score in group], {"group_ids": group_ids})
    kept, metrics = build_rollout_filter(**settings).filter(batch)
    differences = []
    selected = metrics["rollout/_selected_group_ids"].tolist()
    if selected != case["selected_group_ids"]:
        differences.append(f"selected_group_ids {selected}, recorded {case['selected_group_ids']}")
    rows = kept.non_tensor_batch["row"].tolist()
    if rows != case["kept_rows"]:
        differences.append(f"kept_rows {rows}, recorded {case['kept_rows']}")
    if "reward_std" in case:
        differences += close("reward_std", kept.batch["reward_std"].tolist(), case["reward_std"], **TOLERANCE)
    scalars = {name: value for name, value in metrics.items() if name not in NOT_SCALARS}
    if set(scalars) != set(case["metrics"]):
        differences.append(f"metric names differ: {sorted(set(scalars) ^ set(case['metrics']))}")
    for name in sorted(set(scalars) & set(case["metrics"])):
        differences += close(name, scalars[name].tolist(), case["metrics"][name], **TOLERANCE)
    return differences


def _check_turn_level(case: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """Upstream raises here; ours must filter whole groups and know each row's deviation."""
    groups, episodes = np.array(case["group_ids"]), np.array(case["episode_ids"])
    batch = _batch(case["row_scores"], {"group_ids": groups, "episode_ids": episodes})
    kept, metrics = build_rollout_filter(**settings).filter(batch)
    chosen = metrics["rollout/_selected_group_ids"].tolist()
    expected_rows = [row for row, group in enumerate(groups.tolist()) if group in chosen]
    if kept.non_tensor_batch["row"].tolist() != expected_rows:
        return [f"kept rows {kept.non_tensor_batch['row'].tolist()}, expected {expected_rows}"]
    if len(kept.batch["reward_std"]) != len(expected_rows):
        return [f"reward_std has {len(kept.batch['reward_std'])} rows, expected {len(expected_rows)}"]
    raise Departed("turn_level")


def _batch(row_scores: list[float], labels: dict[str, np.ndarray]) -> DataProto:
    scores = torch.zeros(len(row_scores), TOKENS)
    scores[:, -1] = torch.tensor(row_scores)
    rows = np.arange(len(row_scores))
    return DataProto.from_dict(tensors={"original_rm_scores": scores}, non_tensors={**labels, "row": rows})
