"""Which groups of a training rollout reach the update.

Decides, from the rewards of each group, which groups are kept, and reports what was kept beside what was
there. What a reward is (`original_rm_scores`) is the context manager's business, what happens to an empty
or uneven batch the trainer's.

Names, arguments and metric keys are those of upstream's `ragen.trainer.rollout_filter` (V2). The rules
(`strategy`) are:

| strategy | keeps |
| --- | --- |
| `top_p` | the best groups until they hold a share `value` of the scores, or of their softmax |
| `top_k` | `int(value * num_groups)` groups, at least one |
| `top_k_abs` | `int(value)` groups, at least one |
| `min_p` | groups whose score is within a factor `value` of the best |
| `legacy_ratio_std` | `int(value * num_groups)` groups, possibly none: the rule of RAGEN before V2 |

The paper keeps the quarter of the groups whose returns vary most: `PAPER_PRESET`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from verl import DataProto

PAPER_PRESET: Mapping[str, object] = MappingProxyType(
    {"strategy": "top_k", "value": 0.25, "filter_type": "largest", "metric": "reward_variance"}
)
"""Section 4.2 of the paper: top 25 % of groups by the standard deviation of their returns."""

LEGACY_STRATEGY = "legacy_ratio_std"
METRICS = ("reward", "reward_sum", "reward_variance")
METRIC_ALIASES = {"reward_std": "reward_variance"}
TOP_P_PROB_MODES = ("linear", "softmax")
FILTER_TYPES = ("largest", "smallest")
LEGACY_FILTER_TYPES = ("std", "std_rev")

_ZERO = 1e-10  # scores no larger than this count as zero
_UNUSED_BUCKETS = (6, "quantile")  # upstream's defaults of two arguments that only gradient analysis reads


@dataclass(frozen=True)
class RolloutFilterConfig:
    """One filter's settings; the field names are upstream's."""

    value: float
    filter_type: str
    group_size: int
    num_groups: int
    metric: str = "reward_variance"
    include_zero: bool = True
    strategy: str = "top_p"
    top_p_prob_mode: str = "linear"
    selection_eps: float = 0.01

    def __post_init__(self) -> None:
        legacy = self.strategy == LEGACY_STRATEGY
        _require("rollout_filter_strategy", self.strategy, (*_RULES, LEGACY_STRATEGY))
        _require("rollout_filter_type", self.filter_type, LEGACY_FILTER_TYPES if legacy else FILTER_TYPES)
        _require("rollout_filter_metric", self.metric, ("reward_variance",) if legacy else METRICS)
        _require("rollout_filter_top_p_prob_mode", self.top_p_prob_mode, TOP_P_PROB_MODES)
        for key, count in (("env_groups", self.num_groups), ("group_size", self.group_size)):
            if count < 1:
                raise ValueError(f"es_manager.train.{key} is {count}; it must be at least 1")
        if not self.value >= 0:
            raise ValueError(f"rollout_filter_value is {self.value}; it must not be negative")
        if legacy and self.value > 1:
            raise ValueError(f"rollout_filter_value is {self.value}; with {LEGACY_STRATEGY} it must lie in [0, 1]")


def _require(key: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{key} is {value!r}; allowed: {', '.join(allowed)}")


@dataclass(frozen=True)
class GroupRewards:
    """Rewards of a batch, arranged by group, and which row belongs where."""

    matrix: torch.Tensor  # (num_groups, group_size), one value an episode
    group_of_row: torch.Tensor  # (batch,), index into the first axis of `matrix`
    group_ids: torch.Tensor  # (num_groups,), the ids the environment manager gave the groups

    @property
    def std(self) -> torch.Tensor:
        """Sample standard deviation; nan for groups of one."""
        num_groups, group_size = self.matrix.shape
        return self.matrix.std(dim=-1) if group_size > 1 else torch.full((num_groups,), torch.nan)

    @property
    def max(self) -> torch.Tensor:
        return self.matrix.max(dim=-1).values

    @property
    def mean(self) -> torch.Tensor:
        return self.matrix.mean(dim=-1)

    @property
    def sum(self) -> torch.Tensor:
        return self.matrix.sum(dim=-1)


def group_rewards(batch: DataProto, num_groups: int) -> GroupRewards:
    """Sum each row's `original_rm_scores` (batch, tokens) and arrange the episodes by group.

    A row is an episode unless the batch names `episode_ids`: then an episode is all rows of one id and is
    worth its first row's sum. Episodes of a group follow one another in the batch.
    Raises ValueError when the episodes cannot be dealt out evenly to `num_groups`.
    """
    row_sums = batch.batch["original_rm_scores"].sum(dim=-1)
    episodes = batch.non_tensor_batch.get("episode_ids", np.arange(len(row_sums)))
    numbering: dict[object, int] = {}  # episode id -> its position in order of appearance
    first_row: list[int] = []
    episode_of_row = []
    for row, episode in enumerate(episodes.tolist()):
        if episode not in numbering:
            numbering[episode] = len(numbering)
            first_row.append(row)
        episode_of_row.append(numbering[episode])
    if len(numbering) % num_groups:
        raise ValueError(f"{len(numbering)} episodes cannot be divided among {num_groups} groups")
    group_size = len(numbering) // num_groups
    if "group_ids" in batch.non_tensor_batch:
        row_group_ids = torch.as_tensor(batch.non_tensor_batch["group_ids"].astype(np.int64))
        group_ids = row_group_ids[first_row].view(num_groups, group_size)[:, 0]
    else:
        group_ids = torch.arange(num_groups)
    return GroupRewards(
        matrix=row_sums[first_row].view(num_groups, group_size),
        group_of_row=torch.tensor(episode_of_row) // group_size,
        group_ids=group_ids,
    )


# --- the rules: scores (candidates,) -> positions of the kept ones, in the order they were chosen


def _top_p_linear(scores: torch.Tensor, config: RolloutFilterConfig) -> torch.Tensor:
    """The shortest run of best scores that sums to `value` of the total; none if that needs a score <= 0."""
    ordered, order = torch.sort(scores, descending=config.filter_type == "largest")
    threshold = config.value * scores.sum() - config.selection_eps
    running = torch.cat([torch.zeros(1), ordered.double().cumsum(0)]).float()  # sum of the first 0, 1, 2, ...
    enough = torch.nonzero(running >= threshold)
    if enough.numel() == 0:
        return order[:0]
    count = int(enough[0])
    return order[:0] if bool((ordered[:count] <= 0).any()) else order[:count]


def _top_p_softmax(scores: torch.Tensor, config: RolloutFilterConfig) -> torch.Tensor:
    probabilities = torch.softmax(scores if config.filter_type == "largest" else -scores, dim=0)
    ordered, order = torch.sort(probabilities, descending=True)
    return order[: int(torch.searchsorted(ordered.cumsum(0), config.value)) + 1]


def _top_p(scores: torch.Tensor, config: RolloutFilterConfig) -> torch.Tensor:
    if config.value >= 1:
        return torch.arange(len(scores))
    return _top_p_softmax(scores, config) if config.top_p_prob_mode == "softmax" else _top_p_linear(scores, config)


def _top(scores: torch.Tensor, count: int, filter_type: str) -> torch.Tensor:
    return (scores if filter_type in ("largest", "std") else -scores).topk(count).indices


def _top_k(scores: torch.Tensor, config: RolloutFilterConfig) -> torch.Tensor:
    wanted = int(config.value * config.num_groups)  # of all groups, removed ones included
    return _top(scores, max(1, min(wanted, len(scores))), config.filter_type)


def _top_k_abs(scores: torch.Tensor, config: RolloutFilterConfig) -> torch.Tensor:
    return _top(scores, max(1, min(int(config.value), len(scores))), config.filter_type)


def _min_p(scores: torch.Tensor, config: RolloutFilterConfig) -> torch.Tensor:
    if config.filter_type == "largest":
        near_the_best = scores >= scores.max() * config.value - _ZERO
    else:
        near_the_best = scores <= scores.min() / (config.value + _ZERO) + _ZERO
    return torch.nonzero(near_the_best).flatten()


_RULES: dict[str, Callable[[torch.Tensor, RolloutFilterConfig], torch.Tensor]] = {
    "top_p": _top_p,
    "top_k": _top_k,
    "top_k_abs": _top_k_abs,
    "min_p": _min_p,
}


# --- the filters


class RolloutFilter:
    """Base class: `filter` returns the kept rows in batch order, and metrics named as upstream names them."""

    def __init__(self, config: RolloutFilterConfig) -> None:
        self.config = config

    def filter(self, batch: DataProto) -> tuple[DataProto, dict[str, torch.Tensor]]:
        """Keep the rows of the chosen groups.

        Args:
            batch: rows with `original_rm_scores` (batch, tokens), episodes of a group next to one another.
        Returns:
            the kept rows (none is possible) and the metrics; entries `rollout/_*` are tables, not scalars.
        """
        raise NotImplementedError

    def _base_metrics(self, rewards: GroupRewards, mean_of_chosen: Callable) -> dict[str, torch.Tensor]:
        statistics = {"std": rewards.std, "max": rewards.max, "mean": rewards.mean}
        return {
            **{f"rollout/in_group_{name}": values.mean() for name, values in statistics.items()},
            **{f"rollout/chosen_in_group_{name}": mean_of_chosen(values) for name, values in statistics.items()},
        }


class RewardRolloutFilter(RolloutFilter):
    """Filters by a statistic of the rewards in each group: their deviation, mean or sum."""

    def filter(self, batch: DataProto) -> tuple[DataProto, dict[str, torch.Tensor]]:
        """See the base class. Adds `reward_std` (batch,): the row's group deviation before filtering."""
        rewards = group_rewards(batch, self.config.num_groups)
        scores = {"reward": rewards.mean, "reward_sum": rewards.sum, "reward_variance": rewards.std}[
            self.config.metric
        ].float()
        chosen = self._choose(scores)
        kept = torch.isin(rewards.group_of_row, chosen)
        if self.config.strategy == "top_p" and self.config.value >= 1 and self.config.include_zero:
            kept = torch.ones_like(kept)
        filtered = batch.select_idxs(kept)
        filtered.batch["reward_std"] = rewards.std[rewards.group_of_row[kept]]
        return filtered, self._metrics(rewards, scores, chosen)

    def _choose(self, scores: torch.Tensor) -> torch.Tensor:
        """Indices of the kept groups, in the order of choice, from one score per group."""
        candidates = torch.arange(len(scores))
        if not self.config.include_zero:
            candidates = candidates[scores.abs() > _ZERO]
        if len(candidates) == 0:
            return candidates
        return candidates[_RULES[self.config.strategy](scores[candidates], self.config)]

    def _metrics(self, rewards: GroupRewards, scores: torch.Tensor, chosen: torch.Tensor) -> dict[str, torch.Tensor]:
        def mean_of_chosen(values: torch.Tensor) -> torch.Tensor:
            return values[chosen].mean() if len(chosen) else torch.zeros(())

        metrics = self._base_metrics(rewards, mean_of_chosen)
        statistics = {"std": rewards.std, "max": rewards.max, "mean": rewards.mean, "sum": rewards.sum}
        for name, values in statistics.items():
            metrics[f"rollout/in_group_reward_{name}"] = values.mean()
            metrics[f"rollout/chosen_in_group_reward_{name}"] = mean_of_chosen(values)
        metrics["rollout/filter_kept_count"] = torch.tensor(float(len(chosen)))
        metrics["rollout/filter_kept_ratio"] = torch.tensor(len(chosen) / self.config.num_groups)
        metrics["rollout/filter_zero_count"] = (scores.abs() <= _ZERO).sum()
        metrics["rollout/_reward_matrix"] = rewards.matrix
        metrics["rollout/_group_reward_std"] = rewards.std
        metrics["rollout/_group_ids"] = rewards.group_ids
        metrics["rollout/_selected_group_ids"] = rewards.group_ids[chosen]
        return metrics


