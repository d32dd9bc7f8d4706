"""A comparison of methods by training: a run for each method and seed, then what they came to.

Decides which runs there are, in which order, and with which words; :mod:`ragen_tsr.compare.runs` makes them,
:mod:`ragen_tsr.compare.outcome` says what they mean, :mod:`ragen_tsr.compare.page` writes it down. The folder holds
everything: run again, the command goes on where it was stopped, and one that had finished writes its pages anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from ragen_tsr.compare import budgets, page, runs, tables
from ragen_tsr.compare import command as commands
from ragen_tsr.compare.command import Command, Variation
from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.compare.outcome import Outcome
from ragen_tsr.compare.runs import RunResult, RunSpec
from ragen_tsr.compare.verdict import Verdict, worst
from ragen_tsr.config import ConfigError, compose, parse

INTERRUPTED, UNFINISHED = 130, 3
"""Exit statuses beside those of the verdict."""
PROMPTS = 256
"""Held-out prompts of every validation, as in the paper; ``es_manager.val.env_groups=N`` says otherwise."""
VALIDATIONS = 10
"""Validations within the budget of steps, beside the one before training; ``trainer.test_freq=N`` says otherwise."""
SEED_DISTANCE = 100_000
"""From the training starts of one seed to those of the next, which are never the same; seed 0 has upstream's."""


def main(command: Command, folder: Path, console: Console) -> int:
    """Train, read, write; returns the exit status: that of the verdict, or 3 if runs are missing.

    Raises:
        ConfigError: Words that cannot work; nothing was made.
    """
    plan = Plan(command)
    runs.check_all(plan.specs(plan.everything), folder)
    with commands.save(command, folder):
        return carry_out(plan, folder, console)


def carry_out(plan: Plan, folder: Path, console: Console) -> int:
    """Train what is not trained yet, and :func:`conclude`; returns the exit status."""
    command, started = plan.command, time.monotonic()
    console.print(f"results  {folder}", markup=False, soft_wrap=True)

    def remaining() -> float | None:
        return None if command.max_hours is None else command.max_hours * 3600 - (time.monotonic() - started)

    def make(keys: Sequence[Key]) -> list[RunResult]:
        specs = plan.specs(keys)
        return runs.run_all(specs, folder, parallel=command.parallel, max_seconds=remaining(), console=console)

    try:
        results = make(plan.reference)
        if isinstance(command.tokens, str):
            for variation in command.variations:
                reference = [key for key in plan.reference if key[2] == variation]
                steps = plan.steps(variation)
                plan.tokens[variation] = budgets.token_budget([plan.read(key, folder) for key in reference], steps)
        results += make([key for key in plan.everything if key not in plan.reference])
    except KeyboardInterrupt:
        console.print(
            f"interrupted; to go on: python -m ragen_tsr.compare resume={folder}", markup=False, soft_wrap=True
        )
        return INTERRUPTED
    status = conclude(plan, folder, console)
    if any(result.status != "finished" for result in results):
        console.print(f"to go on: python -m ragen_tsr.compare resume={folder}", markup=False, soft_wrap=True)
        return UNFINISHED
    return status


def conclude(plan: Plan, folder: Path, console: Console) -> int:
    """Write what the runs in a folder have come to, and say it; returns the verdict's exit status, 0 without one."""
    command = plan.command
    there = [run for run in (plan.read(key, folder) for key in plan.everything) if run.steps]
    found: list[page.AtBudget] = []
    verdicts: list[tuple[str, Verdict]] = []
    for kind in sorted(commands.BUDGETS, key=lambda kind: kind != command.budget):
        amounts = {
            variation.name: plan.steps(variation) if kind == budgets.STEPS else plan.tokens[variation]
            for variation in command.variations
        }
        held = {name: budgets.Budget(kind, amount) for name, amount in amounts.items() if amount is not None}
        outcome = Outcome(there, held, command.methods)
        if outcome.readings:
            found.append(page.AtBudget.of(outcome, kind, command.min_effect))
        if kind == command.budget:
            verdicts = _verdicts(command, outcome)
    missing = [name(key) for key in plan.everything if not runs.is_finished(folder / runs.RUNS_FOLDER / name(key))]
    notes = [sentence for sentence, _ in verdicts]
    if missing:
        notes.append(f"Not finished: {', '.join(missing)}. Figures are of the others, and of these as far as they are.")
    if found:
        title = f"{Path(command.env).stem}: {', '.join(command.methods)}; {command.seeds} seeds"
        page.write(folder, title=title, command=command.text, runs=there, found=found, notes=notes)
    _show(found, notes, console)
    if found:
        console.print(f"page     {folder / 'compare.html'}", markup=False, soft_wrap=True)
    return int(worst([one.status for _, one in verdicts]))


