"""A comparison's figures, as the paper has them: success over training (its Fig. 3), what training does (its Fig. 4).

Decides what is drawn; lines are means over the seeds, bands go from the least to the greatest of them. Every figure is
one matplotlib ``Figure``, a row of panels for each variation; whoever asks for it saves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ragen_tsr.compare.budgets import STEPS, Budget
from ragen_tsr.compare.curves import Band, TrainedRun, over_steps, success_over_tokens
from ragen_tsr.compare.outcome import BASE, Row
from ragen_tsr.compare.tables import method_name
from ragen_tsr.report import metrics as quantities
from ragen_tsr.report.charts import COLOURS, GRID, INK, MUTED, STYLE

METHOD_COLOURS = {BASE: MUTED, "none": INK, "best_of_n": COLOURS[1], "lookahead": COLOURS[2], "beam": COLOURS[0]}
WINDOW = 5
"""Steps over which the noisy figures of single training steps are averaged."""
PANEL = (4.6, 3.1)
"""Inches."""
TRAINING = {
    "Reward": quantities.COMMITTED_RETURN,
    "Rollout entropy": quantities.ROLLOUT_ENTROPY,
    "Gradient norm": quantities.ACTOR_GRADIENT,
}


def success(runs: Sequence[TrainedRun], budgets: Mapping[str, Sequence[Budget]]) -> Figure:
    """Validation success over steps, and over generated tokens; dotted lines stand where the budgets are."""
    figure, rows = _panels(len(budgets), 2)
    for axes, (variation, marks) in zip(rows, budgets.items(), strict=True):
        for method, mine in _by_method(runs, variation).items():
            _draw(axes[0], over_steps([run.success for run in mine]), method, marker="o")
            _draw(axes[1], success_over_tokens(mine), method)
        for budget in marks:
            at = axes[0] if budget.kind == STEPS else axes[1]
            at.axvline(budget.amount, color=MUTED, linestyle=":", linewidth=1)
        _finish(axes[0], "training steps", "validation success", variation)
        _finish(axes[1], "generated tokens", "validation success", variation)
        axes[1].xaxis.set_major_formatter(_count)
        for one in axes:
            _percent(one)
            one.set_ylim(max(0.0, one.get_ylim()[0]), min(1.0, one.get_ylim()[1]))
    return _with_legend(figure, rows)


def training(runs: Sequence[TrainedRun], budgets: Mapping[str, Sequence[Budget]]) -> Figure:
    """Reward of the committed trajectories, entropy and gradient norm over steps, running means."""
    figure, rows = _panels(len(budgets), len(TRAINING))
    for axes, variation in zip(rows, budgets, strict=True):
        for panel, (title, quantity) in zip(axes, TRAINING.items(), strict=True):
            for method, mine in _by_method(runs, variation).items():
                _draw(panel, over_steps([dict(quantity.series(run.steps)) for run in mine], WINDOW), method)
            _finish(panel, "training steps", title.lower(), variation)
    return _with_legend(figure, rows)


def variations(rows: Sequence[Row], caption: str) -> Figure:
    """Success at a budget under each variation, and what training added to the policy that it began with."""
    figure, [axes] = _panels(1, 2)
    names = list(dict.fromkeys(row.variation for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    base = {row.variation: row.success.estimate for row in rows if row.method == BASE}
    for number, method in enumerate(methods):
        mine = {row.variation: row for row in rows if row.method == method}
        shift = 0.05 * (number - (len(methods) - 1) / 2)
        places = [place for place, name in enumerate(names) if name in mine]
        found = [mine[names[place]].success for place in places]
        lengths = [[one.estimate - one.low for one in found], [one.high - one.estimate for one in found]]
        colour, at = _colour(method), [place + shift for place in places]
        style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5, "linewidth": 1.6, "capsize": 2}
        axes[0].errorbar(at, [one.estimate for one in found], yerr=lengths, label=method_name(method), **style)
        if method != BASE:
            gains = [one.estimate - base.get(names[place], 0.0) for one, place in zip(found, places, strict=True)]
            axes[1].errorbar(at, gains, label=method_name(method), **style)
    axes[1].axhline(0.0, color=MUTED, linewidth=1, linestyle=":")
    for panel, title in zip(axes, (f"success at {caption}", "gain over the base model"), strict=True):
        key, values = _varied(names)
        _finish(panel, key, title, "")
        panel.set_xticks(range(len(names)), values)
        _percent(panel)
    return _with_legend(figure, [axes])


def _panels(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows + 0.4), layout="constrained")
        return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def _by_method(runs: Sequence[TrainedRun], variation: str) -> dict[str, list[TrainedRun]]:
    methods: dict[str, list[TrainedRun]] = {}
    for run in runs:
        if run.variation == variation and run.steps:
            methods.setdefault(run.method, []).append(run)
    return methods


def _colour(method: str) -> str:
    return METHOD_COLOURS.get(method, COLOURS[-1])


def _draw(axes: Axes, band: Band | None, method: str, marker: str | None = None) -> None:
    if band is None:
        return
    colour = _colour(method)
    axes.plot(band.x, band.mean, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=method_name(method))
    axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.13, linewidth=0)


def _finish(axes: Axes, x: str, y: str, variation: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if variation:
        axes.set_title(variation, fontsize=10, loc="left")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(length=0, colors=MUTED)


def _varied(names: Sequence[str]) -> tuple[str, list[str]]:
    """The key that alone is varied and its values, or no key and the names, a word a line."""
    keys = {name.partition("=")[0] for name in names}
    if len(keys) == 1 and not any(" " in name for name in names):
        return keys.pop(), [name.partition("=")[2] for name in names]
    return "", [name.replace(" ", "\n") for name in names]


def _percent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _count(number: float, _: float) -> str:
    return f"{number / 1e6:g}M" if number >= 1e6 else f"{number / 1e3:g}k" if number else "0"


def _with_legend(figure: Figure, rows: Sequence[Sequence[Axes]]) -> Figure:
    """One legend for all panels, above them."""
    named = {
        label: handle
        for axes in rows
        for panel in axes
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if named:
        figure.legend(
            named.values(), named.keys(), loc="outside upper left", ncols=len(named), frameon=False, fontsize=9
        )
    return figure
