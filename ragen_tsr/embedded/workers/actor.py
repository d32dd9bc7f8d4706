"""The PPO actor: verl's, with what RAGEN reports and, without padding on the left."""

from __future__ import annotations

from typing import Any

import torch
from verl import DataProto
from verl.trainer.ppo.core_algos import agg_loss
from verl.workers.actor import DataParallelPPOActor as VerlActor

from ragen_tsr.embedded.workers.alignment import align


class DataParallelPPOActor(VerlActor):
    """``ragen.workers.actor.dp_actor.DataParallelPPOActor`` as far as this project uses it.

    The ratio is always taken to the batch's ``old_log_probs`` (the worker sets verl's ``use_rollout_log_probs`` for
    that), ``rollout_log_probs`` play no part, and the policy loss and the entropy are reported per micro-batch without
    the factor of gradient accumulation.
    """

    def __init__(self, config: Any, actor_module: Any, actor_optimizer: Any = None) -> None:
        super().__init__(config=config, actor_module=actor_module, actor_optimizer=actor_optimizer)
        self._entropies: list[float] = []
        self._micro_rows: list[int] = []

    def update_policy(self, data: DataProto) -> dict[str, Any]:
        """One pass of PPO over ``data``; see :meth:`verl.workers.actor.DataParallelPPOActor.update_policy`."""
        names = set(data.batch.keys())
        if "rollout_log_probs" in names:
            data = data.select(batch_keys=sorted(names - {"rollout_log_probs"}))
        self._entropies, self._micro_rows = [], []
        metrics = super().update_policy(data=data)
        metrics["actor/pg_loss"] = [
            loss / self._loss_scale(rows) for loss, rows in zip(metrics["actor/pg_loss"], self._micro_rows, strict=True)
        ]
        if self._entropies:
            metrics["actor/entropy_loss"] = self._entropies
        return metrics

    def _loss_scale(self, rows: int) -> float:
        if self.config.use_dynamic_bsz:
            return rows / self.config.ppo_mini_batch_size
        return 1 / self.gradient_accumulation

    def _forward_micro_batch(
        self, micro_batch: Any, temperature: float, calculate_entropy: bool = False
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Entropy (or None) and log-probabilities of the responses, each ``[rows, R]``; 0 in padding if aligned."""
        aligned = None if self.use_remove_padding or "multi_modal_inputs" in micro_batch else align(micro_batch)
        if aligned is None:
            entropy, log_probs = super()._forward_micro_batch(micro_batch, temperature, calculate_entropy)
        else:
            batch, alignment = aligned
            responses = micro_batch["responses"].shape[-1]
            entropy, log_probs = super()._forward_micro_batch(batch, temperature, calculate_entropy)
            entropy = None if entropy is None else alignment.restore(entropy, responses)
            log_probs = alignment.restore(log_probs, responses)
        if torch.is_grad_enabled():
            self._micro_rows.append(log_probs.shape[0])
            if calculate_entropy:
                mask = micro_batch["response_mask"]
                self._entropies.append(agg_loss(entropy.detach(), mask, self.config.loss_agg_mode).item())
        return entropy, log_probs
