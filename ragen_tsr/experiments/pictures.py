"""Figures 3 and 4 from runs of our own; :mod:`ragen_tsr.compare.figures` draws them.

Of the paper's curves in figure 3 two points are known, where they reach 80 % of their final height and where they
converge; they are marked with crosses where the runs are of the paper's policies.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ragen_tsr.compare import figures
from ragen_tsr.compare.budgets import Budget
from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.experiments import paper
from ragen_tsr.experiments.grid import Row, Table, Training
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
    if table.name == "fig3":
        for axes, panel in zip(drawn.axes[::2], panels, strict=True):  # success over steps, then over tokens
            _mark(axes, [row for row in table.rows if _panel_of(row) == panel])
    stream = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": table.name}):
        drawn.savefig(stream, format="svg", facecolor="white", metadata={"Date": None})
    return [write_whole(folder / f"{table.name}.svg", stream.getvalue())]


def _mark(axes: Axes, rows: Sequence[Row]) -> None:
    """Crosses for what is known of the paper's curves."""
    for row in rows:
        if isinstance(row.source, Training) and row.source.model in paper.MODEL_NAMES:
            final = row.paper["success"] / 100
            steps = [row.paper["steps_to_80"], row.paper["steps_to_convergence"]]
            colour = figures.METHOD_COLOURS[row.source.method]
            axes.plot(steps, [0.8 * final, final], linestyle="none", marker="x", color=colour, markersize=7)


def _panel_of(row: Row) -> str:
    return _panel(row.source) if isinstance(row.source, Training) else ""


def _panel(training: Training) -> str:
    return f"{paper.TASK_NAMES[training.env]}, {paper.MODEL_NAMES.get(training.model, training.model)}"
