"""The command line: what is printed, what is run, where it goes.

One folder holds the runs of all tables at a scale, so that tables share the runs that they have in common, and a
command that was stopped goes on. Which runs there are is :mod:`.grid`'s business, how they are made
:mod:`ragen_tsr.compare.runs`', how evaluations are :mod:`ragen_tsr.eval`'s.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table as ScreenTable

from ragen_tsr.compare.runs import RunSpec, run_all
from ragen_tsr.compare.training import INTERRUPTED, UNFINISHED
from ragen_tsr.config import CONFIG_DIR, ConfigError, compose, parse
from ragen_tsr.experiments import pages, paper, pictures
from ragen_tsr.experiments.cost import CPU_RATES, SEARCHED, Cost, Rate, Work, cost, from_paper, measured, work_of
from ragen_tsr.experiments.grid import (
    SCALES,
    TABLES,
    Evaluated,
    Table,
    Training,
    seed_words,
    shell_lines,
)
from ragen_tsr.experiments.results import (
    EVALUATION_FILE,
    EVALUATIONS_FOLDER,
    evaluation_folder,
    results,
    run_folder,
    run_name,
)
from ragen_tsr.report.page import CONFIG_FILE
from ragen_tsr.trainer.steps import METRICS_FILE

OK, REFUSED = 0, 2
MEASURE_FOLDER, MEASURED_STEPS = "measured", 3
"""Below the folder of the runs; steps of a run that is only made to be timed."""
OF_EVALUATIONS = ("engine", "evaluation.")
"""Overrides that begin so are for ``eval.sh``, the others for ``train.sh``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table's runs, cost and results; with ``--run`` make the runs before. Returns the exit status."""
    console = Console(file=sys.stdout, highlight=False)
    try:
        command = read(sys.argv[1:] if arguments is None else arguments)
        if command.measure:
            command = replace(command, rates={**command.rates, **measure(Plan(command), console)})
        plan = Plan(command)
        plan.show(console)
        finished = not command.run or make(command, plan, console)
    except ConfigError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    except KeyboardInterrupt:
        console.print("interrupted; the same command goes on where it stopped")
        return INTERRUPTED
    conclude(command, console)
    if not finished:
        console.print("not all runs are finished; the same command goes on where it stopped")
    return OK if finished else UNFINISHED


@dataclass(frozen=True)
class Command:
    """What was asked for."""

    table: Table
    """At the scale."""
    scale: str
    seeds: int
    folder: Path
    run: bool
    parallel: int
    max_hours: float | None
    measure: bool
    rates: dict[tuple[str, str], Rate]
    """By task and ``model_path``: of runs that were named, or made for this."""
    tokens_per_second: float | None
    overrides: tuple[str, ...]


def parser() -> argparse.ArgumentParser:
    """All flags; what is not a flag is an override."""
    made = argparse.ArgumentParser(
        prog="python -m ragen_tsr.experiments",
        description="The runs behind a table or figure of the paper, what they cost, and what came of them beside what "
        "the paper reports. Nothing is run without --run.",
        epilog="Overrides are words of train.sh, for all runs, such as trainer.n_gpus_per_node=1; engine. and "
        "evaluation. keys are for evaluations. Exit status: 0; 2: refused; 3: runs are missing.",
        allow_abbrev=False,
    )
    made.add_argument("table", metavar="TABLE", help=", ".join(TABLES))
    made.add_argument("--scale", choices=SCALES, default="paper", help="cpu: the same grid, small (paper)")
    made.add_argument("--seeds", metavar="N", type=int, default=paper.SEEDS, help=f"of each setting ({paper.SEEDS})")
    made.add_argument("--run", action="store_true", help="make the runs that are not there yet")
    made.add_argument("--folder", metavar="PATH", type=Path, help="of all runs (outputs/experiments-SCALE)")
    made.add_argument("--parallel", metavar="N", type=int, default=1, help="runs at a time (1)")
    made.add_argument("--max-hours", metavar="H", type=float, help="start no run later than this")
    made.add_argument(
        "--measured",
        metavar="RUN",
        type=Path,
        action="append",
        default=[],
        help="estimate from the rate of this run folder, for its task and model; repeatable",
    )
    made.add_argument(
        "--measure",
        action="store_true",
        help=f"train the dearest run of each task and model for {MEASURED_STEPS} steps and estimate from their rates",
    )
    made.add_argument(
        "--tokens-per-second",
        metavar="X",
        type=float,
        help="estimate from this rate of generation, all devices together",
    )
    return made


