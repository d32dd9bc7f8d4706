"""The PPO critic: verl's, in the dtype of its weights on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from verl.workers.critic import DataParallelPPOCritic as VerlCritic

from ragen_tsr.embedded.workers.padding import restored, trimmed


class DataParallelPPOCritic(VerlCritic):
    """verl's critic; its forward pass always autocasts to bf16, which on a CPU is slower and less exact."""

    def _forward_micro_batch(self, micro_batch: Any) -> torch.Tensor:
        """Values before each response token, ``[rows, R]``; 0 in shared padding."""
        if self.device_name != "cpu":
            return super()._forward_micro_batch(micro_batch)
        batch, lost = trimmed(micro_batch)
        responses = batch["responses"].shape[-1]
        values = self.critic_module(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            position_ids=batch["position_ids"],
            use_cache=False,
        ).logits  # [rows, length, 1]
        restored_values = restored(values[:, -responses - 1 : -1].squeeze(-1), lost)
        assert restored_values is not None
        return restored_values