def _verdicts(command: Command, outcome: Outcome) -> list[tuple[str, Verdict]]:
    """What ``--fail-if-worse A:B`` finds under each variation that both have runs of."""
    if command.fail_if_worse is None:
        return []
    a, b = command.fail_if_worse
    found = []
    for variation in command.variations:
        judged = outcome.difference(a, b, variation.name, command.judge, command.min_effect)
        if judged is not None:
            where = ", ".join(filter(None, [variation.name, outcome.budgets[variation.name].text])) + ": "
            found.append((where + judged.sentence(a, b, command.judge), judged))
    return found


def _show(found: Sequence[page.AtBudget], notes: Sequence[str], console: Console) -> None:
    """The tables of the results on the screen."""
    wide = Console(file=console.file, width=max(console.width, 160), highlight=False)
    for one in found:
        results = tables.results(one.rows)
        shown = Table(title=f"at {one.caption}")
        for column in results.columns:
            shown.add_column(column, justify="left" if column in tables.WORDS else "right", no_wrap=True)
        for row in results.itertuples(index=False):
            shown.add_row(*map(str, row))
        wide.print(shown)
        for sentence in one.sentences:
            wide.print(sentence, markup=False, soft_wrap=True)
    for note in notes:
        wide.print(note, markup=False, soft_wrap=True)


Key = tuple[str, int, Variation]
"""Method, seed, variation."""


class Plan:
    """The runs of a comparison."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._configs: dict[Variation, DictConfig] = {}
        fixed = command.tokens if isinstance(command.tokens, int) else None
        self.tokens: dict[Variation, int | None] = dict.fromkeys(command.variations, fixed)
        """The token budget of each variation, None while it is not known."""

    @property
    def everything(self) -> list[Key]:
        """All runs: seed after seed, so that a comparison that is stopped has whole seeds."""
        command = self.command
        return [
            (method, seed, variation)
            for seed in range(command.seeds)
            for variation in command.variations
            for method in command.methods
        ]

    @property
    def reference(self) -> list[Key]:
        """Those that say how many tokens the budget has; none where the command does."""
        return [key for key in self.everything if key[0] == self.command.tokens]

    def config(self, variation: Variation) -> DictConfig:
        """The configuration that the runs of a variation have in common, unchecked but for what is read of it here.

        Raises:
            ConfigError: Words or values that cannot work.
        """
        if variation not in self._configs:
            config = compose(parse(self.command.words(self.command.methods[0], 0, variation)))
            for key in ("trainer.total_training_steps", "seed.train"):
                value = OmegaConf.select(config, key)
                if type(value) is not int or value < 0:
                    raise ConfigError(f"{key}={value!r}: must be an integer >= 0")
            self._configs[variation] = config
        return self._configs[variation]

    def steps(self, variation: Variation) -> int:
        """The budget of steps."""
        return self.config(variation).trainer.total_training_steps

    def specs(self, keys: Sequence[Key]) -> list[RunSpec]:
        """What :func:`ragen_tsr.compare.runs.run_all` is to make."""
        return [RunSpec(name(key), self.words(key)) for key in keys]

    def words(self, key: Key) -> tuple[str, ...]:
        """The words of one run: defaults of a comparison, then what the command says, then what the budgets need."""
        method, seed, variation = key
        env, _, *rest = self.command.words(method, seed, variation)
        every = max(1, -(-self.steps(variation) // VALIDATIONS))
        defaults = [f"es_manager.val.env_groups={PROMPTS}", f"trainer.test_freq={every}", f"trainer.save_freq={every}"]
        last = [f"seed.train={self.config(variation).seed.train + SEED_DISTANCE * seed}"]
        tokens = self.tokens[variation]
        if tokens is not None and method != self.command.tokens:
            last.append(f"trainer.total_training_tokens={tokens}")
        return (env, method, *defaults, *rest, *last)

    def read(self, key: Key, folder: Path) -> TrainedRun:
        """What there is of a run."""
        method, seed, variation = key
        return TrainedRun.read(folder / runs.RUNS_FOLDER / name(key), method, seed, variation.name)


def name(key: Key) -> str:
    """A run's folder: ``beam-seed0``, and the varied words after it."""
    method, seed, variation = key
    return re.sub(r"[^\w.+-]+", "-", "-".join(filter(None, [f"{method}-seed{seed}", variation.name])))
