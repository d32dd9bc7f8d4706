"""Bi-level GAE and episode-wise GRPO, on cases small enough to work out by hand."""

import numpy as np
import pytest
import torch
from verl import DataProto
from verl.utils.torch_functional import masked_whiten

from ragen_tsr.embedded.trainer.core_algos import (
    compute_advantage,
    compute_bi_level_gae_advantage_return,
    compute_grpo_outcome_advantage,
)


def test_a_turns_return_is_discounted_over_turns_only():
    rewards = torch.tensor([[0.0, 1.0, 0.0, 0.0, 4.0]])
    mask = torch.tensor([[1.0, 1.0, 0.0, 1.0, 1.0]])
    _, returns = compute_bi_level_gae_advantage_return(
        rewards, torch.zeros(1, 5), mask, gamma=1.0, lam=1.0, high_level_gamma=0.5
    )
    assert returns.tolist() == [[3.0, 3.0, 0.0, 4.0, 4.0]]  # 1 + 0.5 * 4 for the first turn


def test_a_last_turn_without_reward_is_a_turn_too():
    rewards = torch.tensor([[0.0, 2.0, 0.0, 0.0]])
    values = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    mask = torch.ones(1, 4)
    advantages, returns = compute_bi_level_gae_advantage_return(rewards, values, mask, 1.0, 1.0, 1.0)
    assert returns[0].tolist() == pytest.approx([2.0, 2.0, 0.0, 0.0], abs=1e-6)
    torch.testing.assert_close(advantages, masked_whiten(returns - values, mask))


def test_a_row_without_own_tokens_gets_nothing():
    rewards = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    mask = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    _, returns = compute_bi_level_gae_advantage_return(rewards, torch.zeros(2, 2), mask, 1.0, 1.0, 1.0)
    assert returns[0].tolist() == [0.0, 0.0]


def test_grpo_counts_an_episode_once():
    rewards = torch.tensor([[1.0], [1.0], [1.0], [3.0]])
    mask = torch.ones(4, 1)
    plain, _ = compute_grpo_outcome_advantage(rewards, mask, [0] * 4, norm_adv_by_std_in_grpo=False)
    once, _ = compute_grpo_outcome_advantage(
        rewards, mask, [0] * 4, norm_adv_by_std_in_grpo=False, episode_ids=["a", "a", "a", "b"]
    )
    assert plain.flatten().tolist() == [-0.5, -0.5, -0.5, 1.5]
    assert once.flatten().tolist() == [-1.0, -1.0, -1.0, 1.0]


def batch():
    return DataProto.from_dict(
        tensors={
            "token_level_rewards": torch.tensor([[0.0, 1.0], [0.0, 3.0]]),
            "values": torch.zeros(2, 2),
            "response_mask": torch.ones(2, 2),
            "loss_mask": torch.tensor([[1.0, 1.0], [0.0, 1.0]]),
        },
        non_tensors={"uid": np.array([0, 0])},
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"adv_estimator": "gae"},
        {"adv_estimator": "gae", "bi_level_gae": True},
        {"adv_estimator": "grpo"},
        {"adv_estimator": "rloo"},
        {"adv_estimator": "reinforce_plus_plus"},
        {"adv_estimator": "reinforce_plus_plus_baseline"},
    ],
)
def test_every_supported_estimator_runs(settings):
    result = compute_advantage(batch(), **settings)
    assert torch.isfinite(result.batch["advantages"]).all()
    assert result.batch["returns"].shape == (2, 2)


def test_grpo_in_several_turns_uses_the_loss_mask():
    assert compute_advantage(batch(), "grpo", multi_turn=True).batch["advantages"][1, 0] == 0
    assert compute_advantage(batch(), "grpo", multi_turn=False).batch["advantages"][1, 0] != 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"adv_estimator": "remax"}, "algorithm.adv_estimator is 'remax'; allowed: gae"),
        ({"adv_estimator": "grpo", "soft_advantage_reweight": True}, "algorithm.soft_advantage_reweight"),
    ],
)
def test_refusals_name_the_key(settings, named):
    with pytest.raises(ValueError, match=named):
        compute_advantage(batch(), **settings)
