"""Intervals: textbook values, what is resampled, and how often they cover the truth."""

import numpy as np
import pytest

from ragen_tsr.statistics import bootstrap, wilson


def test_wilsons_interval_equals_the_textbook():
    """Newcombe 1998, table I: 81 of 263, and 0 of 20."""
    many, none = wilson(81, 263), wilson(0, 20)
    assert many.estimate == pytest.approx(81 / 263)
    assert (many.low, many.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_counts_out_of_range_are_refused(successes, n):
    with pytest.raises(ValueError):  # noqa: PT011 scipy's words
        wilson(successes, n)


def test_what_belongs_to_a_start_is_no_further_evidence():
    """Four equal trajectories of each start say as much as one."""
    one = np.random.default_rng(0).integers(0, 2, size=(40, 1)).astype(float)
    assert bootstrap(np.repeat(one, 4, axis=1)) == bootstrap(one)
    spread = np.random.default_rng(1).permutation(np.repeat(one, 4)).reshape(40, 4)
    assert bootstrap(spread).half_width < 0.8 * bootstrap(one).half_width


def test_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(2)
    intervals = [bootstrap(rng.normal(1.0, 2.0, size=(60, 2))) for _ in range(60)]
    assert 51 <= sum(one.low <= 1.0 <= one.high for one in intervals) <= 60
    assert np.mean([one.half_width for one in intervals]) == pytest.approx(1.96 * 2 / 120**0.5, rel=0.1)


def test_crossed_intervals_cover_other_seeds_too():
    """Seeds that differ, prompts that do not: only the crossed interval says that the mean is unsure."""
    values = np.broadcast_to([0.2, 0.5, 0.8], (30, 3))
    assert bootstrap(values).half_width == pytest.approx(0.0)
    assert bootstrap(values, crossed=True).half_width > 0.2
    one_seed = np.random.default_rng(0).random((30, 1))
    assert bootstrap(one_seed, crossed=True).half_width == pytest.approx(bootstrap(one_seed).half_width, rel=0.05)


def test_the_same_values_always_give_the_same_interval():
    values = np.random.default_rng(3).random((20, 3))
    assert bootstrap(values) == bootstrap(values.copy())
    assert bootstrap(values, crossed=True) == bootstrap(values.copy(), crossed=True)


@pytest.mark.parametrize("crossed", [False, True])
def test_one_cluster_says_nothing(crossed):
    one = bootstrap(np.ones((1, 3)), crossed)
    assert (one.estimate, one.low, one.high) == (1.0, -np.inf, np.inf)


@pytest.mark.parametrize(("values", "crossed"), [(np.ones(0), False), (np.ones(3), True)])
def test_values_without_clusters_are_refused(values, crossed):
    with pytest.raises(ValueError, match="must have"):
        bootstrap(values, crossed)


def test_text():
    assert bootstrap(np.full(3, 0.25)).text(2, sign=True) == "+0.25 [+0.25, +0.25]"
