"""The filter keeps whole groups, says what it kept, and refuses what it does not do."""

import numpy as np
import pytest
import torch
from verl import DataProto

from ragen_tsr.embedded.trainer.rollout_filter import PAPER_PRESET, build_rollout_filter

SHAPE = {"num_groups": 4, "group_size": 2}


def batch_of(rewards):
    """One row a reward, the reward split over two tokens."""
    scores = torch.tensor(rewards).flatten().unsqueeze(1) * torch.tensor([[0.25, 0.75]])
    return DataProto.from_dict(tensors={"original_rm_scores": scores}, non_tensors={"row": np.arange(len(scores))})


SPREADS = [[0.0, 1.0], [0.0, 8.0], [3.0, 3.0], [0.0, 4.0]]


def kept_rows(**settings):
    kept, _ = build_rollout_filter(**{**SHAPE, "metric": None, **settings}).filter(batch_of(SPREADS))
    return kept.non_tensor_batch["row"].tolist()


def test_the_papers_preset_keeps_the_quarter_with_the_largest_spread():
    assert kept_rows(**PAPER_PRESET) == [2, 3]


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"strategy": "top_k", "value": 0.5, "filter_type": "largest"}, [2, 3, 6, 7]),
        ({"strategy": "top_k", "value": 0.5, "filter_type": "smallest"}, [0, 1, 4, 5]),
        ({"strategy": "top_k", "value": 0.5, "filter_type": "smallest", "include_zero": False}, [0, 1, 6, 7]),
        ({"strategy": "top_k_abs", "value": 3, "filter_type": "largest"}, [0, 1, 2, 3, 6, 7]),
        ({"strategy": "min_p", "value": 0.5, "filter_type": "largest"}, [2, 3, 6, 7]),
        ({"strategy": "top_p", "value": 0.9, "filter_type": "largest"}, [2, 3, 6, 7]),
        ({"strategy": "top_p", "value": 1.0, "filter_type": "largest"}, list(range(8))),
        ({"strategy": "top_p", "value": 0.5, "filter_type": "smallest"}, []),
        ({"strategy": "legacy_ratio_std", "value": 0.2, "filter_type": "std"}, []),
        ({"strategy": "legacy_ratio_std", "value": 0.5, "filter_type": "std_rev"}, [0, 1, 4, 5]),
    ],
)
def test_strategies(settings, rows):
    assert kept_rows(**settings) == rows


def test_every_row_of_an_episode_goes_with_its_group():
    scores = torch.tensor([1.0, 1.0, 0.0, 2.0, 2.0, 7.0]).unsqueeze(1)
    batch = DataProto.from_dict(
        tensors={"original_rm_scores": scores},
        non_tensors={
            "episode_ids": np.array(["a", "a", "b", "c", "c", "d"]),
            "group_ids": np.array([5, 5, 5, 6, 6, 6]),
        },
    )
    keep_best = build_rollout_filter(1, "largest", num_groups=2, group_size=2, metric=None, strategy="top_k_abs")
    kept, metrics = keep_best.filter(batch)
    assert kept.non_tensor_batch["episode_ids"].tolist() == ["c", "c", "d"]
    assert metrics["rollout/_selected_group_ids"].tolist() == [6]
    assert kept.batch["reward_std"].tolist() == pytest.approx([5 / 2**0.5] * 3)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"strategy": "top_q"}, "rollout_filter_strategy is 'top_q'; allowed: top_p"),
        ({"metric": "entropy"}, "rollout_filter_metric is 'entropy'; allowed: reward"),
        ({"metric": "length"}, "rollout_filter_metric is 'length'"),
        ({"filter_type": "std"}, "rollout_filter_type is 'std'; allowed: largest"),
        ({"top_p_prob_mode": "cubic"}, "top_p_prob_mode is 'cubic'"),
        ({"bucket_count": 3}, "gradient_analysis_num_buckets=3"),
        ({"value": -0.1}, "rollout_filter_value is -0.1"),
    ],
)
def test_refusals_name_the_key(settings, named):
    with pytest.raises(ValueError, match=named):
        build_rollout_filter(**{**SHAPE, "value": 0.5, "filter_type": "largest", "metric": None, **settings})


def test_episodes_that_do_not_divide_into_groups_are_an_error():
    keep_all = build_rollout_filter(1.0, "largest", num_groups=3, group_size=2, metric=None)
    with pytest.raises(ValueError, match="8 episodes cannot be divided among 3 groups"):
        keep_all.filter(batch_of(SPREADS))
