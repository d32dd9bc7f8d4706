"""Which curves a report shows, under which headings. Names of metrics are left to :mod:`.metrics`, drawing to
:mod:`.charts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ragen_tsr.report import metrics as figures
from ragen_tsr.report.charts import Chart, Curve

AGAIN = " Again: the committed actions, played with fresh noise."
"""Where there is noise."""


def charts(steps: Sequence[figures.Metrics]) -> list[Chart]:
    """The panels about learning that the steps have figures for."""
    noisy = _differ(figures.REROLLED_RETURN.series(steps), figures.COMMITTED_RETURN.series(steps))
    again = AGAIN if noisy else ""
    played_again = [
        [_curve(steps, "again", quantity, dashed=True)] if noisy else []
        for quantity in (figures.REROLLED_SUCCESS, figures.REROLLED_RETURN)
    ]
    return _with_points(
        Chart(
            "Success",
            "Share of episodes solved. Training episodes are the committed ones; sampled is what taking one of "
            f"the sampled turns at random would give; validation is plain sampling, on starts of its own.{again}",
            [
                _curve(steps, "training", figures.TRAIN_SUCCESS),
                _curve(steps, "sampled", figures.SAMPLED_SUCCESS, dashed=True),
                *played_again[0],
                _curve(steps, "validation", figures.VAL_SUCCESS, markers_only_between=True),
            ],
            limits=(0, 1.02),
        ),
        Chart(
            "Return",
            f"Sum of the environment's rewards in an episode; the score includes format penalties.{again}",
            [
                _curve(steps, "committed", figures.COMMITTED_RETURN),
                _curve(steps, "sampled", figures.SAMPLED_RETURN, dashed=True),
                *played_again[1],
                _curve(steps, "score after filter", figures.SCORE),
                _curve(steps, "validation score", figures.VAL_REWARD, markers_only_between=True),
            ],
        ),
        Chart(
            "Entropy",
            "Of the policy's next token, in nats.",
            [
                _curve(steps, "at the update", figures.ENTROPY),
                _curve(steps, "in the rollout", figures.ROLLOUT_ENTROPY),
            ],
        ),
        Chart(
            "Gradient norm",
            "Before clipping; logarithmic.",
            [_curve(steps, "actor", figures.ACTOR_GRADIENT), _curve(steps, "critic", figures.CRITIC_GRADIENT)],
            log=True,
        ),
        Chart(
            "Response length",
            "Generated tokens of an episode.",
            [
                _curve(steps, "training", figures.RESPONSE_LENGTH),
                _curve(steps, "validation", figures.VAL_RESPONSE_LENGTH, markers_only_between=True),
            ],
        ),
        Chart(
            "Turns and actions",
            "Per committed training episode.",
            [
                _curve(steps, "turns", figures.TURNS),
                _curve(steps, "actions", figures.ACTIONS),
                _curve(steps, "actions, validation", figures.VAL_ACTIONS, markers_only_between=True),
            ],
        ),
        Chart(
            "Valid turns",
            "Share of turns without a format penalty.",
            [
                _curve(steps, "committed", figures.VALID_COMMITTED),
                _curve(steps, "sampled", figures.VALID_SAMPLED, dashed=True),
            ],
            limits=(0, 1.02),
        ),
        Chart(
            "Seconds by phase",
            "Per step.",
            [_curve(steps, phase, quantity) for phase, quantity in figures.PHASE_SECONDS.items()],
            stacked=True,
        ),
    )


def filter_charts(steps: Sequence[figures.Metrics]) -> list[Chart]:
    """The panels about the rollout filter that the steps have figures for."""
    return _with_points(
        Chart(
            "Filter: spread",
            "Standard deviation of the scores within a group, mean over groups: what the filter ranks by.",
            [_curve(steps, "all groups", figures.GROUP_STD), _curve(steps, "kept groups", figures.KEPT_STD)],
        ),
        Chart(
            "Filter: score",
            "Mean score of a group, mean over groups: how much easier or harder the kept starts are.",
            [_curve(steps, "all groups", figures.GROUP_MEAN), _curve(steps, "kept groups", figures.KEPT_MEAN)],
        ),
        Chart(
            "Filter: best of a group",
            "Highest score in a group, mean over groups: whether there was something to learn from.",
            [_curve(steps, "all groups", figures.GROUP_BEST), _curve(steps, "kept groups", figures.KEPT_BEST)],
        ),
        Chart(
            "Filter: groups",
            "Groups of a step that were kept, and groups whose episodes all score the same: nothing to learn from.",
            [_curve(steps, "kept", figures.KEPT_GROUPS), _curve(steps, "all the same", figures.FLAT_GROUPS)],
        ),
    )


def search_charts(steps: Sequence[figures.Metrics]) -> list[Chart]:
    """The panels about the search that the steps have figures for."""
    return _with_points(
        Chart(
            "Search: tokens",
            "Per step, padding not counted.",
            [
                _curve(steps, "prompt", figures.PROMPT_TOKENS),
                _curve(steps, "generated", figures.GENERATED_TOKENS),
            ],
            stacked=True,
        ),
        Chart(
            "Search: nodes",
            "Turns sampled per step, by what became of them.",
            [
                Curve("on a committed path", _remaining(steps)),
                _curve(steps, "pruned", figures.PRUNED),
                _curve(steps, "merged", figures.MERGED),
            ],
            stacked=True,
        ),
        Chart(
            "Search: seconds",
            "Per step.",
            [_curve(steps, phase, quantity) for phase, quantity in figures.SEARCH_SECONDS.items()],
            stacked=True,
        ),
        Chart(
            "Search: distinct trajectories",
            "Different committed trajectories of a group, mean over groups: searches of one start may coincide.",
            [_curve(steps, "distinct", figures.DISTINCT)],
        ),
    )


def _curve(steps: Sequence[figures.Metrics], label: str, quantity: figures.Quantity, **looks: bool) -> Curve:
    return Curve(label, quantity.series(steps), **looks)


def _with_points(*panels: Chart) -> list[Chart]:
    return [panel for panel in panels if panel.drawn]


def _differ(one: list[tuple[int, float]], other: list[tuple[int, float]]) -> bool:
    """Whether two series have different values at a step that both have."""
    values = dict(other)
    return any(not math.isclose(value, values[step], abs_tol=1e-9) for step, value in one if step in values)


def _remaining(steps: Sequence[figures.Metrics]) -> list[tuple[int, float]]:
    """Nodes of each step that are neither pruned nor merged."""
    gone = {
        step: sum(dict(quantity.series(steps)).get(step, 0.0) for quantity in (figures.MERGED, figures.PRUNED))
        for step, _ in figures.NODES.series(steps)
    }
    return [(step, max(0.0, value - gone[step])) for step, value in figures.NODES.series(steps)]
