"""`metrics.jsonl`: one line a step, for programs to read, beside what verl's Tracking shows to people.

Each line is a JSON object with `step` and the step's metrics; what is not a finite number is null. A line is
on its way to the disk when `write` returns. Which metrics there are is the trainer's business.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

TIMING_PREFIXES = ("timing_s/", "timing_per_token_ms/", "perf/")


def is_timing(name: str) -> bool:
    """Whether a metric measures this machine rather than the run: seconds, memory, throughput.

    Two runs with the same seed agree in all other metrics.
    """
    return name != "perf/total_num_tokens" and (name.startswith(TIMING_PREFIXES) or "seconds" in name)


def scalars(metrics: Mapping[str, Any]) -> dict[str, float | int]:
    """The single numbers among the metrics, as Python's numbers; tables and texts are left out."""
    numbers: dict[str, float | int] = {}
    for name, value in metrics.items():
        if isinstance(value, (torch.Tensor, np.generic, np.ndarray)):
            if math.prod(value.shape) != 1:
                continue
            value = value.item()
        if isinstance(value, (bool, int, float)):
            numbers[name] = value
    return numbers


class MetricsLog:
    """The file of one run.

    Args:
        path: made with its folders when absent
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Append one step's line."""
        finite = {name: value if math.isfinite(value) else None for name, value in scalars(metrics).items()}
        line = json.dumps({"step": step, **finite}, allow_nan=False)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def truncate(self, last_step: int) -> int | None:
        """Drop the lines of steps after `last_step` and a line cut short; return the last step left, None if
        none.

        The new file replaces the old one in one move, so that an interruption loses nothing.
        """
        if not self.path.exists():
            return None
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n") and json.loads(line)["step"] <= last_step:
                kept.append(line)
        temporary = self.path.with_name(self.path.name + ".new")
        temporary.write_text("".join(kept), encoding="utf-8")
        os.replace(temporary, self.path)
        return json.loads(kept[-1])["step"] if kept else None
