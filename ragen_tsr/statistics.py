"""How sure one may be of a mean or a share: intervals, and nothing about where the numbers come from.

What is resampled is what a repetition of the experiment would draw anew: the starts (rooms, maps, wishes), of which
each has several trajectories, and where there are any the seeds. Trajectories of one start are not independent; so
every function here takes whole clusters.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds of its interval, at :data:`CONFIDENCE`."""

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the bounds: how much there is to know yet."""
        return (self.high - self.low) / 2

    def text(self, digits: int = 3, sign: bool = False) -> str:
        """``0.611 [0.541, 0.680]``; ``sign`` writes a plus before what is not negative, as differences have it."""
        form = f"{'+' if sign else ''}.{digits}f"
        return f"{self.estimate:{form}} [{self.low:{form}}, {self.high:{form}}]"


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval of a share, for independent trials (one trajectory a start).

    Args:
        successes: 0 to ``n``.
        n: Trials, at least 1.

    Raises:
        ValueError: The counts are out of range.
    """
    bounds = stats.binomtest(int(successes), int(n)).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high))


def bootstrap(values: np.ndarray, crossed: bool = False) -> Interval:
    """Percentile bootstrap interval of the mean; the same values always give the same interval.

    Args:
        values: Clusters along axis 0 (starts), any number of axes with what belongs to a cluster; its mean counts.
            For a difference of two methods on the same starts: the differences.
        crossed: Axis 1 is a second kind of cluster that every one of the first has met (seeds), and is resampled too,
            on its own. This is the wider interval: it also covers that other seeds might have been drawn. (A single
            seed says nothing about others, and is taken as it is.)

    Returns:
        Mean and bounds; infinite ones for a single cluster, which says nothing about the others.

    Raises:
        ValueError: There are no values, or no second axis where ``crossed`` wants one.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0 or values.ndim < 1 + crossed:
        raise ValueError(f"values of shape {values.shape}: must have {'two axes' if crossed else 'one axis'} or more")
    clusters = values.reshape(*values.shape[: 1 + crossed], -1).mean(axis=-1)
    estimate = float(clusters.mean())
    rng = np.random.default_rng(0)
    if len(clusters) == 1:
        low, high = -np.inf, np.inf
    elif crossed:
        first, second = _weights(clusters.shape)
        means = ((first @ clusters) * second).sum(axis=1)  # (RESAMPLES,)
        low, high = (float(np.quantile(means, share)) for share in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    else:
        bounds = stats.bootstrap(
            (clusters,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=1000,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=rng,
        ).confidence_interval
        low, high = float(bounds.low), float(bounds.high)
    return Interval(estimate, low, high)


@functools.lru_cache(maxsize=4)
def _weights(shape: tuple[int, int]) -> list[np.ndarray]:
    """What each cluster of both kinds weighs in each resample, (RESAMPLES, clusters); tables ask for it often."""
    rng = np.random.default_rng(0)
    return [rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size for size in shape]
