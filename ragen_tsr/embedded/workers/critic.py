"""The PPO critic: verl's, in the dtype of its weights on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from verl.workers.critic import DataParallelPPOCritic as VerlCritic

from ragen_tsr.embedded.workers.alignment import align


class DataParallelPPOCritic(VerlCritic):
    """verl's critic; its forward pass always autocasts to bf16, which on a CPU is slower and less exact."""

    def _forward_micro_batch(self, micro_batch: Any) -> torch.Tensor:
        """The value before each response token, ``[rows, R]``; 0 in padding if aligned."""
        if self.device_name != "cpu":
            return super()._forward_micro_batch(micro_batch)
        responses = micro_batch["responses"].shape[-1]
        aligned = align(micro_batch)
        batch, alignment = aligned if aligned is not None else (micro_batch, None)
        values = self.critic_module(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            position_ids=batch["position_ids"],
            use_cache=False,
        ).logits.squeeze(-1)  # [rows, width]
        if alignment is None:
            return values[:, -responses - 1 : -1]
        return alignment.restore(values[:, :-1], responses)
