"""What the methods collect with the same policy on the same starts; nothing is trained.

Decides what is played and what is shown: committed success and return with intervals over starts, gains paired by
start, the ledger and its ratios to plain sampling. Each method is a file as soon as it is over, and is read from it
when the comparison is started again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from ragen_tsr import config as configuration
from ragen_tsr.compare.command import RANDOM, Command, Variation, save
from ragen_tsr.compare.played import Played, play
from ragen_tsr.compare.verdict import Verdict, verdict, worst
from ragen_tsr.config import ConfigError
from ragen_tsr.files import write_whole
from ragen_tsr.quiet import quiet_libraries
from ragen_tsr.run_folder import LOG_FILE
from ragen_tsr.statistics import Interval, bootstrap

DEFAULTS = ("scale=cpu", "model=tiny", "seed.train=900000", "search.rerolls=8")
"""Starts that no run trains on nor validates with; overrides come after these."""
FIGURES = ("success", "return", "success again", "return again")
LEDGER = ("generated_tokens", "prompt_tokens", "generation_calls", "env_steps", "nodes_expanded", "merged", "pruned")
WORDS = ("variation", "method")
"""Columns that hold no numbers."""
RATIOS = {"tokens": "generated_tokens", "steps": "env_steps"}
"""Costs that the screen shows as multiples of the reference's, and where in the ledger they stand."""


@dataclass(frozen=True)
class Job:
    """One rollout, and the file it is in once it is over."""

    variation: Variation
    method: str
    seed: int
    file: Path

    @property
    def label(self) -> str:
        """For a person."""
        return " ".join(filter(None, [self.method, self.variation.name, f"seed {self.seed}"]))

    def of(self, variation: Variation, method: str) -> bool:
        """Whether it belongs to that row of the table."""
        return (self.variation, self.method) == (variation, method)


@dataclass(frozen=True)
class Row:
    """One method under one variation, all seeds together."""

    variation: str
    method: str
    played: Sequence[Played]
    """One for each seed."""

    def values(self, figure: str) -> np.ndarray | None:
        """(starts, seeds, slots); None where it was not measured."""
        name, _, again = figure.partition(" ")
        field = {"success": "success", "return": "return_"}[name] if not again else f"{name}_again"
        arrays = [getattr(one, field) for one in self.played]
        return None if any(array is None for array in arrays) else np.stack(arrays, axis=1)

    def cost(self, key: str) -> float:
        """A number of the ledger, summed over seeds."""
        return sum(one.metrics[f"search/{key}"] for one in self.played)

    def mean(self, key: str) -> float:
        """Another metric, averaged over seeds."""
        return float(np.mean([one.metrics[f"search/{key}"] for one in self.played]))

    @property
    def seconds(self) -> float:
        """Wall time of the rollouts."""
        return sum(one.seconds for one in self.played)


def main(command: Command, folder: Path, console: Console) -> int:
    """Play what is not on disk yet, show and write the outcome; returns the exit status.

    Raises:
        ConfigError: Words that cannot work; nothing was made.
    """
    jobs = [
        Job(variation, method, seed, folder / "rollouts" / f"{number}-{method}-{seed}.json")
        for number, variation in enumerate(command.variations)
        for method in command.methods
        for seed in range(command.seeds)
    ]
    configs = {job: compose(command, job) for job in jobs if not job.file.is_file()}  # all refusals come first
    with save(command, folder):
        return carry_out(command, folder, jobs, configs, console)


def carry_out(
    command: Command, folder: Path, jobs: Sequence[Job], configs: Mapping[Job, DictConfig], console: Console
) -> int:
    """Play the jobs that have a configuration, then :func:`conclude`; returns the exit status."""
    import torch

    torch.set_num_threads(1)  # a second one gains a tiny model nothing, and waits dearly on a busy machine
    with quiet_libraries(folder / LOG_FILE, console):
        # random acts as often as none did
        for job in sorted(configs, key=lambda job: (command.variations.index(job.variation), job.method == RANDOM)):
            actions = None
            if job.method == RANDOM:
                plain = next(one for one in jobs if one.of(job.variation, "none") and one.seed == job.seed)
                actions = Played.load(plain.file).actions
            played = play(configs[job], actions)
            played.save(job.file)
            console.print(
                f"{job.label}: success {played.success.mean():.3f} in {played.seconds:.0f} s",
                markup=False,
                soft_wrap=True,
            )
    rows = [
        Row(variation.name, method, [Played.load(job.file) for job in jobs if job.of(variation, method)])
        for variation in command.variations
        for method in command.methods
    ]
    return conclude(command, folder, rows, console)


