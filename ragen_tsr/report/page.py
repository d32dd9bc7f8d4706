"""Writes ``report.html``: one file, no network, from what the run folder has so far.

Decides which panels there are and what the head says. Names of metrics are left to :mod:`.metrics`, drawing
to :mod:`.charts`, looks to ``template.html``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from ragen_tsr.report import metrics as figures
from ragen_tsr.report.charts import Chart, Curve, svg
from ragen_tsr.report.summary import METRICS_FILE, SUMMARY_FILE, summarise

REPORT_FILE = "report.html"
CONFIG_FILE = "config.yaml"


AGAIN = " Again: the committed actions, played with fresh noise."
"""Where there is noise."""


def charts(steps: Sequence[figures.Metrics]) -> list[Chart]:
    """The panels that the steps have figures for."""

    def curve(label: str, quantity: figures.Quantity, **looks: bool) -> Curve:
        return Curve(label, quantity.series(steps), **looks)

    noisy = _differ(figures.REROLLED_RETURN.series(steps), figures.COMMITTED_RETURN.series(steps))
    again = AGAIN if noisy else ""
    played_again = [
        [curve("again", quantity, dashed=True)] if noisy else []
        for quantity in (figures.REROLLED_SUCCESS, figures.REROLLED_RETURN)
    ]
    panels = [
        Chart(
            "Success",
            "Share of episodes solved. Training episodes are the committed ones; sampled is what taking one of "
            f"the sampled turns at random would give; validation is plain sampling, on starts of its own.{again}",
            [
                curve("training", figures.TRAIN_SUCCESS),
                curve("sampled", figures.SAMPLED_SUCCESS, dashed=True),
                *played_again[0],
                curve("validation", figures.VAL_SUCCESS, markers_only_between=True),
            ],
            limits=(0, 1.02),
        ),
        Chart(
            "Return",
            f"Sum of the environment's rewards in an episode; the score includes format penalties.{again}",
            [
                curve("committed", figures.COMMITTED_RETURN),
                curve("sampled", figures.SAMPLED_RETURN, dashed=True),
                *played_again[1],
                curve("score after filter", figures.SCORE),
                curve("validation score", figures.VAL_REWARD, markers_only_between=True),
            ],
        ),
        Chart(
            "Entropy",
            "Of the policy's next token, in nats.",
            [curve("at the update", figures.ENTROPY), curve("in the rollout", figures.ROLLOUT_ENTROPY)],
        ),
        Chart(
            "Gradient norm",
            "Before clipping; logarithmic.",
            [curve("actor", figures.ACTOR_GRADIENT), curve("critic", figures.CRITIC_GRADIENT)],
            log=True,
        ),
        Chart(
            "Response length",
            "Generated tokens of an episode.",
            [
                curve("training", figures.RESPONSE_LENGTH),
                curve("validation", figures.VAL_RESPONSE_LENGTH, markers_only_between=True),
            ],
        ),
        Chart(
            "Turns and actions",
            "Per committed training episode.",
            [
                curve("turns", figures.TURNS),
                curve("actions", figures.ACTIONS),
                curve("actions, validation", figures.VAL_ACTIONS, markers_only_between=True),
            ],
        ),
        Chart(
            "Valid turns",
            "Share of turns without a format penalty.",
            [
                curve("committed", figures.VALID_COMMITTED),
                curve("sampled", figures.VALID_SAMPLED, dashed=True),
            ],
            limits=(0, 1.02),
        ),
        Chart(
            "Search: tokens",
            "Per step, padding not counted.",
            [curve("prompt", figures.PROMPT_TOKENS), curve("generated", figures.GENERATED_TOKENS)],
            stacked=True,
        ),
        Chart(
            "Search: nodes",
            "Turns sampled per step, by what became of them.",
            [
                Curve("on a committed path", _remaining(steps)),
                curve("pruned", figures.PRUNED),
                curve("merged", figures.MERGED),
            ],
            stacked=True,
        ),
        Chart(
            "Search: seconds",
            "Per step.",
            [curve(phase, quantity) for phase, quantity in figures.SEARCH_SECONDS.items()],
            stacked=True,
        ),
        Chart(
            "Seconds by phase",
            "Per step.",
            [curve(phase, quantity) for phase, quantity in figures.PHASE_SECONDS.items()],
            stacked=True,
        ),
    ]
    return [panel for panel in panels if panel.drawn]


def write_report(folder: Path) -> Path:
    """Write ``report.html`` of a run folder, complete or not, and return its path.

    Raises:
        FileNotFoundError: The folder has no ``metrics.jsonl``.
    """
    steps = figures.load(folder / METRICS_FILE)
    about = _about(folder)
    page = _template().render(
        title=about["run"],
        about=about,
        tiles=_tiles(summarise(steps, about)),
        charts=[(chart.title, chart.note, Markup(svg(chart))) for chart in charts(steps)],
        config=(folder / CONFIG_FILE).read_text(encoding="utf-8") if (folder / CONFIG_FILE).exists() else "",
    )
    partial = folder / (REPORT_FILE + ".partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, folder / REPORT_FILE)
    return folder / REPORT_FILE


def _differ(one: list[tuple[int, float]], other: list[tuple[int, float]]) -> bool:
    """Whether two series have different values at a step that both have."""
    values = dict(other)
    return any(not math.isclose(value, values[step], abs_tol=1e-9) for step, value in one if step in values)


def _about(folder: Path) -> dict[str, Any]:
    """What the summary says, if there is one yet."""
    path = folder / SUMMARY_FILE
    written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {"run": folder.name, "status": "", "command": "", "facts": {}} | written


def _remaining(steps: Sequence[figures.Metrics]) -> list[tuple[int, float]]:
    gone = {
        step: sum(dict(quantity.series(steps)).get(step, 0.0) for quantity in (figures.MERGED, figures.PRUNED))
        for step, _ in figures.NODES.series(steps)
    }
    return [(step, max(0.0, value - gone[step])) for step, value in figures.NODES.series(steps)]


def _tiles(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Label, figure, remark: what the head of the page shows large."""
    tiles = []
    validation = list(summary["validation_success"].items())
    if validation:
        remark = f"from {validation[0][1]:.1%} before" if len(validation) > 1 else f"at step {validation[0][0]}"
        tiles.append(("Validation success", f"{validation[-1][1]:.1%}", remark))
    if summary["train_success_last"] is not None:
        tiles.append(("Training success", f"{summary['train_success_last']:.1%}", "last step, committed episodes"))
    totals, seconds = summary["search_totals"], summary["training_seconds"]
    tiles.append(("Steps", str(summary["steps"]), f"{_duration(seconds)} of training"))
    tiles.append(
        (
            "Generated tokens",
            _short(totals["generated_tokens"]),
            f"{_short(totals['generation_calls'])} generation calls",
        )
    )
    tiles.append(("Turns sampled", _short(totals["nodes_expanded"]), f"{_short(totals['env_steps'])} actions executed"))
    return tiles


def _short(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("ragen_tsr.report", "."),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    return environment.get_template("template.html")