class LegacyRatioStdRolloutFilter(RolloutFilter):
    """The filter of RAGEN before V2: a plain share of the groups by deviation, rounded down, even to none."""

    def filter(self, batch: DataProto) -> tuple[DataProto, dict[str, torch.Tensor]]:
        """See the base class; means over nothing chosen are nan here."""
        rewards = group_rewards(batch, self.config.num_groups)
        if self.config.value == 1:
            chosen = torch.arange(self.config.num_groups)
        else:
            chosen = _top(rewards.std, int(self.config.value * self.config.num_groups), self.config.filter_type)
        metrics = self._base_metrics(rewards, lambda values: values[chosen].mean())
        metrics["rollout/_selected_group_ids"] = rewards.group_ids[chosen]
        return batch.select_idxs(torch.isin(rewards.group_of_row, chosen)), metrics


def build_rollout_filter(
    value: float,
    filter_type: str,
    num_groups: int,
    group_size: int,
    metric: str | None,
    compute_log_prob: Callable[[DataProto], DataProto] | None = None,
    include_zero: bool = True,
    strategy: str = "top_p",
    top_p_prob_mode: str = "linear",
    selection_eps: float = 0.01,
    bucket_count: int = 6,
    bucket_mode: str = "quantile",
) -> RolloutFilter:
    """Make the filter that the `rollout_filter_*` keys describe; arguments and defaults are upstream's.

    `metric` None means `reward_variance`, `reward_std` is its alias. `compute_log_prob` serves upstream's
    entropy metrics, which are out of scope like its length metric: they are refused, and it is not read.
    The two bucket arguments belong to gradient analysis, also out of scope: anything but the default is
        refused.
    Raises ValueError naming the key, its value and what is allowed.
    """
    if (bucket_count, bucket_mode) != _UNUSED_BUCKETS:
        raise ValueError(
            f"gradient_analysis_num_buckets={bucket_count}, gradient_analysis_bucket_mode={bucket_mode!r}: "
            "gradient analysis is out of scope; leave them at 6 and 'quantile'"
        )
    name = (metric or "reward_variance").lower()
    config = RolloutFilterConfig(
        value=value,
        filter_type=filter_type,
        num_groups=num_groups,
        group_size=group_size,
        metric=METRIC_ALIASES.get(name, name),
        include_zero=include_zero,
        strategy=strategy,
        top_p_prob_mode=top_p_prob_mode,
        selection_eps=selection_eps,
    )
    return LegacyRatioStdRolloutFilter(config) if strategy == LEGACY_STRATEGY else RewardRolloutFilter(config)
