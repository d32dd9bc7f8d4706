"""A run's length in generated tokens, beside its length in steps.

Methods that search generate more tokens a step; to compare them at equal tokens, ``trainer.total_training_tokens`` lets
a run go on past ``trainer.total_training_steps`` until its training rollouts have generated so many. Such a run is
validated and saved when it meets either of the two, and ends when it has met both. Schedules of the learning rate stay
those of the steps.
"""

from __future__ import annotations

from typing import Any

from verl import DataProto

from ragen_tsr.report import metrics as figures


class TokenBudget:
    """Mixed into RAGEN's embedded trainer, whose loop asks it when a run is over and what is due."""

    generated_tokens = 0
    """Of all training rollouts so far."""
    generated_before = 0
    """Before the step under way."""

    # The trainer's.
    config: Any
    global_steps: int
    metrics: dict[str, Any]
    metrics_log: Any

    def _rollout(self) -> DataProto:
        batch = super()._rollout()  # type: ignore[misc]
        self.generated_before = self.generated_tokens
        self.generated_tokens += int(figures.GENERATED_TOKENS.of(self.metrics) or 0)
        return batch

    def _load_checkpoint(self) -> None:
        super()._load_checkpoint()  # type: ignore[misc]
        logged = figures.load(self.metrics_log.path) if self.metrics_log.path.exists() else []
        self.generated_tokens = sum(int(figures.GENERATED_TOKENS.of(step) or 0) for step in logged)

    def _is_over(self) -> bool:
        tokens = self.config.trainer.total_training_tokens
        return super()._is_over() and (tokens is None or self.generated_tokens >= tokens)  # type: ignore[misc]

    def _is_due(self, frequency: int) -> bool:
        settings = self.config.trainer
        tokens = settings.total_training_tokens
        meets_tokens = tokens is not None and self.generated_before < tokens <= self.generated_tokens
        meets_steps = self.global_steps == settings.total_training_steps
        return super()._is_due(frequency) or (frequency > 0 and (meets_steps or meets_tokens))  # type: ignore[misc]
