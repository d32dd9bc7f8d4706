"""What a trained comparison leaves for people: one page with its tables and figures, and each of them as a file.

Decides the files of a comparison's folder; ``compare.html`` shows all in one file, ``compare.md`` the same in Markdown
with links to the figures, ``compare.json`` every number. Rows and figures are made elsewhere
(:mod:`ragen_tsr.compare.outcome`, :mod:`ragen_tsr.compare.times`, :mod:`ragen_tsr.compare.figures`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from ragen_tsr.compare import figures, tables, times
from ragen_tsr.compare.budgets import Budget
from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.compare.outcome import Outcome, Row
from ragen_tsr.compare.times import Times
from ragen_tsr.compare.verdict import Verdict
from ragen_tsr.files import write_whole
from ragen_tsr.report.charts import STYLE
from ragen_tsr.report.page import template

DOTS = 150
"""Per inch, of figures that are pictures."""


@dataclass(frozen=True)
class AtBudget:
    """Everything that one budget shows."""

    kind: str
    budgets: Mapping[str, Budget]
    """By variation."""
    rows: Sequence[Row]
    times: Sequence[Times]
    level_of: str
    """The method whose final success is the level of the times."""
    sentences: Sequence[str]
    """Paired differences between the methods."""

    @classmethod
    def of(cls, outcome: Outcome, kind: str, min_effect: float) -> AtBudget:
        """What an outcome shows."""
        level_of = "none" if "none" in outcome.methods else outcome.methods[0]
        rows = outcome.rows()
        level = {row.variation: row.success.estimate for row in rows if row.method == level_of}
        found = [times.times(one, level.get(one.variation)) for one in outcome.readings.values()]
        sentences = []
        for variation in outcome.budgets:
            for index, a in enumerate(outcome.methods):
                for b in outcome.methods[:index]:
                    judged = outcome.difference(a, b, variation, "success", min_effect)
                    if judged is not None:
                        sentences.append(difference(a, b, variation, judged))
        return cls(kind, outcome.budgets, rows, found, level_of, sentences)

    @property
    def caption(self) -> str:
        """What is held equal, in words."""
        amounts = {budget.text for budget in self.budgets.values()}
        return amounts.pop() if len(amounts) == 1 else f"equal {self.kind}"


def difference(a: str, b: str, variation: str, judged: Verdict) -> str:
    """``beam - none, success: +0.121 [+0.040, +0.201]``"""
    where = f"{variation}: " if variation else ""
    unclear = "" if judged.difference.low > 0 or judged.difference.high < 0 else "  does not exclude zero"
    return f"{where}{a} - {b}, success: {judged.difference.text(sign=True)}{unclear}"


def write(
    folder: Path,
    *,
    title: str,
    command: str,
    runs: Sequence[TrainedRun],
    found: Sequence[AtBudget],
    notes: Sequence[str],
) -> None:
    """Write all files of a comparison into its folder.

    Args:
        folder: Of the comparison.
        title: Of its page.
        command: To be typed again.
        runs: All that have begun.
        found: What each budget shows; the first is the one that was asked for.
        notes: Sentences for the head of the page: verdicts, what is missing.
    """
    drawn = _figures(runs, found)
    for name, (figure, _) in drawn.items():
        _save(figure, folder / name)
    for one in found:
        result, when = _tables(one)
        write_whole(folder / f"table-{one.kind}.md", tables.markdown(result))
        write_whole(folder / f"table-{one.kind}.csv", tables.flat(one.rows).to_csv(index=False))
        write_whole(folder / f"table-{one.kind}.tex", tables.latex(one.rows))
        write_whole(folder / f"times-{one.kind}.md", tables.markdown(when))
        write_whole(folder / f"times-{one.kind}.csv", tables.flat(one.times).to_csv(index=False))
    write_whole(folder / "compare.json", json.dumps(_numbers(command, runs, found, notes), indent=1, allow_nan=False))
    write_whole(folder / "compare.md", _markdown(title, command, found, notes, drawn))
    write_whole(folder / "compare.html", _html(folder, title, command, found, notes, drawn))


def _tables(one: AtBudget) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tables.results(one.rows), tables.times_table(one.times, one.level_of)


def _figures(runs: Sequence[TrainedRun], found: Sequence[AtBudget]) -> dict[str, tuple[Figure, str]]:
    """By file name without its ending: the figure and its caption."""
    marks: dict[str, list[Budget]] = {}
    for one in found:
        for variation, budget in one.budgets.items():
            marks.setdefault(variation, []).append(budget)
    drawn = {
        "fig3": (
            figures.success(runs, marks),
            "Success on the validation prompts over training steps and over generated tokens, discarded branches "
            "included. Lines: means over the seeds; bands: from the least to the greatest; dotted: the budgets.",
        ),
        "fig4": (
            figures.training(runs, marks),
            "Return of the committed trajectories in training, entropy of sampled tokens, the policy's gradient norm, "
            f"as means over {figures.WINDOW} steps.",
        ),
    }
    if len(marks) > 1:
        for one in found:
            if one.rows:
                caption = (
                    "Success under each variation, with intervals over prompts and seeds, and what training added."
                )
                drawn[f"variations-{one.kind}"] = (figures.variations(one.rows, one.caption), caption)
    return drawn


def _save(figure: Figure, stem: Path) -> None:
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": stem.name}):
        for ending, options in ((".png", {"dpi": DOTS}), (".svg", {"metadata": {"Date": None}})):
            partial = stem.with_name(f"{stem.name}{ending}.partial")
            figure.savefig(partial, format=ending[1:], facecolor="white", **options)
            os.replace(partial, stem.with_name(stem.name + ending))


def _svg(stem: Path) -> str:
    """A saved figure as an element of a page."""
    text = stem.with_name(stem.name + ".svg").read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def _numbers(
    command: str, runs: Sequence[TrainedRun], found: Sequence[AtBudget], notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "command": command,
        "notes": list(notes),
        "budgets": {
            one.kind: {
                "amount": {variation: budget.amount for variation, budget in one.budgets.items()},
                "rows": tables.records(one.rows),
                "times": tables.records(one.times),
                "differences": list(one.sentences),
            }
            for one in found
        },
        "runs": [
            {
                "method": run.method,
                "seed": run.seed,
                "variation": run.variation,
                "folder": run.folder.name,
                "success": run.success,
                "tokens": {step: run.tokens[step] for step in run.success},
                "seconds": {step: run.seconds[step] for step in run.success},
            }
            for run in runs
        ],
    }


def _markdown(
    title: str,
    command: str,
    found: Sequence[AtBudget],
    notes: Sequence[str],
    drawn: Mapping[str, tuple[Figure, str]],
) -> str:
    parts = [f"# {title}", f"    {command}", *notes]
    for one in found:
        result, when = _tables(one)
        parts += [f"## At {one.caption}", tables.markdown(result), "".join(f"- {line}\n" for line in one.sentences)]
        parts += [tables.markdown(when)]
    parts += [f"![{caption}]({name}.png)\n\n{caption}" for name, (_, caption) in drawn.items()]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _html(
    folder: Path,
    title: str,
    command: str,
    found: Sequence[AtBudget],
    notes: Sequence[str],
    drawn: Mapping[str, tuple[Figure, str]],
) -> str:
    sections = []
    for one in found:
        result, when = (tables.page(table) for table in _tables(one))
        sections.append({"caption": one.caption, "results": result, "times": when, "sentences": one.sentences})
    shown = [{"svg": _svg(folder / name), "caption": caption} for name, (_, caption) in drawn.items()]
    return template("ragen_tsr.compare").render(
        title=title, command=command, notes=notes, sections=sections, figures=shown
    )
