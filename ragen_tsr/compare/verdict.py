"""Is A worse than B? What a comparison's exit status says, and when it says nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ragen_tsr.statistics import Interval, bootstrap


class Status(enum.IntEnum):
    """Exit status of a comparison."""

    FINE = 0
    """A may be better or worse by less than the interval is wide."""
    WORSE = 1
    """The whole interval of A minus B lies below 0."""
    UNSURE = 2
    """Too few episodes: the interval is wider than the effect that matters."""


@dataclass(frozen=True)
class Verdict:
    """The paired difference of two methods, and what follows."""

    difference: Interval
    """A minus B."""
    min_effect: float
    status: Status

    def sentence(self, a: str, b: str, what: str) -> str:
        """For a person to read: ``beam - none, success: +0.248 [+0.191, +0.305]: beam is better``."""
        said = {
            Status.WORSE: f"{a} is worse",
            Status.UNSURE: f"too few episodes: +-{self.difference.half_width:.3f} is more than "
            f"--min-effect {self.min_effect:g}",
            Status.FINE: f"{a} is better" if self.difference.low > 0 else f"{a} is not worse",
        }
        return f"{a} - {b}, {what}: {self.difference.text(sign=True)}: {said[self.status]}"


def verdict(a: np.ndarray, b: np.ndarray, min_effect: float, crossed: bool = False) -> Verdict:
    """Judge A against B.

    A is worse if the upper bound of A - B is below 0, however wide the interval; otherwise nothing can be said if
    its half-width exceeds ``min_effect``.

    Args:
        a: What A had: starts (or prompts) along axis 0, then seeds or trajectories.
        b: The same of B, on the same starts.
        min_effect: The difference that matters, in the unit of the values; above 0.
        crossed: Seeds stand along axis 1 and are resampled too; see :func:`ragen_tsr.statistics.bootstrap`.

    Raises:
        ValueError: The two are not paired.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"values of shapes {a.shape} and {b.shape}: must be paired")
    difference = bootstrap(a - b, crossed)
    if difference.high < 0:
        status = Status.WORSE
    elif difference.half_width > min_effect:
        status = Status.UNSURE
    else:
        status = Status.FINE
    return Verdict(difference, min_effect, status)


def worst(statuses: Iterable[Status]) -> Status:
    """One status of several verdicts: worse anywhere is worse, else unsure anywhere is unsure."""
    found = set(statuses)
    return next((status for status in (Status.WORSE, Status.UNSURE) if status in found), Status.FINE)
