"""What is said of an evaluation: the paper's metrics with intervals, on all prompts and on the unseen ones.

Decides what is measured and over what it is averaged. Reads the records of episodes (:mod:`.play`) and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ragen_tsr.evaluation.play import COUNTED
from ragen_tsr.evaluation.seen import start_of
from ragen_tsr.statistics import Interval, bootstrap, wilson

Record = Mapping[str, Any]
Measure = Callable[[Sequence[Record]], Interval | None]


@dataclass(frozen=True)
class Metric:
    """One line of the table."""

    key: str
    label: str
    note: str
    measure: Measure
    digits: int = 2
    is_share: bool = False


def _success(records: Sequence[Record]) -> Interval:
    return wilson(sum(bool(record["success"]) for record in records), len(records))


def _mean(key: str) -> Measure:
    return lambda records: bootstrap(np.array([float(record[key]) for record in records]))


def _ratio(above: str, below: str) -> Measure:
    """The quotient of two sums over episodes; None where the second is 0."""

    def measure(records: Sequence[Record]) -> Interval | None:
        known = [record for record in records if record[above] is not None]
        total = sum(record[below] for record in known)
        if not total:
            return None
        estimate = sum(record[above] for record in known) / total
        return Interval(float(estimate), float("nan"), float("nan"))

    return measure


METRICS = (
    Metric("success", "success", "share of episodes; Wilson interval", _success, 1, is_share=True),
    Metric("response_length", "response length", "tokens of an episode's responses", _mean("response_tokens"), 1),
    Metric("turns", "turns", "interaction turns of an episode", _mean("turns")),
    Metric("turn_length", "tokens a turn", "tokens of one response", _ratio("response_tokens", "turns"), 1),
    Metric("entropy", "entropy", "-log p of a sampled token, in nats", _ratio("neg_log_prob", "log_prob_tokens"), 3),
    Metric("score", "reward", "environment's rewards and format penalties of an episode", _mean("score")),
    Metric("return", "return", "environment's rewards of an episode", _mean("return")),
    Metric("valid_turns", "valid format", "share of turns without a penalty", _ratio("valid_turns", "turns"), 1, True),
    Metric("actions", "actions", "actions executed in an episode", _mean("actions")),
)


@dataclass(frozen=True)
class Part:
    """Some of the episodes, measured."""

    episodes: int
    distinct_starts: int
    figures: Mapping[str, Interval | None]
    """By :attr:`Metric.key`; None where nothing is known."""

    def as_json(self) -> dict[str, Any]:
        """Numbers; bounds are null where there is no interval."""
        figures = {key: None if found is None else _plain(found) for key, found in self.figures.items()}
        return {"episodes": self.episodes, "distinct_starts": self.distinct_starts, **figures}


def measure(records: Sequence[Record]) -> Part:
    """Measure episodes; at least one."""
    return Part(
        len(records),
        len({start_of(record) for record in records}),
        {metric.key: metric.measure(records) for metric in METRICS},
    )


def parts(records: Sequence[Record]) -> dict[str, Part]:
    """``all``, and ``unseen`` where it is known what training has played and some prompts are unseen."""
    unseen = [record for record in records if record["seen"] is False]
    found = {"all": measure(records)}
    return found | {"unseen": measure(unseen)} if unseen else found


def costs(records: Sequence[Record]) -> dict[str, float]:
    """What the episodes cost in total: tokens, environment steps, seconds."""
    totals: dict[str, float] = {key: sum(record["cost"][key] for record in records) for key in COUNTED}
    del totals["generation_calls"]  # a call serves many episodes
    return totals | {"seconds": round(sum(record["seconds"] for record in records), 2)}


def _plain(interval: Interval) -> dict[str, float | None]:
    return {key: value if np.isfinite(value) else None for key, value in asdict(interval).items()}