def read(arguments: Sequence[str]) -> Command:
    """Take the command line apart.

    Raises:
        ConfigError: A word or a value cannot work.
    """
    parsed, rest = parser().parse_known_args(list(arguments))
    if parsed.table not in TABLES:
        raise ConfigError(f"{parsed.table}: must be one of {', '.join(TABLES)}")
    for word in rest:
        if word.startswith("-") or "=" not in word:
            raise ConfigError(f"{word}: no flag, and no override of the form key=value")
        if (key := word.partition("=")[0]) in (
            "scale",
            "model",
            "model_path",
            "search",
            "env",
            "run_seed",
            "seed.train",
        ):
            raise ConfigError(f"{word}: {key} follows from the table, --scale and --seeds; it cannot be given")
    for flag, value, least in (("seeds", parsed.seeds, 1), ("parallel", parsed.parallel, 1)):
        if value < least:
            raise ConfigError(f"--{flag} {value}: must be at least {least}")
    for flag, value in (("max-hours", parsed.max_hours), ("tokens-per-second", parsed.tokens_per_second)):
        if value is not None and not value > 0:
            raise ConfigError(f"--{flag} {value}: must be above 0")
    return Command(
        table=TABLES[parsed.table].at(parsed.scale),
        scale=parsed.scale,
        seeds=parsed.seeds,
        folder=parsed.folder or Path("outputs") / f"experiments-{parsed.scale}",
        run=parsed.run,
        parallel=parsed.parallel,
        max_hours=parsed.max_hours,
        measure=parsed.measure,
        rates=dict(_rate_of(run) for run in parsed.measured),
        tokens_per_second=parsed.tokens_per_second,
        overrides=tuple(rest),
    )


