"""Advantages that verl 0.6.1 does not have, and the choice between all of them.

Bi-level GAE and GRPO that counts an episode once are upstream's (`ragen.trainer.core_algos`); GAE, plain
GRPO, REINFORCE++ and RLOO are verl's and are called. Which estimator runs is the caller's decision.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from verl import DataProto
from verl.trainer.ppo import core_algos as verl_algos
from verl.trainer.ppo.core_algos import AdvantageEstimator
from verl.trainer.ppo.ray_trainer import compute_response_mask
from verl.utils.torch_functional import masked_whiten

SUPPORTED_ESTIMATORS = ("gae", "grpo", "reinforce_plus_plus", "reinforce_plus_plus_baseline", "rloo")


def _gae(rewards: torch.Tensor, values: torch.Tensor, gamma: float, lam: float) -> torch.Tensor:
    """Generalised advantages of one sequence (n,), whose value after the end is 0."""
    next_values = torch.cat([values[1:], values.new_zeros(1)])
    deltas = rewards + gamma * next_values - values
    advantages = torch.zeros_like(deltas)
    running = deltas.new_zeros(())
    for i in reversed(range(len(deltas))):
        running = deltas[i] + gamma * lam * running
        advantages[i] = running
    return advantages


@torch.no_grad()
def compute_bi_level_gae_advantage_return(
    token_level_rewards: torch.Tensor,
    values: torch.Tensor,
    loss_mask: torch.Tensor,
    gamma: float,
    lam: float,
    high_level_gamma: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """GAE over turns, then GAE over the tokens of each turn towards the turn's return.

    Args:
        token_level_rewards: (batch, tokens), a turn's reward at its last token
        values: (batch, tokens)
        loss_mask: (batch, tokens), 1 on the policy's own tokens
        gamma, lam: discount between tokens, and lambda on both levels
        high_level_gamma: discount between turns
    Returns:
        whitened advantages and returns, both (batch, tokens). Outside the mask the advantage before whitening
        and the return are 0, except where a reward stands: there both are those of the level of turns.

    A turn ends where the reward is not 0, as upstream has it, and at the last token of the mask, where
    upstream raises IndexError if the reward there happens to be exactly 0.
    """
    rewards = token_level_rewards.float()
    advantages = torch.zeros_like(rewards)
    returns = torch.zeros_like(rewards)
    for row in range(len(rewards)):
        own_tokens = torch.nonzero(loss_mask[row]).flatten()
        is_end = rewards[row] != 0
        is_end[own_tokens[-1:]] = True
        ends = torch.nonzero(is_end).flatten()
        advantages[row, ends] = _gae(rewards[row, ends], values[row, ends], high_level_gamma, lam)
        returns[row, ends] = advantages[row, ends] + values[row, ends]
        for turn in torch.tensor_split(own_tokens, torch.nonzero(is_end[own_tokens]).flatten() + 1):
            towards = torch.zeros(len(turn))
            towards[-1:] = returns[row, turn[-1:]]
            advantages[row, turn] = _gae(towards, values[row, turn], gamma, lam)
            returns[row, turn] = advantages[row, turn] + values[row, turn]
    return masked_whiten(advantages, loss_mask), returns


@torch.no_grad()
def compute_grpo_outcome_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray | Sequence,
    epsilon: float = 1e-6,
    norm_adv_by_std_in_grpo: bool = True,
    episode_ids: np.ndarray | Sequence | None = None,
    return_group_std: bool = False,
) -> tuple[torch.Tensor, ...]:
    """GRPO in which an episode of several rows counts once in its group's mean and deviation.

    Args:
        token_level_rewards, response_mask: (batch, tokens)
        index: (batch,), the group of each row
        episode_ids: (batch,), the episode of each row; the first row of a (group, episode) pair is the one
            counted. None: each row is an episode, and verl's function does it all.
        return_group_std: also return each row's group deviation (batch,)
    Returns:
        advantages and returns, the same (batch, tokens) tensor. A group of one has mean 0 and deviation 1.
    """
    if episode_ids is None and not return_group_std:
        return verl_algos.compute_grpo_outcome_advantage(
            token_level_rewards, response_mask, index, epsilon, norm_adv_by_std_in_grpo
        )
    scores = token_level_rewards.sum(dim=-1)  # (batch,)
    rows_of: dict[object, list[int]] = {}
    counted: dict[object, dict[object, int]] = {}  # group -> episode -> its first row
    for row, group in enumerate(index):
        episode = row if episode_ids is None else episode_ids[row]
        rows_of.setdefault(group, []).append(row)
        counted.setdefault(group, {}).setdefault(episode, row)
    mean = torch.zeros_like(scores)
    std = torch.ones_like(scores)
    for group, rows in rows_of.items():
        sample = scores[list(counted[group].values())]
        if len(sample) > 1:
            mean[rows], std[rows] = sample.mean(), sample.std()
    scale = std + epsilon if norm_adv_by_std_in_grpo else torch.ones_like(std)
    advantages = ((scores - mean) / scale).unsqueeze(-1) * response_mask
    return (advantages, advantages, std) if return_group_std else (advantages, advantages)


def compute_advantage(
    data: DataProto,
    adv_estimator: str,
    gamma: float = 1.0,
    lam: float = 1.0,
    num_repeat: int = 1,
    multi_turn: bool = False,
    norm_adv_by_std_in_grpo: bool = True,
    bi_level_gae: bool = False,
    high_level_gamma: float = 1.0,
    soft_advantage_reweight: bool = False,
) -> DataProto:
    """Put `advantages` and `returns` (batch, tokens) into the batch; arguments are upstream's.

    Reads `token_level_rewards`, `response_mask` (made when absent), `values` for GAE, `uid` for estimators
    that compare within a group, `loss_mask` for GRPO with `multi_turn`. `num_repeat` is not read (nor is it
    upstream).
    Raises ValueError for an estimator that is not supported and for `soft_advantage_reweight` (out of scope).
    """
    if soft_advantage_reweight:
        raise ValueError("algorithm.soft_advantage_reweight=True is out of scope; allowed: False")
    batch = data.batch
    if "response_mask" not in batch:
        batch["response_mask"] = compute_response_mask(data)
    rewards, mask = batch["token_level_rewards"], batch["response_mask"]
    estimator = str(getattr(adv_estimator, "value", adv_estimator))
    if estimator == AdvantageEstimator.GAE and bi_level_gae:
        result = compute_bi_level_gae_advantage_return(rewards, batch["values"], mask, gamma, lam, high_level_gamma)
    elif estimator == AdvantageEstimator.GAE:
        result = verl_algos.compute_gae_advantage_return(rewards, batch["values"], mask, gamma, lam)
    elif estimator == AdvantageEstimator.GRPO:
        result = compute_grpo_outcome_advantage(
            rewards,
            batch["loss_mask"][:, -mask.size(1) :] if multi_turn else mask,
            data.non_tensor_batch["uid"],
            norm_adv_by_std_in_grpo=norm_adv_by_std_in_grpo,
            episode_ids=data.non_tensor_batch.get("episode_ids"),
        )
    elif estimator == AdvantageEstimator.REINFORCE_PLUS_PLUS_BASELINE:
        result = verl_algos.compute_reinforce_plus_plus_baseline_outcome_advantage(
            rewards, mask, index=data.non_tensor_batch["uid"]
        )
    elif estimator == AdvantageEstimator.REINFORCE_PLUS_PLUS:
        from verl.trainer.config import AlgoConfig

        result = verl_algos.compute_reinforce_plus_plus_outcome_advantage(rewards, mask, config=AlgoConfig(gamma=gamma))
    elif estimator == AdvantageEstimator.RLOO:
        result = verl_algos.compute_rloo_outcome_advantage(rewards, mask, index=data.non_tensor_batch["uid"])
    else:
        raise ValueError(f"algorithm.adv_estimator is {estimator!r}; allowed: {', '.join(SUPPORTED_ESTIMATORS)}")
    batch["advantages"], batch["returns"] = result
    return data
