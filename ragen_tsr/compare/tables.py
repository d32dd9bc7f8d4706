"""A comparison's tables, as the paper lays them out: results (its Tables 1 and 2), and times (its Tables 8 to 10).

Decides columns, names and formats; the figures are :mod:`ragen_tsr.compare.outcome`'s and
:mod:`ragen_tsr.compare.times`'.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from ragen_tsr.compare.outcome import BASE, Row
from ragen_tsr.compare.times import Point, Times
from ragen_tsr.statistics import Interval

NAMES = {
    BASE: "Base Model",
    "none": "Instance Filtering",
    "best_of_n": "TSR (Best-of-N)",
    "lookahead": "TSR (Lookahead)",
    "beam": "TSR (Beam Search)",
}
"""The paper's names of the methods."""
NEVER = "-"
WORDS = ("Setting", "Method")
"""Columns of words, which stand to the left."""


def method_name(method: str) -> str:
    """A method's name in the paper, its own word where it has none there."""
    return NAMES.get(method, method)


def results(rows: Sequence[Row]) -> pd.DataFrame:
    """The table that people read: success and its interval in percent, lengths, and what it took."""
    table = [
        {
            "Setting": row.variation,
            "Method": method_name(row.method),
            "Success Rate (%)": _percent(row.success),
            "Unseen (%)": _percent(row.unseen) if row.unseen is not None else NEVER,
            "Resp. Len": f"{row.response_tokens:.1f}",
            "Turns": f"{row.turns:.2f}",
            "Return": f"{row.reward:.2f}",
            "Steps": f"{row.steps:.0f}",
            "Gen. Tokens": f"{row.tokens:,.0f}",
            "Time (min)": f"{row.seconds / 60:.1f}",
            "Seeds": len(row.seeds),
        }
        for row in rows
    ]
    return _without_empty(pd.DataFrame(table))


def times_table(times: Sequence[Times], level_of: str) -> pd.DataFrame:
    """The paper's columns, then those that it does not have."""
    table = [
        {
            "Setting": one.variation,
            "Method": method_name(one.method),
            "Final Success Rate (%)": f"{100 * one.final.success:.1f}",
            "Wall Time (h)": _hours(one.final),
            "Steps to 80%": _steps(one.to_share),
            "Time to 80% (h)": _hours(one.to_share),
            "Steps to Convergence": _steps(one.to_convergence),
            "Time to Convergence (h)": _hours(one.to_convergence),
            "Steps to 80% of gain": _steps(one.to_share_of_gain),
            f"Steps to {method_name(level_of)}": _steps(one.to_level),
            f"Time to {method_name(level_of)} (h)": _hours(one.to_level),
            f"Tokens to {method_name(level_of)}": NEVER if one.to_level is None else f"{one.to_level.tokens:,.0f}",
        }
        for one in times
    ]
    return _without_empty(pd.DataFrame(table))


def records(rows: Sequence[Row] | Sequence[Times]) -> list[dict]:
    """Rows as plain numbers, for JSON; a bound that is infinite is null."""
    return [_finite(asdict(row)) for row in rows]


def flat(rows: Sequence[Row] | Sequence[Times]) -> pd.DataFrame:
    """Rows as plain numbers, one column each, for CSV."""
    return pd.json_normalize(records(rows), sep="_")


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown; columns of numbers to the right."""
    texts = [[str(value).replace("|", "\\|") for value in row] for row in table.itertuples(index=False)]
    lines = [
        list(map(str, table.columns)),
        [":--" if name in WORDS else "--:" for name in table.columns],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in [*lines, *texts])


def page(table: pd.DataFrame) -> str:
    """A table in HTML; texts are escaped."""

    def line(tag: str, cells: Iterable[object]) -> str:
        texts = zip(table.columns, cells, strict=True)
        kinds = ((" class=text" if name in WORDS else "", html.escape(str(cell))) for name, cell in texts)
        return "<tr>" + "".join(f"<{tag}{kind}>{text}</{tag}>" for kind, text in kinds) + "</tr>\n"

    head = line("th", table.columns)
    body = "".join(line("td", row) for row in table.itertuples(index=False))
    return f"<table><thead>{head}</thead>\n<tbody>{body}</tbody></table>"


def latex(rows: Sequence[Row]) -> str:
    """The paper's table in LaTeX (booktabs): methods down, settings across, the best of each column bold."""
    columns = {
        "Success Rate $\\uparrow$": "success",
        "Resp. Len $\\downarrow$": "length",
        "Turns $\\downarrow$": "turns",
    }
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        numbers = {"success": 100 * row.success.estimate, "length": row.response_tokens, "turns": row.turns}
        for title, key in columns.items():
            cells.setdefault((_escaped(row.variation), title), {})[_escaped(method_name(row.method))] = numbers[key]
    order = list(dict.fromkeys(_escaped(method_name(row.method)) for row in rows))
    frame = pd.DataFrame(cells).reindex(order)
    frame.columns = frame.columns.set_names("Method", level=1)
    if not any(row.variation for row in rows):
        frame.columns = frame.columns.droplevel(0)
    bold = {"props": "textbf:--rwrap;"}
    best, least = ([name for name in frame.columns if ("uparrow" in str(name)) is up] for up in (True, False))
    style = frame.style.format({name: _digits(name) for name in frame.columns}, na_rep=NEVER)
    style = style.highlight_max(subset=best, axis=0, **bold).highlight_min(subset=least, axis=0, **bold)
    return style.to_latex(hrules=True, multicol_align="c", column_format="l" + "r" * len(frame.columns))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _digits(column: object) -> str:
    return "{:.2f}" if "Turns" in str(column) else "{:.1f}"


def _escaped(text: str) -> str:
    return "".join({"_": "\\_", "%": "\\%", "&": "\\&", "#": "\\#", "$": "\\$"}.get(letter, letter) for letter in text)


def _percent(interval: Interval) -> str:
    shares = (100 * number for number in (interval.estimate, interval.low, interval.high))
    return "{:.1f} [{:.1f}, {:.1f}]".format(*shares)


def _steps(point: Point | None) -> str:
    return NEVER if point is None else f"{point.step:.0f}"


def _hours(point: Point | None) -> str:
    return NEVER if point is None else f"{point.seconds / 3600:.3f}"


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Without the column of settings where nothing is varied."""
    return table.drop(columns="Setting") if len(table) and not table["Setting"].any() else table
