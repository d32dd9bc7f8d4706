"""What an evaluation leaves beside its episodes: a table on the screen, JSON, CSV and a page.

Decides rows and columns. What is measured is :mod:`.metrics`', the page's looks :mod:`ragen_tsr.report`'s.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from ragen_tsr.evaluation.metrics import METRICS, Metric, Part
from ragen_tsr.files import write_whole
from ragen_tsr.report.boards import BOARD_STYLE
from ragen_tsr.report.page import artist, template
from ragen_tsr.report.tables import NONE
from ragen_tsr.report.tables import Table as PageTable
from ragen_tsr.report.trajectories import best_and_worst, finished
from ragen_tsr.statistics import Interval

JSON_FILE, CSV_FILE, PAGE_FILE = "evaluation.json", "evaluation.csv", "evaluation.html"
SHOWN_EPISODES = 6
"""Best ones on the page, and as many worst ones."""
HEADINGS = {"all": "all prompts", "unseen": "unseen by training"}


def print_table(console: Console, parts: Mapping[str, Part], costs: Mapping[str, float]) -> None:
    """The table that a person sees."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in _header(parts):
        table.add_column(heading, no_wrap=True)
    for row in _rows(parts):
        table.add_row(*row)
    console.print(table)
    console.print(_cost_line(costs), markup=False, soft_wrap=True)


def write_files(
    folder: Path,
    about: Mapping[str, Any],
    config: DictConfig,
    parts: Mapping[str, Part],
    costs: Mapping[str, float],
    episodes: Sequence[Mapping[str, Any]],
) -> None:
    """Write ``evaluation.json``, ``.csv`` and ``.html``.

    Args:
        about: ``command``, ``facts`` and what else is to stand in the JSON; plain data.
    """
    figures = {"parts": {name: part.as_json() for name, part in parts.items()}, "cost": dict(costs)}
    write_whole(folder / JSON_FILE, json.dumps({**about, **figures}, indent=2) + "\n")
    write_whole(folder / CSV_FILE, _csv(parts, costs))
    write_whole(folder / PAGE_FILE, _page(folder, about, config, parts, costs, episodes))


def _header(parts: Mapping[str, Part]) -> tuple[str, ...]:
    return ("", *(f"{HEADINGS[name]} ({part.episodes})" for name, part in parts.items()))


def _rows(parts: Mapping[str, Part]) -> list[tuple[str, ...]]:
    """A row per metric, and how many of the starts are distinct."""
    rows = [(metric.label, *(_text(metric, part.figures[metric.key]) for part in parts.values())) for metric in METRICS]
    return [*rows, ("distinct starts", *(str(part.distinct_starts) for part in parts.values()))]


def _text(metric: Metric, found: Interval | None) -> str:
    if found is None:
        return NONE
    factor, unit = (100, " %") if metric.is_share else (1, "")
    text = f"{factor * found.estimate:6.{metric.digits}f}{unit}"
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return text
    return f"{text} [{factor * found.low:.{metric.digits}f}, {factor * found.high:.{metric.digits}f}]"


def _cost_line(costs: Mapping[str, float]) -> str:
    return (
        f"{costs['seconds']:.1f} s, {costs['prompt_tokens']:,.0f} prompt tokens, "
        f"{costs['generated_tokens']:,.0f} generated, {costs['nodes_expanded']:,.0f} responses, "
        f"{costs['env_steps']:,.0f} actions"
    )


def _csv(parts: Mapping[str, Part], costs: Mapping[str, float]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "metric", "estimate", "low", "high", "episodes"])
    for name, part in parts.items():
        for key, found in part.as_json().items():
            if isinstance(found, dict):
                writer.writerow([name, key, found["estimate"], found["low"], found["high"], part.episodes])
    for key, value in costs.items():
        writer.writerow(["all", key, value, None, None, parts["all"].episodes])
    return text.getvalue()


def _page(
    folder: Path,
    about: Mapping[str, Any],
    config: DictConfig,
    parts: Mapping[str, Part],
    costs: Mapping[str, float],
    episodes: Sequence[Mapping[str, Any]],
) -> str:
    """The page of a report with the evaluation's table, tiles and episodes."""
    notes = "; ".join(f"{metric.label}: {metric.note}" for metric in METRICS)
    table = PageTable("Metrics", f"With 95 % intervals. {notes}.", _header(parts), tuple(_rows(parts)))
    shown = [finished(record, about["step"]) for record in episodes]
    best, worst = best_and_worst(shown, SHOWN_EPISODES)
    strips = [("Best episodes", "", best), ("Worst episodes", "", worst)]
    return template().render(
        title=folder.name,
        about={"status": "finished", "command": about["command"], "facts": about["facts"]},
        tiles=_tiles(parts, costs),
        run={},
        sections=[{"title": "Evaluation", "charts": [], "tables": [table]}],
        episodes=[strip for strip in strips if strip[2]],
        draw=artist(config),
        board_style=Markup(BOARD_STYLE),
        config=OmegaConf.to_yaml(config),
    )


def _tiles(parts: Mapping[str, Part], costs: Mapping[str, float]) -> list[tuple[str, str, str]]:
    tiles = []
    for name, part in parts.items():
        found = part.figures["success"]
        assert found is not None
        remark = f"{100 * found.low:.1f} to {100 * found.high:.1f} %, {part.episodes} episodes"
        tiles.append((f"Success, {HEADINGS[name]}", f"{found.estimate:.1%}", remark))
    by_key = {metric.key: metric for metric in METRICS}
    for key in ("response_length", "turns"):
        metric, found = by_key[key], parts["all"].figures[key]
        assert found is not None
        tiles.append((metric.label.capitalize(), f"{found.estimate:.{metric.digits}f}", metric.note))
    tiles.append(("Generated tokens", f"{costs['generated_tokens']:,.0f}", f"{costs['seconds']:.1f} s"))
    return tiles
