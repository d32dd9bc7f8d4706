"""What a running trainer tells whoever shows it to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Progress(Protocol):
    """A display of the run; the trainer calls it and expects nothing back."""

    def on_phase(self, name: str) -> None:
        """A phase of the current step begins: gen, filter, old_log_prob, values, adv, update_critic, ..."""

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """A step's metrics are complete; step 0 is the validation before training."""


class NoProgress:
    """Shows nothing."""

    def on_phase(self, name: str) -> None:
        """Do nothing."""

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Do nothing."""