def compose(command: Command, job: Job) -> DictConfig:
    """The checked configuration of one rollout.

    Raises:
        ConfigError: It cannot work; says of which method.
    """
    from ragen_tsr.config_checks import check
    from ragen_tsr.models.tasks import task_of

    env, name, *words = command.words("none" if job.method == RANDOM else job.method, job.seed, job.variation)
    sizes = [f"es_manager.train.env_groups={command.starts}", f"es_manager.train.group_size={command.group_size}"]
    try:
        config = configuration.compose(
            configuration.parse([env, name, *DEFAULTS, *words, *sizes, "search.record_groups=null"])
        )
        check(config, training=False)
        if job.method == RANDOM:
            task_of(config)  # raises where there is none
    except ValueError as error:
        raise ConfigError(f"{job.label}: {error}") from error
    return config


def conclude(command: Command, folder: Path, rows: Sequence[Row], console: Console) -> int:
    """Show the table and the gains, write ``compare.json``, ``.csv`` and ``.md``; returns the exit status."""
    title = (
        f"{Path(command.env).stem}: {command.starts} starts x {command.group_size} committed trajectories"
        f"{f' x {command.seeds} seeds' if command.seeds > 1 else ''}, no training"
    )
    tables = [table(rows), costs(rows)]
    wide = Console(file=console.file, width=max(console.width, 180), highlight=False)
    for (header, cells), name in zip(tables, (title, "What it cost"), strict=True):
        shown = Table(title=name)
        for column in header:
            shown.add_column(column, justify="left" if column in WORDS else "right", no_wrap=True)
        for row in cells:
            shown.add_row(*row)
        wide.print(shown)
    lines = gains(rows)
    verdicts = judge(command, rows)
    lines += [sentence for sentence, _ in verdicts]
    status = worst([one.status for _, one in verdicts])
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    records = [record(row, reference(rows, row)) for row in rows]
    outcome = {
        "command": command.text,
        "verdicts": [
            {"sentence": sentence, "difference": vars(one.difference), "status": int(one.status)}
            for sentence, one in verdicts
        ],
        "status": int(status),
        "rows": records,
    }
    write_whole(folder / "compare.json", json.dumps(outcome, indent=1))
    write_whole(folder / "compare.csv", _csv(records))
    write_whole(folder / "compare.md", _markdown(f"{title}\n\n    {command.text}", tables, lines))
    console.print(f"results  {folder}", markup=False, soft_wrap=True)
    return int(status)


def judge(command: Command, rows: Sequence[Row]) -> list[tuple[str, Verdict]]:
    """Under each variation: what ``--fail-if-worse A:B`` finds, as a sentence and as a verdict."""
    if command.fail_if_worse is None:
        return []
    found = []
    by_name = {(row.variation, row.method): row for row in rows}
    for variation in command.variations:
        pair = [by_name[variation.name, method].values(command.judge) for method in command.fail_if_worse]
        assert pair[0] is not None
        assert pair[1] is not None
        one = verdict(pair[0], pair[1], command.min_effect)
        where = f"{variation.name}: " if variation.name else ""
        found.append((where + one.sentence(*command.fail_if_worse, command.judge), one))
    return found


def reference(rows: Sequence[Row], row: Row) -> Row:
    """What a row's costs and gains are counted from: ``none`` under the same variation, or else the first method."""
    same = [other for other in rows if other.variation == row.variation]
    return next((other for other in same if other.method == "none"), same[0])


