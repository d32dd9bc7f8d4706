"""Where runs are read: at equal steps, at equal tokens; and when their curves were where."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_runs import PROMPTS, make_run

from ragen_tsr.compare.budgets import STEPS, TOKENS, Budget, Readings, read, token_budget
from ragen_tsr.compare.curves import TrainedRun, over_steps, success_over_tokens
from ragen_tsr.compare.times import curve, times


@pytest.fixture
def run(tmp_path):
    """``run(method, seed, solved, ...)``: a run that was read back from its folder."""

    def made(method, seed, solved, **settings):
        folder = make_run(tmp_path / f"{method}-{seed}", solved, **settings)
        return TrainedRun.read(folder, method, seed)

    return made


def test_a_run_is_read_at_the_first_validation_that_meets_the_budget(run):
    beam = run("beam", 0, {0: 2, 2: 4, 3: 8, 6: 12}, steps=6, tokens=100)
    assert Budget(STEPS, 6).met(beam) == 6
    assert Budget(STEPS, 1).met(beam) == 2
    assert Budget(TOKENS, 300).met(beam) == 3
    assert Budget(TOKENS, 301).met(beam) == 6
    assert Budget(TOKENS, 601).met(beam) is None
    assert read([beam], Budget(TOKENS, 601)) == []
    [reading] = read([beam], Budget(TOKENS, 250))
    assert (reading.step, reading.tokens, reading.seconds) == (3, 300, 6.0)
    assert reading.values("success").sum() == 8
    assert [episode["index"] for episode in reading.episodes] == list(range(PROMPTS))


def test_the_token_budget_is_the_least_that_the_seeds_have_generated(run):
    runs = [run("none", seed, {0: 2, 4: 4}, steps=4, tokens=tokens) for seed, tokens in enumerate((110, 100))]
    assert token_budget(runs, 4) == 400
    assert token_budget(runs, 5) is None  # not made yet
    assert token_budget([], 4) is None


def test_values_are_prompts_by_seeds(run):
    runs = [run("none", seed, {0: 2, 4: 3 + seed}, steps=4, tokens=1) for seed in range(2)]
    values = Readings("none", "", read(runs, Budget(STEPS, 4))).values("success")
    assert values.shape == (PROMPTS, 2)
    assert values.sum(axis=0).tolist() == [3, 4]


def test_bands_go_from_the_least_to_the_greatest_seed(run):
    runs = [run("none", seed, {0: 0, 4: 4 + 4 * seed}, steps=4, tokens=100 + 100 * seed) for seed in range(2)]
    band = over_steps([one.success for one in runs])
    assert band.x.tolist() == [0, 4]
    assert (band.low[1], band.mean[1], band.high[1]) == (0.25, 0.375, 0.5)
    band = success_over_tokens(runs)
    assert band.x[-1] == 400  # where the first of them ends
    np.testing.assert_allclose((band.low[-1], band.high[-1]), (0.25, 0.25))  # 4 of 16, and half way to 8 of 16
    assert over_steps([]) is None


def test_a_running_mean_looks_back_only():
    band = over_steps([{1: 1.0, 2: 3.0, 3: 5.0}], window=2)
    assert band.mean.tolist() == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("solved", "share", "gain", "convergence", "level"),
    [
        ({0: 4, 1: 7, 2: 8, 3: 10, 4: 10}, 2, 3, 3, 2),
        ({0: 4, 1: 10, 2: 5, 3: 10, 4: 10}, 1, 1, 3, 1),  # what it could not hold is no convergence
        ({0: 8, 1: 8, 2: 8, 3: 8, 4: 9}, 0, 4, 4, 0),  # 80 % of the final asks nothing of it
        ({0: 6, 1: 5, 2: 5, 3: 5, 4: 5}, 0, None, 0, None),  # no gain
    ],
)
def test_steps_to_a_share_to_convergence_and_to_a_level(run, solved, share, gain, convergence, level):
    [reading] = read([run("beam", 0, solved, steps=4, tokens=100)], Budget(STEPS, 4))
    found = times(Readings("beam", "", [reading]), level=8 / PROMPTS)

    def step(point):
        return None if point is None else point.step

    assert step(found.to_share) == share
    assert step(found.to_share_of_gain) == gain
    assert step(found.to_convergence) == convergence
    assert step(found.to_level) == level
    assert found.final.success == solved[4] / PROMPTS
    assert found.to_share.seconds == 2.0 * share


def test_a_curve_ends_where_the_seeds_met_the_budget(run):
    validated = {0: 0, 2: 4, 4: 8, 6: 16}
    runs = [run("none", seed, validated, steps=6, tokens=tokens) for seed, tokens in enumerate((100, 50))]
    readings = Readings("none", "", read(runs, Budget(TOKENS, 200)))  # met at steps 2 and 4
    points = curve(readings)
    assert [point.step for point in points] == [0, 3]
    assert points[-1].success == 6 / PROMPTS
    assert points[-1].tokens == 200