class Plan:
    """The runs of a table and what each costs.

    Raises:
        ConfigError: An override cannot work.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self._works: dict[tuple[str, str, tuple[int, int] | None], Work] = {}
        self.first_starts: dict[str, int] = {}
        self.costs = {training: self._cost(training) for training in command.table.trainings}

    def words(self, training: Training) -> tuple[str, ...]:
        """What ``train.sh`` is called with, but for the seed."""
        own = [word for word in self.command.overrides if not word.startswith(OF_EVALUATIONS)]
        return training.words(self.command.scale, own)

    def evaluation_words(self, evaluated: Evaluated) -> tuple[str, ...]:
        """What ``eval.sh`` is called with."""
        own = [word for word in self.command.overrides if word.startswith(OF_EVALUATIONS)]
        return (*evaluated.words, f"scale={self.command.scale}", *own)

    def specs(self) -> list[RunSpec]:
        """All runs, seed after seed, so that a command that is stopped has whole seeds."""
        return [
            RunSpec(run_name(one, seed), (*self.words(one), *seed_words(seed, self.first_starts[one.env])))
            for seed in range(self.command.seeds)
            for one in self.costs
        ]

    def show(self, console: Console) -> None:
        """Print runs, cost and the commands."""
        command, table = self.command, self.command.table
        seeds = command.seeds
        drawn = ScreenTable(title=f"{table.name}: {table.title} (scale {command.scale}, {seeds} seed(s))")
        for number, cell in enumerate(("run", "steps", "turns a step, at most", "paper, h", "estimate, h")):
            drawn.add_column(cell, justify="right" if number else "left", no_wrap=not number)
        for training, one in self.costs.items():
            work = self.work(training)
            hours = "–" if one.paper is None else f"{'~' * one.interpolated}{one.paper:.2f}"
            estimate = "–" if one.estimate is None else f"{one.estimate:.2f}"
            drawn.add_row(training.name, str(work.steps), f"{work.responses:,}", hours, estimate)
        if self.costs:
            console.print(drawn)
        for line in self.totals():
            console.print(line, markup=False, soft_wrap=True)
        for training in self.costs:
            line = shell_lines(self.words(training), seeds, self.first_starts[training.env])
            console.print(line, markup=False, soft_wrap=True)
        for evaluated in table.evaluations:
            needs = f"    # needs {evaluated.needs}" if evaluated.needs else ""
            line = f"bash eval.sh {shlex.join(self.evaluation_words(evaluated))}{needs}"
            console.print(line, markup=False, soft_wrap=True)

    def totals(self) -> list[str]:
        """What all seeds together cost, in hours of devices."""
        costs, seeds = list(self.costs.values()), self.command.seeds
        lines = []
        if costs and all(one.paper is not None for one in costs):
            hours = seeds * sum(one.paper or 0.0 for one in costs)
            also = (
                ", where its tables have none by the turns sampled (~)"
                if any(one.interpolated for one in costs)
                else ""
            )
            lines.append(
                f"by the paper's wall times{also}: {seeds} x {hours / seeds:.1f} h on {paper.GPUS} A100 = "
                f"{hours * paper.GPUS:,.0f} GPU hours"
            )
        if costs and all(one.estimate is not None for one in costs):
            hours = seeds * sum(one.estimate or 0.0 for one in costs)
            devices = costs[0].devices
            total = f"{hours * devices:,.1f} GPU hours" if self.command.scale == "paper" else f"{hours:,.1f} h"
            lines.append(f"by measured rates: {seeds} x {hours / seeds:.2f} h on {devices} device(s) = {total}")
        rates = [one.rate for one in costs if one.rate is not None]
        told = [f"  {rate.tokens_per_second:,.0f} generated tokens a second: {rate.source}" for rate in rates]
        lines += dict.fromkeys(told)
        if self.command.tokens_per_second is not None:
            lines.append("rates that were given count generation only: updates and validations come on top")
        return lines

    def _cost(self, training: Training) -> Cost:
        plain, beam = (Training(training.env, training.model, method) for method in ("none", "beam"))
        work = self.work(training)
        return cost(training, work, self.work(plain), self.work(beam), self._rate(training))

    def work(self, training: Training) -> Work:
        """What a setting has to do; the model changes nothing of it."""
        key = (training.env, training.method, training.budget)
        if key not in self._works:
            config = compose(parse(self.words(training)))
            self._works[key] = work_of(config)
            self.first_starts[training.env] = config.seed.train
        return self._works[key]

    def _rate(self, training: Training) -> Rate | None:
        """The best that is known: this setting's own run, a run that was named, a number that was given, a default."""
        command = self.command
        for seed in range(command.seeds):
            folder = run_folder(command.folder, training, seed)
            if (folder / METRICS_FILE).is_file():
                try:
                    return measured(folder)
                except ValueError:  # no step yet
                    continue
        model = str(OmegaConf.load(CONFIG_DIR / "model" / f"{training.model}.yaml").model_path)
        if (training.env, model) in command.rates:
            return command.rates[training.env, model]
        default = CPU_RATES.get((training.env, training.method in SEARCHED)) if command.scale == "cpu" else None
        if command.tokens_per_second is not None:
            if default is not None:
                return replace(default, tokens_per_second=command.tokens_per_second, source="as given")
            return from_paper(training, self.work(training), command.tokens_per_second, "as given")
        return default


