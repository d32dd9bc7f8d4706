"""The reward function of a rollout that already carries its rewards.

The environments have scored every trajectory; verl's reward interface wants a function, and this is it.
"""

from __future__ import annotations

import torch
from verl import DataProto


class RolloutReward:
    """Reads `rm_scores` (batch, tokens) off the batch; for `reward_fn` and `val_reward_fn` of the trainer."""

    def __call__(self, data: DataProto, return_dict: bool = False) -> torch.Tensor | dict[str, torch.Tensor]:
        """Token rewards (batch, tokens), in a dictionary under `reward_tensor` when `return_dict`.

        Raises KeyError when the batch has no `rm_scores`.
        """
        rewards = data.batch["rm_scores"]
        return {"reward_tensor": rewards} if return_dict else rewards
