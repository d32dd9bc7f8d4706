"""What the runs of a table came to, row by row, for being laid beside the paper's figures.

Decides which figure of a run is which of the paper's. Success, length and turns are those of the last validation, over
its 256 prompts and all seeds; times are defined in :mod:`ragen_tsr.compare.times`. Runs that are not finished do not
count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from ragen_tsr.compare.budgets import STEPS, Budget, Reading, Readings, read
from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.compare.runs import RUNS_FOLDER, is_finished
from ragen_tsr.compare.times import Point, times
from ragen_tsr.experiments import paper
from ragen_tsr.experiments.grid import BeforeTraining, Evaluated, Row, Table, Training
from ragen_tsr.files import read_json_lines
from ragen_tsr.report import metrics as figures

EVALUATIONS_FOLDER = "evaluations"
EPISODES_FILE, EVALUATION_FILE = "episodes.jsonl", "evaluation.json"
LAST = 0.1
"""Share of the steps that "last steps" are."""


@dataclass(frozen=True)
class Figure:
    """A quantity, over seeds."""

    value: float
    deviation: float | None = None
    """Standard deviation over seeds; None with one seed, or where seeds are not told apart."""


@dataclass(frozen=True)
class Result:
    """What came of a row of a table."""

    row: Row
    seeds: int
    """Finished runs that count."""
    figures: Mapping[str, Figure]
    """By quantity; what is not known is missing."""


def run_folder(folder: Path, training: Training, seed: int) -> Path:
    """Where a run is made."""
    return folder / RUNS_FOLDER / run_name(training, seed)


def run_name(training: Training, seed: int) -> str:
    """The name of a run's folder."""
    return f"{training.name}-seed{seed}"


def evaluation_folder(folder: Path, evaluated: Evaluated) -> Path | None:
    """Where an evaluation is, finished or not; None if it was never begun."""
    begun = sorted((folder / EVALUATIONS_FOLDER / evaluated.name).glob("eval-*"))
    return begun[-1] if begun else None


def results(table: Table, folder: Path, seeds: int) -> list[Result]:
    """One for each row of a table, with what its runs in ``folder`` have come to."""
    return [_result(row, folder, seeds) for row in table.rows]


def finished_runs(training: Training, folder: Path, seeds: int) -> list[TrainedRun]:
    """The runs of a setting that have ended and have all their steps."""
    folders = [run_folder(folder, training, seed) for seed in range(seeds)]
    return [
        TrainedRun.read(path, training.method, seed)
        for seed, path in enumerate(folders)
        if path.is_dir() and is_finished(path)
    ]


def order(found: Sequence[Result]) -> list[str]:
    """For each task and model whose rows all have a result: their order by success, beside the paper's."""
    lines = []
    for task, model in dict.fromkeys((one.row.task, one.row.model) for one in found):
        rows = [one for one in found if (one.row.task, one.row.model) == (task, model)]
        if len(rows) < 2 or any("success" not in one.figures or "success" not in one.row.paper for one in rows):
            continue
        ours = sorted(rows, key=lambda one: one.figures["success"].value, reverse=True)
        theirs = sorted(rows, key=lambda one: one.row.paper["success"], reverse=True)
        same = [one.row.label for one in ours] == [one.row.label for one in theirs]
        here = " > ".join(one.row.label for one in ours)
        there = "as in the paper" if same else f"in the paper {' > '.join(one.row.label for one in theirs)}"
        lines.append(f"{paper.TASK_NAMES[task]}, by success: {here}; {there}")
    return lines


def _result(row: Row, folder: Path, seeds: int) -> Result:
    if isinstance(row.source, Evaluated):
        return _evaluated(row, row.source, folder)
    before = isinstance(row.source, BeforeTraining)
    training = row.source.training if isinstance(row.source, BeforeTraining) else row.source
    runs = finished_runs(training, folder, seeds)
    if not runs:
        return Result(row, 0, {})
    if before:
        return Result(row, len(runs), _evaluation([Reading(run, 0) for run in runs if 0 in run.success]))
    steps = min(int(run.config.trainer.total_training_steps) for run in runs)
    readings = Readings(training.method, "", read(runs, Budget(STEPS, steps)))
    if len(readings.each) < len(runs):  # the last step was not validated
        return Result(row, len(runs), _training(runs))
    return Result(row, len(runs), {**_training(runs), **_timed(readings), **_evaluation(readings.each)})


def _evaluation(readings: Sequence[Reading]) -> dict[str, Figure]:
    names = {"success": ("success", 100.0), "length": ("response_tokens", 1.0), "turns": ("turns", 1.0)}
    if not readings:
        return {}
    return {
        quantity: _over_seeds([float(reading.values(field).mean()) * factor for reading in readings])
        for quantity, (field, factor) in names.items()
    }


def _evaluated(row: Row, evaluated: Evaluated, folder: Path) -> Result:
    found = evaluation_folder(folder, evaluated)
    if found is None or not (found / EVALUATION_FILE).is_file():
        return Result(row, 0, {})
    episodes = read_json_lines(found / EPISODES_FILE)
    means = {
        "success": 100 * fmean(episode["success"] for episode in episodes),
        "length": fmean(episode["response_tokens"] for episode in episodes),
        "turns": fmean(episode["turns"] for episode in episodes),
    }
    return Result(row, 1, {quantity: Figure(value) for quantity, value in means.items()})


def _timed(readings: Readings) -> dict[str, Figure]:
    """Over the mean of the seeds' curves, so without a deviation."""
    when = times(readings, None)
    points: dict[str, Point | None] = {"80": when.to_share, "convergence": when.to_convergence}
    found = {"hours": Figure(when.final.seconds / 3600)}
    for name, point in points.items():
        if point is not None:
            found[f"steps_to_{name}"] = Figure(point.step)
            found[f"hours_to_{name}"] = Figure(point.seconds / 3600)
    return found


def _training(runs: Sequence[TrainedRun]) -> dict[str, Figure]:
    """Of the training rollouts and updates."""
    found = {}
    quantities = {"reward": figures.COMMITTED_RETURN, "entropy": figures.ROLLOUT_ENTROPY}
    for name, quantity in quantities.items():
        series = [[value for _, value in quantity.series(run.steps)] for run in runs]
        if all(series):
            found[name] = _over_seeds([fmean(values[-max(1, round(LAST * len(values))) :]) for values in series])
    norms = [[value for _, value in figures.ACTOR_GRADIENT.series(run.steps)] for run in runs]
    if all(norms):
        found["grad_norm"] = _over_seeds([fmean(values) for values in norms])
        found["grad_norm_max"] = _over_seeds([max(values) for values in norms])
    return found


def _over_seeds(values: Sequence[float]) -> Figure:
    return Figure(fmean(values), stdev(values) if len(values) > 1 else None)


def as_json(table: Table, found: Sequence[Result]) -> str:
    """Figures of both, for programs."""
    rows = [
        {
            "task": one.row.task,
            "model": one.row.model,
            "row": one.row.label,
            "source": one.row.source.name if not isinstance(one.row.source, BeforeTraining) else "before training",
            "seeds": one.seeds,
            "here": {name: {"value": figure.value, "std": figure.deviation} for name, figure in one.figures.items()},
            "paper": dict(one.row.paper),
        }
        for one in found
    ]
    return json.dumps({"table": table.name, "title": table.title, "remark": table.remark, "rows": rows}, indent=1)
