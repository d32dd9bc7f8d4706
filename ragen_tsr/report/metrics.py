"""What the figures of a run folder mean: the one place that knows the names of metrics.

A *quantity* (success, return, turns) has one name here and may come from several metrics, one a task tag. How
quantities are drawn or printed is left to the page and to the progress display.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Metrics = Mapping[str, "float | int | None"]


@dataclass(frozen=True)
class Quantity:
    """A figure of a step: the mean of the metrics whose whole name matches."""

    pattern: str
    """A regular expression."""

    def of(self, metrics: Metrics) -> float | None:
        """The figure in one step's metrics, None where the step has none."""
        found = [
            float(value) for name, value in metrics.items() if value is not None and re.fullmatch(self.pattern, name)
        ]
        return sum(found) / len(found) if found else None

    def series(self, steps: Iterable[Metrics]) -> list[tuple[int, float]]:
        """``(step, figure)`` for the steps that have it."""
        pairs = ((int(step["step"] or 0), self.of(step)) for step in steps)
        return [(step, value) for step, value in pairs if value is not None]


TRAIN_SUCCESS = Quantity(r"train/(?!search/)[^/]+/success")
VAL_SUCCESS = Quantity(r"val-env/[^/]+/success")
COMMITTED_SUCCESS = Quantity(r"train/search/success/committed")
SAMPLED_SUCCESS = Quantity(r"train/search/success/sampled")
REROLLED_SUCCESS = Quantity(r"train/search/success/rerolled")
COMMITTED_RETURN = Quantity(r"train/search/return/committed")
SAMPLED_RETURN = Quantity(r"train/search/return/sampled")
REROLLED_RETURN = Quantity(r"train/search/return/rerolled")
SCORE = Quantity(r"critic/score/mean")
VAL_REWARD = Quantity(r"val-core/.+/reward/mean@\d+")
ENTROPY = Quantity(r"actor/entropy")
ROLLOUT_ENTROPY = Quantity(r"train/search/entropy")
ACTOR_GRADIENT = Quantity(r"actor/grad_norm")
CRITIC_GRADIENT = Quantity(r"critic/grad_norm")
RESPONSE_LENGTH = Quantity(r"train/response_length")
VAL_RESPONSE_LENGTH = Quantity(r"val-env/response_length")
TURNS = Quantity(r"train/search/turns/committed")
ACTIONS = Quantity(r"train/(?!search/)[^/]+/num_actions")
VAL_ACTIONS = Quantity(r"val-env/[^/]+/num_actions")
VALID_COMMITTED = Quantity(r"train/search/valid_rate/committed")
VALID_SAMPLED = Quantity(r"train/search/valid_rate/sampled")
PROMPT_TOKENS = Quantity(r"train/search/prompt_tokens")
GENERATED_TOKENS = Quantity(r"train/search/generated_tokens")
GENERATION_CALLS = Quantity(r"train/search/generation_calls")
ENV_STEPS = Quantity(r"train/search/env_steps")
NODES = Quantity(r"train/search/nodes_expanded")
MERGED = Quantity(r"train/search/merged")
PRUNED = Quantity(r"train/search/pruned")
REDRAWN = Quantity(r"train/search/redrawn")
DISTINCT = Quantity(r"train/search/distinct_trajectories")
GROUP_STD = Quantity(r"rollout/in_group_std")
KEPT_STD = Quantity(r"rollout/chosen_in_group_std")
GROUP_MEAN = Quantity(r"rollout/in_group_mean")
KEPT_MEAN = Quantity(r"rollout/chosen_in_group_mean")
GROUP_BEST = Quantity(r"rollout/in_group_max")
KEPT_BEST = Quantity(r"rollout/chosen_in_group_max")
KEPT_GROUPS = Quantity(r"rollout/filter_kept_count")
KEPT_SHARE = Quantity(r"rollout/filter_kept_ratio")
FLAT_GROUPS = Quantity(r"rollout/filter_zero_count")
EMPTY_STEPS = Quantity(r"rollout/empty_after_filter")
STEP_SECONDS = Quantity(r"timing_s/step")
SEARCH_SECONDS = {
    phase: Quantity(rf"train/search/seconds/{phase}")
    for phase in ("generation", "environment", "scoring", "bookkeeping")
}
PHASE_SECONDS = {
    label: Quantity(rf"timing_s/{key}")
    for label, key in {
        "rollout": "gen",
        "log-probs": "old_log_prob",
        "values": "values",
        "critic update": "update_critic",
        "actor update": "update_actor",
        "validation": "testing",
        "checkpoint": "save_checkpoint",
    }.items()
}


def load(path: Path) -> list[dict[str, float | int | None]]:
    """The lines of a ``metrics.jsonl``, by step; a last line that was cut short is left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line before the last one is not JSON.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    by_step = {}
    for line in lines:
        metrics = json.loads(line)
        by_step[metrics["step"]] = metrics
    return [by_step[step] for step in sorted(by_step)]


def tokens_per_second(metrics: Metrics) -> float | None:
    """Generated tokens per second of generation, None where the step has no search figures."""
    tokens, seconds = GENERATED_TOKENS.of(metrics), SEARCH_SECONDS["generation"].of(metrics)
    return tokens / seconds if tokens is not None and seconds else None
