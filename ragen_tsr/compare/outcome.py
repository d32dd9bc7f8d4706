"""What trained runs have come to at a budget: a row for each method, differences with their intervals, a verdict.

Every method is evaluated on the same prompts, by the validation of the step at which a run met the budget (temperature
0.5, no search). Intervals are :func:`ragen_tsr.statistics.bootstrap`'s over prompts and seeds, both resampled: they
cover other prompts and other seeds. How rows are written is left to :mod:`ragen_tsr.compare.tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig, OmegaConf

from ragen_tsr.compare.budgets import Budget, Reading, Readings, read
from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.compare.verdict import Verdict, verdict
from ragen_tsr.config import load_task
from ragen_tsr.evaluation.seen import Start, first_steps, start_of
from ragen_tsr.statistics import Interval, bootstrap

BASE = "base"
"""The policy before training, in the place of a method."""


@dataclass(frozen=True)
class Row:
    """A method under one variation, at a budget; means are over prompts and seeds."""

    variation: str
    method: str
    """Or :data:`BASE`."""
    seeds: tuple[int, ...]
    success: Interval
    unseen: Interval | None
    """Success on the prompts whose start no training episode of the run had; None where there are none."""
    response_tokens: float
    """Generated tokens of an episode."""
    turns: float
    """Of an episode."""
    reward: float
    """The environment's rewards of an episode, summed."""
    steps: float
    """Mean over seeds of the training steps made."""
    tokens: float
    """Of the tokens that training rollouts generated."""
    seconds: float
    """Of the seconds of training."""


class Outcome:
    """The runs of a comparison at one budget.

    Args:
        runs: All runs that there are, finished or not.
        budgets: By variation.
        methods: In the order of the tables; the first is the one that others are set against.
    """

    def __init__(self, runs: Sequence[TrainedRun], budgets: dict[str, Budget], methods: Sequence[str]) -> None:
        self.budgets, self.methods = budgets, tuple(methods)
        self._first_steps: dict[tuple[str, int], dict[Start, int]] = {}
        self.readings: dict[tuple[str, str], Readings] = {}
        for variation, budget in budgets.items():
            for method in methods:
                mine = [run for run in runs if (run.variation, run.method) == (variation, method)]
                if each := read(mine, budget):
                    self.readings[variation, method] = Readings(method, variation, each)

    def rows(self) -> list[Row]:
        """The base policy and every method that has runs there, variation after variation."""
        rows = []
        for variation in self.budgets:
            there = [
                self.readings[variation, method] for method in self.methods if (variation, method) in self.readings
            ]
            rows += [self._row(reading) for reading in [*(_before(there[0]) if there else ()), *there]]
        return rows

    def difference(self, a: str, b: str, variation: str, field: str, min_effect: float) -> Verdict | None:
        """A minus B on the same prompts, over the seeds that both have; None if there are none.

        Args:
            field: Of the episodes: ``success`` or ``return``.
        """
        pair = [self.readings.get((variation, method)) for method in (a, b)]
        if pair[0] is None or pair[1] is None:
            return None
        by_seed = [{reading.run.seed: reading for reading in one.each} for one in pair if one is not None]
        seeds = sorted(set(by_seed[0]) & set(by_seed[1]))
        if not seeds:
            return None
        values = [np.stack([one[seed].values(field) for seed in seeds], axis=1) for one in by_seed]
        return verdict(values[0], values[1], min_effect, crossed=True)

    def _row(self, readings: Readings) -> Row:
        success = readings.values("success")  # (prompts, seeds)
        return Row(
            variation=readings.variation,
            method=readings.method,
            seeds=tuple(reading.run.seed for reading in readings.each),
            success=bootstrap(success, crossed=True),
            unseen=self._unseen(readings),
            response_tokens=readings.mean("response_tokens"),
            turns=readings.mean("turns"),
            reward=readings.mean("return"),
            steps=float(np.mean([reading.step for reading in readings.each])),
            tokens=float(np.mean([reading.tokens for reading in readings.each])),
            seconds=float(np.mean([reading.seconds for reading in readings.each])),
        )

    def _unseen(self, readings: Readings) -> Interval | None:
        """Prompts that no seed's training stream had by then, so that (prompts, seeds) stays a table."""
        unseen = np.ones(len(readings.each[0].episodes), dtype=bool)
        for reading in readings.each:
            first = self._first_steps_of(reading.run)
            unseen &= np.array([first.get(start_of(one), np.inf) > reading.step for one in reading.episodes])
        if not unseen.any():
            return None
        return bootstrap(readings.values("success")[unseen], crossed=True)

    def _first_steps_of(self, run: TrainedRun) -> dict[Start, int]:
        """When a seed's training stream had a start first; the same for all methods, as far as the longest run goes."""
        key = (run.variation, run.seed)
        if key not in self._first_steps:
            same = (one for readings in self.readings.values() for one in readings.each)
            longest = max(one.step for one in same if (one.run.variation, one.run.seed) == key)
            load_task(OmegaConf.select(run.config, "task_file"))
            self._first_steps[key] = first_steps(_plain(run.config), longest)
        return self._first_steps[key]


def _before(readings: Readings) -> list[Readings]:
    """The same runs before their first step."""
    at_start = [Reading(reading.run, 0) for reading in readings.each if 0 in reading.run.success]
    return [Readings(BASE, readings.variation, at_start)] if at_start else []


def _plain(config: DictConfig) -> DictConfig:
    """A configuration whose references are resolved, so that sections can be handed on."""
    plain = config.copy()
    OmegaConf.resolve(plain)
    return plain
