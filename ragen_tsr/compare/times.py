"""How soon a method gets somewhere: steps, seconds and tokens to a level of success, as the paper's Tables 8 to 10.

The paper does not say what it means by these; here, on the curve of validation success averaged over the seeds, up to
the budget:

- *final*: the curve's last point, where the budget is met;
- *to 80 %*: the first validation with at least 0.8 times the final success;
- *to 80 % of the gain*: the first with at least the success before training plus 0.8 times what training added: of a
  policy that can do something before it is trained, the former may ask for nothing;
- *convergence*: the first validation from which on the curve stays at 0.95 times the final success or above;
- *to the level of X*: the first with at least the final success of method X.

Only steps that are validated count, so figures are as fine as ``trainer.test_freq``. Seconds are those of training,
means over the seeds; validation and checkpoints are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ragen_tsr.compare.budgets import Readings

SHARE, CONVERGED = 0.8, 0.95


@dataclass(frozen=True)
class Point:
    """A validation, averaged over the seeds."""

    step: float
    success: float
    seconds: float
    tokens: float


@dataclass(frozen=True)
class Times:
    """When a method was where; None: never, within the budget."""

    variation: str
    method: str
    final: Point
    to_share: Point | None
    to_share_of_gain: Point | None
    to_convergence: Point | None
    to_level: Point | None


def curve(readings: Readings) -> list[Point]:
    """The validations that all seeds have before the budget, and where they met it."""
    runs = [reading.run for reading in readings.each]
    last = min(reading.step for reading in readings.each)
    shared = sorted(set.intersection(*(set(run.success) for run in runs)))
    rows = [[(step, run) for run in runs] for step in shared if step < last]
    rows.append([(reading.step, reading.run) for reading in readings.each])
    return [
        Point(
            step=float(np.mean([step for step, _ in row])),
            success=float(np.mean([run.success[step] for step, run in row])),
            seconds=float(np.mean([run.seconds[step] for step, run in row])),
            tokens=float(np.mean([run.tokens[step] for step, run in row])),
        )
        for row in rows
    ]


def times(readings: Readings, level: float | None) -> Times:
    """When a method's curve was where; ``level`` is the success of the method it is set against."""
    points = curve(readings)
    first, final = points[0], points[-1]
    gain = final.success - first.success
    stays = len(points) - 1
    while stays > 0 and points[stays - 1].success >= CONVERGED * final.success:
        stays -= 1
    return Times(
        variation=readings.variation,
        method=readings.method,
        final=final,
        to_share=_first(points, lambda point: point.success >= SHARE * final.success),
        to_share_of_gain=_first(points, lambda point: point.success >= first.success + SHARE * gain)
        if gain > 0
        else None,
        to_convergence=points[stays],
        to_level=None if level is None else _first(points, lambda point: point.success >= level),
    )


def _first(points: list[Point], holds: Callable[[Point], bool]) -> Point | None:
    return next((point for point in points if holds(point)), None)
