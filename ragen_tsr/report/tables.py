"""The figures of a report that are read rather than drawn: filter, search ledger, what the search chose.

Decides rows and columns; names of metrics are left to :mod:`.metrics`, looks to the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragen_tsr.report import metrics as figures

NONE = "–"
"""Stands where there is no figure."""


@dataclass(frozen=True)
class Table:
    """A table of a report; cells are text."""

    title: str
    note: str
    """What its figures are, in a line."""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def filter_table(steps: Sequence[figures.Metrics]) -> Table | None:
    """What the rollout filter saw and kept; None if the steps say nothing of it."""
    rows = {
        "groups kept": figures.KEPT_GROUPS,
        "share of groups kept": figures.KEPT_SHARE,
        "groups whose episodes all score the same": figures.FLAT_GROUPS,
        "spread of scores in a group: all groups": figures.GROUP_STD,
        "spread of scores in a group: kept groups": figures.KEPT_STD,
        "mean score: all groups": figures.GROUP_MEAN,
        "mean score: kept groups": figures.KEPT_MEAN,
        "best score of a group: all groups": figures.GROUP_BEST,
        "best score of a group: kept groups": figures.KEPT_BEST,
        "steps with no group kept": figures.EMPTY_STEPS,
    }
    if not figures.GROUP_STD.series(steps):
        return None
    return Table(
        "Filter",
        "A group is the episodes of one start. Those whose scores spread most are trained on.",
        ("", "first step", "mean of all steps", "last step"),
        tuple((label, *_over_steps(quantity, steps)) for label, quantity in rows.items()),
    )


def ledger_table(steps: Sequence[figures.Metrics], episodes: int | None) -> Table | None:
    """What the searches of training cost; None if the steps say nothing of it.

    Args:
        episodes: Committed episodes of a step, if known.
    """
    counts = {
        "generated tokens": figures.GENERATED_TOKENS,
        "prompt tokens": figures.PROMPT_TOKENS,
        "generation calls": figures.GENERATION_CALLS,
        "actions executed": figures.ENV_STEPS,
        "turns sampled": figures.NODES,
        "of them pruned": figures.PRUNED,
        "of them merged": figures.MERGED,
        "turns drawn again": figures.REDRAWN,
        **{f"seconds of {phase}": quantity for phase, quantity in figures.SEARCH_SECONDS.items()},
    }
    if not figures.GENERATED_TOKENS.series(steps):
        return None
    rows = []
    for label, quantity in counts.items():
        values = [value for _, value in quantity.series(steps)]
        if values:
            mean = sum(values) / len(values)
            rows.append((label, number(sum(values)), number(mean), number(mean / episodes if episodes else None)))
    rates = [rate for rate in map(figures.tokens_per_second, steps) if rate is not None]
    if rates:
        rows.append(("generated tokens a second", NONE, number(sum(rates) / len(rates)), NONE))
    return Table(
        "Search ledger",
        "What the rollouts of training cost. Padding is not counted, nor is validation.",
        ("", "whole run", "a step", "a committed episode"),
        tuple(rows),
    )


def choice_table(steps: Sequence[figures.Metrics]) -> Table | None:
    """How far what was committed is from what was sampled; None if the steps say nothing of it."""
    rows = {
        "success": (figures.SAMPLED_SUCCESS, figures.COMMITTED_SUCCESS, figures.REROLLED_SUCCESS),
        "return": (figures.SAMPLED_RETURN, figures.COMMITTED_RETURN, figures.REROLLED_RETURN),
        "valid turns": (figures.VALID_SAMPLED, figures.VALID_COMMITTED, None),
    }
    if not figures.COMMITTED_RETURN.series(steps):
        return None
    return Table(
        "What the search chose",
        "Means over all steps. Sampled: one of the sampled turns taken at random; again: the committed actions, "
        "played with fresh noise, where there is noise.",
        ("", "sampled", "committed", "again"),
        tuple(
            (label, *(NONE if quantity is None else number(_mean(quantity, steps)) for quantity in quantities))
            for label, quantities in rows.items()
        ),
    )


def number(value: float | None) -> str:
    """A figure as text: about four significant places, thousands apart."""
    if value is None:
        return NONE
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def _over_steps(quantity: figures.Quantity, steps: Sequence[figures.Metrics]) -> tuple[str, str, str]:
    values = [value for _, value in quantity.series(steps)]
    return (number(values[0]), number(sum(values) / len(values)), number(values[-1])) if values else (NONE,) * 3


def _mean(quantity: figures.Quantity, steps: Sequence[figures.Metrics]) -> float | None:
    values = [value for _, value in quantity.series(steps)]
    return sum(values) / len(values) if values else None
