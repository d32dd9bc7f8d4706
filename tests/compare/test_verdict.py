"""Exit statuses of a comparison, on values whose answer is known."""

import numpy as np
import pytest

from ragen_tsr.compare.verdict import Status, verdict, worst

rng = np.random.default_rng(0)
BASE = rng.integers(0, 2, size=(100, 1, 4)).astype(float)
NOISE = rng.normal(0, 0.1, size=BASE.shape)


@pytest.mark.parametrize(
    ("a", "min_effect", "status", "said"),
    [
        (BASE + 0.2 + NOISE, 0.1, Status.FINE, "beam is better"),
        (BASE + NOISE, 0.1, Status.FINE, "beam is not worse"),
        (BASE - 0.2 + NOISE, 0.1, Status.WORSE, "beam is worse"),
        (BASE + 0.2 + NOISE, 0.001, Status.UNSURE, r"more than --min-effect 0\.001"),
        (BASE - 0.2 + NOISE, 0.001, Status.WORSE, "beam is worse"),
    ],
)
def test_statuses(a, min_effect, status, said):
    one = verdict(a, BASE, min_effect)
    assert one.status is status
    assert said.replace("\\", "") in one.sentence("beam", "none", "success")


def test_pairing_counts():
    """Starts differ far more than methods do: only the difference on each start can tell."""
    starts = rng.normal(0, 10, size=(50, 1))
    assert verdict(starts + 0.5, starts, 0.1).difference.half_width == pytest.approx(0.0)
    with pytest.raises(ValueError, match="paired"):
        verdict(starts, starts[:4], 0.1)


def test_seeds_may_be_resampled_too():
    gain = np.broadcast_to([-0.2, 0.1, 0.4], (40, 3))
    assert verdict(gain, np.zeros((40, 3)), 0.1).status is Status.FINE
    assert verdict(gain, np.zeros((40, 3)), 0.1, crossed=True).status is Status.UNSURE


def test_one_of_several():
    assert worst([]) is Status.FINE
    assert worst([Status.FINE, Status.UNSURE]) is Status.UNSURE
    assert worst([Status.UNSURE, Status.WORSE, Status.FINE]) is Status.WORSE
