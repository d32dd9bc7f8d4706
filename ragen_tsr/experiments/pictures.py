"""Figures 3 and 4 from runs of our own; :mod:`ragen_tsr.compare.figures` draws them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from ragen_tsr.compare import figures
from ragen_tsr.compare.budgets import Budget
from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.experiments import paper
from ragen_tsr.experiments.grid import Table, Training
from ragen_tsr.experiments.results import finished_runs
from ragen_tsr.files import write_whole
from ragen_tsr.report.charts import STYLE

Drawing = Callable[[Sequence[TrainedRun], Mapping[str, Sequence[Budget]]], Figure]
DRAWINGS: dict[str, Drawing] = {"fig3": figures.success, "fig4": figures.training}


def write(table: Table, folder: Path, seeds: int) -> list[Path]:
    """``<table>.svg`` in a folder, a row of panels for each task and model; nothing for tables, or without runs."""
    runs = [
        replace(run, variation=_panel(training))
        for training in table.trainings
        for run in finished_runs(training, folder, seeds)
    ]
    if table.name not in DRAWINGS or not runs:
        return []
    panels: dict[str, Sequence[Budget]] = {run.variation: () for run in runs}
    drawn = DRAWINGS[table.name](runs, panels)
    stream = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": table.name}):
        drawn.savefig(stream, format="svg", facecolor="white", metadata={"Date": None})
    return [write_whole(folder / f"{table.name}.svg", stream.getvalue())]


def _panel(training: Training) -> str:
    return f"{paper.TASK_NAMES[training.env]}, {paper.MODEL_NAMES.get(training.model, training.model)}"
