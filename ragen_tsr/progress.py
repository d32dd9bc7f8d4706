"""Shows a person how a run is going: step, phase, tokens per second, success, time left.

On a terminal a live line stands below what was printed; elsewhere only plain lines are printed, one a step.
Implements the trainer's ``Progress``; which metric is which is left to :mod:`ragen_tsr.report.metrics`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ragen_tsr.report import metrics as figures

PHASES = {
    "gen": "rollout",
    "filter": "filter",
    "old_log_prob": "log-probs",
    "values": "values",
    "adv": "advantages",
    "update_critic": "critic update",
    "update_actor": "actor update",
    "testing": "validation",
    "save_checkpoint": "checkpoint",
}
"""The trainer's phases, in words."""


class ProgressDisplay:
    """A run's progress on a console; use it as a context manager.

    Args:
        console: Where to print; its ``is_terminal`` decides between a live line and plain lines.
        total_steps: Steps of the whole run.
    """

    def __init__(self, console: Console, total_steps: int) -> None:
        self.console = console
        self.total_steps = total_steps
        self.step = 0
        self.phase = "starting"
        self.latest: dict[str, float] = {}
        self._base: tuple[int, float] | None = None  # a step's number and when it ended: where the pace counts from
        self._rollout_start: float | None = None  # of the step under way
        self._step_end = 0.0
        self._phase_start = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> ProgressDisplay:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._line,
                console=self.console,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the live line away; what was printed stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_phase(self, name: str) -> None:
        """A phase of the current step begins; a name that is not in :data:`PHASES` is shown as it is."""
        self.phase = PHASES.get(name, name)
        self._phase_start = time.monotonic()
        if name == "gen":
            self._rollout_start = self._phase_start

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """A step's metrics are complete; step 0 is the validation before training."""
        self._step_end = time.monotonic()
        if self._base is None and step > 0:
            began = self._rollout_start
            self._base = (step, self._step_end) if began is None else (step - 1, began)
        self.step = step
        found = {
            "success": figures.TRAIN_SUCCESS.of(metrics),
            "return": figures.COMMITTED_RETURN.of(metrics),
            "validation": figures.VAL_SUCCESS.of(metrics),
            "tokens": figures.tokens_per_second(metrics),
        }
        self.latest |= {name: value for name, value in found.items() if value is not None}
        self.console.print(Text(self._summary(step, metrics)), soft_wrap=True)

    def seconds_left(self) -> float | None:
        """Seconds that the remaining steps will take at the pace so far; None before the first step."""
        if self._base is None or self.step <= self._base[0]:
            return None
        pace = (self._step_end - self._base[1]) / (self.step - self._base[0])
        return max(0.0, pace * (self.total_steps - self.step) - (time.monotonic() - self._step_end))

    def _summary(self, step: int, metrics: Mapping[str, Any]) -> str:
        """A finished step as one line."""
        parts = [f"step {step:>{len(str(self.total_steps))}}/{self.total_steps}"]
        for label, quantity, form in (
            ("success", figures.TRAIN_SUCCESS, "{:.2f}"),
            ("return", figures.COMMITTED_RETURN, "{:+.2f}"),
            ("entropy", figures.ENTROPY, "{:.2f}"),
            ("grad", figures.ACTOR_GRADIENT, "{:.2f}"),
        ):
            value = quantity.of(metrics)
            if value is not None:
                parts.append(f"{label} {form.format(value)}")
        if (rate := figures.tokens_per_second(metrics)) is not None:
            parts.append(f"{rate:,.0f} tok/s")
        if (seconds := figures.STEP_SECONDS.of(metrics)) is not None:
            parts.append(f"{seconds:.1f} s")
        if (left := self.seconds_left()) is not None and step < self.total_steps:
            parts.append(f"{_duration(left)} left")
        if (success := figures.VAL_SUCCESS.of(metrics)) is not None:
            parts.append(f"validation success {success:.3f}")
        return "  ".join(parts)

    def _line(self) -> RenderableType:
        """The live line."""
        left = self.seconds_left()
        cells: list[RenderableType] = [
            Text(f"step {min(self.step + 1, self.total_steps)}/{self.total_steps}", style="bold"),
            ProgressBar(total=self.total_steps, completed=self.step, width=24),
            Text(f"{self.phase} {time.monotonic() - self._phase_start:.0f} s", style="cyan"),
        ]
        for label, name, form in (
            ("success", "success", "{:.2f}"),
            ("val", "validation", "{:.2f}"),
            ("tok/s", "tokens", "{:,.0f}"),
        ):
            if name in self.latest:
                cells.append(Text.assemble((f"{label} ", "dim"), form.format(self.latest[name])))
        if left is not None:
            cells.append(Text(f"{_duration(left)} left", style="dim"))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(*cells)
        return grid


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
