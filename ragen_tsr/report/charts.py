"""Draws the curves of a run as SVG; which curves there are is decided by :mod:`ragen_tsr.report.page`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
COLOURS = ("#2563eb", "#ea580c", "#0d9488", "#9333ea", "#64748b", "#ca8a04", "#dc2626")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


@dataclass(frozen=True)
class Curve:
    """One series of a chart."""

    label: str
    points: Sequence[tuple[int, float]]
    """``(step, value)``, by step."""
    markers_only_between: bool = False
    """Drawn with markers: measured at few steps."""
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A panel of the report."""

    title: str
    note: str
    """What the figure is, in a line."""
    curves: Sequence[Curve] = field(default_factory=tuple)
    stacked: bool = False
    """Bars on top of each other instead of lines."""
    limits: tuple[float, float] | None = None
    log: bool = False

    @property
    def drawn(self) -> list[Curve]:
        """The curves that have points."""
        return [curve for curve in self.curves if curve.points]


def svg(chart: Chart) -> str:
    """The chart as an ``<svg>`` element; text stays text."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": chart.title}):
        figure = Figure(figsize=(5.6, 2.7), layout="constrained")
        axes = figure.add_subplot()
        _bars(axes, chart.drawn) if chart.stacked else _lines(axes, chart.drawn)
        if chart.log and any(value > 0 for curve in chart.drawn for _, value in curve.points):
            axes.set_yscale("log")
        if chart.limits is not None:
            axes.set_ylim(*chart.limits)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("step")
        if len(chart.drawn) > 1:
            figure.legend(
                loc="outside upper left",
                ncols=min(4, len(chart.drawn)),
                frameon=False,
                fontsize=9,
                handlelength=1.4,
            )
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _lines(axes: Axes, curves: Sequence[Curve]) -> None:
    for curve, colour in zip(curves, COLOURS, strict=False):
        steps, values = zip(*curve.points, strict=True)
        marker = "o" if curve.markers_only_between or len(steps) == 1 else None
        axes.plot(
            steps,
            values,
            label=curve.label,
            color=colour,
            linewidth=1.8,
            linestyle="--" if curve.dashed else "-",
            marker=marker,
            markersize=5,
        )


def _bars(axes: Axes, curves: Sequence[Curve]) -> None:
    below: dict[int, float] = {}
    for curve, colour in zip(curves, COLOURS, strict=False):
        steps = [step for step, _ in curve.points]
        values = [value for _, value in curve.points]
        axes.bar(
            steps,
            values,
            bottom=[below.get(step, 0.0) for step in steps],
            width=0.8,
            label=curve.label,
            color=colour,
        )
        for step, value in curve.points:
            below[step] = below.get(step, 0.0) + value