def gain(row: Row, base: Row, figure: str) -> Interval | None:
    """Paired difference of a figure to the reference; None for the reference itself, and for what was not measured."""
    mine, others = row.values(figure), base.values(figure)
    return None if row is base or mine is None or others is None else bootstrap(mine - others)


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and cells for a person: figures that equal an earlier one in every episode are left out."""
    figures = _distinct(rows)
    varied = any(row.variation for row in rows)
    bases = [reference(rows, row) for row in rows]
    header = [
        *(["variation"] if varied else []),
        "method",
        *figures,
        *(f"{figure} - {bases[0].method}" for figure in figures[:1]),
        "valid turns",
        "actions/turn",
        *(f"{name} x {bases[0].method}" for name in (*RATIOS, "seconds")),
    ]
    cells = []
    for row, base in zip(rows, bases, strict=True):
        gained = [gain(row, base, figure) for figure in figures[:1]]
        ratios = [f"{row.cost(key) / base.cost(key):.2f}" for key in RATIOS.values()]
        cells.append(
            [
                *([row.variation] if varied else []),
                row.method,
                *(_text(row.values(figure)) for figure in figures),
                *("" if one is None else one.text(sign=True) for one in gained),
                f"{row.mean('valid_rate/committed'):.3f}",
                f"{row.mean('actions_per_turn/committed'):.2f}",
                *ratios,
                "-" if row.method == RANDOM else f"{row.seconds / base.seconds:.2f}",
            ]
        )
    return header, cells


def costs(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the ledger, summed over seeds."""
    varied = any(row.variation for row in rows)
    header = [*(["variation"] if varied else []), "method", *(key.replace("_", " ") for key in LEDGER), "seconds"]
    return header, [
        [
            *([row.variation] if varied else []),
            row.method,
            *(f"{row.cost(key):,.0f}" for key in LEDGER),
            f"{row.seconds:.0f}",
        ]
        for row in rows
    ]


def gains(rows: Sequence[Row]) -> list[str]:
    """One line for each further figure of each method beside its reference."""
    lines = []
    for row in rows:
        base = reference(rows, row)
        for figure in _distinct(rows)[1:]:
            if (one := gain(row, base, figure)) is not None:
                where = f"{row.variation}: " if row.variation else ""
                lines.append(f"{where}{row.method} - {base.method}, {figure}: {one.text(sign=True)}")
    if missing := [figure for figure in FIGURES if figure not in _distinct(rows)]:
        lines.append(f"{', '.join(missing)}: not measured, or the same as a figure of the table")
    return lines


def record(row: Row, base: Row) -> dict[str, Any]:
    """A row with all its numbers, flat: what ``compare.csv`` and ``compare.json`` hold."""
    numbers: dict[str, Any] = {"variation": row.variation, "method": row.method, "seconds": row.seconds}
    for figure in FIGURES:
        values = row.values(figure)
        name = figure.replace(" ", "_")
        for key, one in (
            (name, None if values is None else bootstrap(values)),
            (f"{name}_gain", gain(row, base, figure)),
        ):
            for part in ("estimate", "low", "high"):
                numbers[key if part == "estimate" else f"{key}_{part}"] = None if one is None else getattr(one, part)
    for key in LEDGER:
        numbers[key] = row.cost(key)
    numbers["tokens_ratio"] = row.cost("generated_tokens") / base.cost("generated_tokens")
    numbers["seconds_ratio"] = None if row.method == RANDOM else row.seconds / base.seconds
    for key in ("return/sampled", "success/sampled", "valid_rate/committed", "actions_per_turn/committed"):
        numbers[key.replace("/", "_")] = row.mean(key)
    return numbers


def _distinct(rows: Sequence[Row]) -> list[str]:
    """The figures to show: one that equals an earlier one in every episode says nothing new."""
    shown: list[str] = []
    for figure in FIGURES:
        if any(row.values(figure) is None for row in rows):
            continue
        if not any(all(np.array_equal(row.values(figure), row.values(other)) for row in rows) for other in shown):
            shown.append(figure)
    return shown


def _text(values: np.ndarray | None) -> str:
    return "" if values is None else bootstrap(values).text()


def _csv(records: Sequence[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def _markdown(title: str, tables: Sequence[tuple[list[str], list[list[str]]]], lines: Sequence[str]) -> str:
    bodies = []
    for header, cells in tables:
        listed = [header, ["---" if name in WORDS else "---:" for name in header], *cells]
        bodies.append("\n".join(f"| {' | '.join(row)} |" for row in listed))
    return f"# {title}\n\n" + "\n\n".join(bodies) + "\n\n" + "".join(f"- {line}\n" for line in lines)
