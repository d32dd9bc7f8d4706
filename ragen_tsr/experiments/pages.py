"""Results beside the paper's figures, as a table on the screen, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table as ScreenTable

from ragen_tsr.experiments import paper
from ragen_tsr.experiments.grid import QUANTITIES, BeforeTraining, Table
from ragen_tsr.experiments.results import Figure, Result, as_json, order
from ragen_tsr.files import write_whole

NONE = "–"
DECIMALS = {"success": 1, "length": 0, "turns": 2, "hours": 2, "hours_to_80": 2, "hours_to_convergence": 2}
"""Of steps none; of the rest three."""

SHORT = 0.1
"""Hours below which there are four decimals."""


def header(table: Table) -> list[str]:
    """Of each quantity ours and the paper's, where the paper has it."""
    cells = ["Task", "Model of the paper", "", "Runs"]
    for quantity in table.quantities:
        cells.append(QUANTITIES[quantity])
        if _printed(table, quantity):
            cells.append("paper")
    return cells


def cells(table: Table, found: Sequence[Result]) -> list[list[str]]:
    """A row of text for each result."""
    lines = []
    for one in found:
        model = paper.MODEL_NAMES.get(one.row.model, "")
        line = [paper.TASK_NAMES[one.row.task], model, one.row.label, str(one.seeds) if one.seeds else NONE]
        for quantity in table.quantities:
            line.append(text(quantity, one.figures.get(quantity)))
            if _printed(table, quantity):
                printed = one.row.paper.get(quantity)
                line.append(text(quantity, None if printed is None else Figure(printed)))
        lines.append(line)
    return lines


def text(quantity: str, figure: Figure | None) -> str:
    """A figure, with its deviation over seeds where there is one."""
    if figure is None:
        return NONE
    decimals = DECIMALS.get(quantity, 0 if quantity.startswith("steps") else 3)
    if quantity.startswith("hours") and figure.value < SHORT:
        decimals = 4
    value = f"{figure.value:.{decimals}f}"
    return value if figure.deviation is None else f"{value} ± {figure.deviation:.{decimals}f}"


def screen(table: Table, found: Sequence[Result], caption: str) -> ScreenTable:
    """For the terminal: of each quantity ours, and the paper's in brackets."""
    drawn = ScreenTable(title=f"{table.name}: {table.title}", caption=caption or None, caption_justify="left")
    drawn.add_column("here (paper)")
    for quantity in table.quantities:
        drawn.add_column(QUANTITIES[quantity], justify="right")
    for heading, rows in groupby(found, key=_heading):
        drawn.add_row(f"[bold]{heading}[/]")
        for one in rows:
            texts = [_both(quantity, one) for quantity in table.quantities]
            drawn.add_row(f"  {one.row.label}", *texts)
        drawn.add_section()
    return drawn


def _heading(one: Result) -> str:
    """Task and model; two where ours is not the paper's."""
    source = one.row.source.training if isinstance(one.row.source, BeforeTraining) else one.row.source
    theirs = paper.MODEL_NAMES.get(one.row.model, "")
    ours = f"{source.model} ({theirs})" if source.model not in paper.MODEL_NAMES and theirs else theirs
    return ", ".join(filter(None, [paper.TASK_NAMES[one.row.task], ours]))


def _both(quantity: str, one: Result) -> str:
    ours = text(quantity, one.figures.get(quantity))
    printed = one.row.paper.get(quantity)
    return ours if printed is None else f"{ours} ({text(quantity, Figure(printed))})"


def write(table: Table, found: Sequence[Result], folder: Path, caption: str) -> list[Path]:
    """``<table>.md``, ``.csv`` and ``.json`` in a folder."""
    rows = [header(table), *cells(table, found)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * 3 + " ---: |" * (len(rows[0]) - 3))
    paragraphs = [
        f"# {table.name}: {table.title}",
        "\n".join(lines),
        caption,
        "\n".join(f"- {o}" for o in order(found)),
    ]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return [
        write_whole(folder / f"{table.name}.md", "\n\n".join(filter(None, paragraphs)) + "\n"),
        write_whole(folder / f"{table.name}.csv", stream.getvalue()),
        write_whole(folder / f"{table.name}.json", as_json(table, found) + "\n"),
    ]


def _printed(table: Table, quantity: str) -> bool:
    return any(quantity in row.paper for row in table.rows)