def measure(plan: Plan, console: Console) -> dict[tuple[str, str], Rate]:
    """Train the dearest setting of each task and model for a few steps; their rates by task and ``model_path``.

    Raises:
        ConfigError: Words that cannot work, or a run that failed.
    """
    dearest: dict[tuple[str, str], Training] = {}
    for training in sorted(plan.costs, key=lambda one: plan.work(one).responses):
        dearest[training.env, training.model] = training
    short = (f"trainer.total_training_steps={MEASURED_STEPS}", f"trainer.test_freq={MEASURED_STEPS}")
    specs = [
        RunSpec(one.name, (*plan.words(one), *short, "trainer.val_before_train=false", "trainer.save_freq=-1"))
        for one in dearest.values()
    ]
    made = run_all(specs, plan.command.folder / MEASURE_FOLDER, console=console)
    for one in made:
        if one.status != "finished":
            raise ConfigError(f"--measure: {one.spec.name} {one.status}; see {one.run_folder}")
    return dict(_rate_of(one.run_folder) for one in made)


def make(command: Command, plan: Plan, console: Console) -> bool:
    """Make all runs and evaluations that are not there yet; whether all are there now.

    Raises:
        ConfigError: Words that cannot work; nothing was trained.
    """
    started = time.monotonic()
    done = True
    if plan.costs:
        limit = None if command.max_hours is None else command.max_hours * 3600
        made = run_all(plan.specs(), command.folder, parallel=command.parallel, max_seconds=limit, console=console)
        done = all(one.status == "finished" for one in made)
    for evaluated in command.table.evaluations:
        if command.max_hours is not None and time.monotonic() - started > command.max_hours * 3600:
            return False
        done = evaluate(command, plan, evaluated, console) and done
    return done


def evaluate(command: Command, plan: Plan, evaluated: Evaluated, console: Console) -> bool:
    """Make an evaluation, or go on with it; whether it is there now."""
    found = evaluation_folder(command.folder, evaluated)
    if found is not None and (found / EVALUATION_FILE).is_file():
        console.print(f"{evaluated.name}: finished before", markup=False)
        return True
    outputs = command.folder / EVALUATIONS_FOLDER / evaluated.name
    words = (*plan.evaluation_words(evaluated), f"trainer.local_log_dir={outputs}")
    if found is not None:
        words = (f"resume={found}", *(word for word in plan.evaluation_words(evaluated) if word.startswith("engine.")))
    console.print(f"{evaluated.name}: {'goes on' if found else 'starts'}", markup=False)
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    process = subprocess.run(
        [sys.executable, "-m", "ragen_tsr.eval", *words], env={**os.environ, "PYTHONPATH": path}, check=False
    )
    if process.returncode != OK:
        needs = f"; it needs {evaluated.needs}" if evaluated.needs else ""
        console.print(f"{evaluated.name}: ended with exit status {process.returncode}{needs}", markup=False)
    return process.returncode == OK


def conclude(command: Command, console: Console) -> None:
    """Print what there is beside what the paper reports; write it where there is something."""
    table = command.table
    found = results(table, command.folder, command.seeds)
    about = [table.remark]
    if command.scale == "cpu":
        about.append("scale=cpu: the tiny policy, few steps; the paper's figures beside are of another policy.")
    caption = " ".join(filter(None, about))
    console.print(pages.screen(table, found, caption))
    for line in pages.order(found):
        console.print(line, markup=False, soft_wrap=True)
    if any(one.figures for one in found):
        written = pages.write(table, found, command.folder, caption)
        written += pictures.write(table, command.folder, command.seeds)
        for path in written:
            console.print(str(path), markup=False, soft_wrap=True)


def _rate_of(run: Path) -> tuple[tuple[str, str], Rate]:
    """Task and ``model_path`` of a run, and its rate."""
    if not (run / METRICS_FILE).is_file() or not (run / CONFIG_FILE).is_file():
        raise ConfigError(f"--measured {run}: must be a run folder, with {METRICS_FILE} and {CONFIG_FILE}")
    config = OmegaConf.load(run / CONFIG_FILE)
    types = {config.custom_envs[tag].env_type for tag in config.es_manager.train.env_configs.tags}
    if len(types) != 1:
        raise ConfigError(f"--measured {run}: must be of one task, not of {', '.join(sorted(types))}")
    try:
        return (types.pop(), str(config.model_path)), measured(run)
    except ValueError as error:
        raise ConfigError(f"--measured {run}: {error}") from error
