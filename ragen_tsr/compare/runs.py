"""Trains a list of runs, each in a folder of its own, so that it can be killed at any moment and started again.

Decides in which order runs are made, how many at once, when time is up, and what counts as finished. A run is always
started as one that is resumed: its folder and configuration are made first, for all runs, so that words that cannot
work are refused before anything is trained. Which runs there are, and what is read from them, is the callers' business.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.report import metrics as figures
from ragen_tsr.report.page import CONFIG_FILE
from ragen_tsr.report.summary import SUMMARY_FILE
from ragen_tsr.run_folder import RunFolder
from ragen_tsr.trainer.steps import METRICS_FILE

RUNS_FOLDER = "runs"
SCREEN_FILE = "screen.log"
MAY_CHANGE = ("trainer.total_training_steps", "trainer.total_training_tokens", "trainer.test_freq", "trainer.save_freq")
"""A run that was trained with other values of these goes on with the new ones."""
POLL_SECONDS = 1.0
TRAIN = (sys.executable, "-m", "ragen_tsr.train")
REFUSED = 2
"""Its exit status where it trains nothing."""
ATTEMPTS = 2
"""Starts of a run that fails before its first step: on a machine that is too busy, Ray gives up after half a minute."""
GRACE_SECONDS = 60.0
"""What an interrupted run has for its summary and report."""

Status = Literal["finished", "failed", "interrupted", "not started"]


@dataclass(frozen=True)
class RunSpec:
    """A run to make."""

    name: str
    """Its folder's name."""
    words: tuple[str, ...]
    """As for ``train.sh``: ENV METHOD and overrides."""


@dataclass(frozen=True)
class RunResult:
    """What came of a run."""

    spec: RunSpec
    run_folder: Path
    status: Status


def run_all(
    specs: Sequence[RunSpec],
    folder: Path,
    *,
    parallel: int = 1,
    max_seconds: float | None = None,
    console: Console,
) -> list[RunResult]:
    """Train each run in ``folder/runs/<name>/``; those that are finished already are left as they are.

    A run that was cut short goes on from its newest checkpoint. One that fails does not stop the others; at once if it
    failed before its first step, else when the command is started again, it is tried again. Ctrl-C and SIGTERM
    interrupt the runs under way, which write their summaries, and are raised as KeyboardInterrupt.

    Args:
        specs: Names must differ. A run that was made with other words (but for :data:`MAY_CHANGE`) is refused.
        folder: Made if it is missing.
        parallel: Runs at a time, each a process with workers of its own.
        max_seconds: After so many seconds runs under way are interrupted and no other is started; None: no limit.
        console: Told of runs that start and end, and on a terminal of the steps between.

    Returns:
        One result for each of ``specs``, in their order.

    Raises:
        ConfigError: Words that cannot work; nothing was trained.
    """
    deadline = None if max_seconds is None else time.monotonic() + max_seconds
    folders = prepare(specs, folder)
    queue = Queue(specs, folders, parallel, deadline, console)
    with _interruptible():
        return queue.run()


def prepare(specs: Sequence[RunSpec], folder: Path) -> list[Path]:
    """Check the words of all runs, make their folders and write their configurations; returns the folders.

    Raises:
        ConfigError: As :func:`run_all`.
    """
    configs = check_all(specs, folder)
    paths = [folder / RUNS_FOLDER / spec.name for spec in specs]
    return [RunFolder.make(path, config).path for path, config in zip(paths, configs, strict=True)]


def check_all(specs: Sequence[RunSpec], folder: Path) -> list[DictConfig]:
    """The configurations of all runs; makes nothing.

    Raises:
        ConfigError: As :func:`run_all`.
    """
    names = [spec.name for spec in specs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"runs are named alike: {', '.join(repeated)}")
    configs = []
    for spec in specs:
        try:
            config = copy.deepcopy(_checked(spec.words))
        except ConfigError as error:
            raise ConfigError(f"{spec.name}: {error}") from error
        path = folder / RUNS_FOLDER / spec.name
        if (path / CONFIG_FILE).is_file() and (difference := _difference(OmegaConf.load(path / CONFIG_FILE), config)):
            raise ConfigError(f"{path} was made with other settings: {difference}; choose another folder")
        configs.append(config)
    return configs


@functools.cache
def _checked(words: tuple[str, ...]) -> DictConfig:
    """The configuration of a run; composing and checking take a second."""
    from ragen_tsr.config_checks import check, check_machine

    config = compose(parse(words))
    check(config)
    check_machine(config)
    return config


def is_finished(run_folder: Path) -> bool:
    """Whether a run has ended, and has the steps and the tokens that its configuration asks for."""
    try:
        summary = json.loads((run_folder / SUMMARY_FILE).read_text(encoding="utf-8"))
        steps = figures.load(run_folder / METRICS_FILE)
    except FileNotFoundError:
        return False
    config = OmegaConf.load(run_folder / CONFIG_FILE)
    wanted = OmegaConf.select(config, "trainer.total_training_tokens")
    generated = sum(figures.GENERATED_TOKENS.of(step) or 0 for step in steps)
    return (
        summary["status"] == "finished"
        and bool(steps)
        and (steps[-1]["step"] or 0) >= OmegaConf.select(config, "trainer.total_training_steps")
        and (wanted is None or generated >= wanted)
    )


class Queue:
    """The runs that wait and those under way. Use :func:`run_all`."""

    def __init__(
        self,
        specs: Sequence[RunSpec],
        folders: Sequence[Path],
        parallel: int,
        deadline: float | None,
        console: Console,
    ) -> None:
        self.specs, self.folders = specs, folders
        self.parallel, self.deadline, self.console = parallel, deadline, console
        self.status: list[Status] = ["not started"] * len(specs)
        self.processes: dict[int, subprocess.Popen] = {}
        self.started: dict[int, float] = {}
        self.waiting = list(range(len(specs)))
        self.taken: set[int] = set()
        self.attempts = [0] * len(specs)
        self.logged = [0] * len(specs)
        self.bars: dict[int, TaskID] = {}

    def run(self) -> list[RunResult]:
        """Make all runs; see :func:`run_all`."""
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True) as progress:
            try:
                while self.waiting or self.processes:
                    if self.deadline is not None and time.monotonic() >= self.deadline:
                        self.waiting.clear()
                        self._interrupt()
                    while self._has_place() and not self._is_taken(self.waiting[0]):
                        number = self.waiting.pop(0)
                        if not self._read_back(number):
                            self._start(number, progress)
                    self._look(progress)
                    if self.waiting or self.processes:
                        time.sleep(POLL_SECONDS)
            except KeyboardInterrupt:
                self._interrupt()
                raise
        unfinished = [spec.name for spec, status in zip(self.specs, self.status, strict=True) if status != "finished"]
        if self.deadline is not None and time.monotonic() >= self.deadline and unfinished:
            self._say(f"time is up; not finished: {', '.join(unfinished)}")
        return [RunResult(*row) for row in zip(self.specs, self.folders, self.status, strict=True)]

    def _read_back(self, number: int) -> bool:
        if not is_finished(self.folders[number]):
            return False
        self.status[number] = "finished"
        self._say(f"{self.specs[number].name}: finished before")
        return True

    def _has_place(self) -> bool:
        return bool(self.waiting) and len(self.processes) < self.parallel

    def _is_taken(self, number: int) -> bool:
        """Whether a run is still trained by an earlier command that was killed alone."""
        try:
            with RunFolder(self.folders[number]).lock():
                return False
        except ConfigError:
            if number not in self.taken:
                self.taken.add(number)
                self._say(f"{self.specs[number].name}: an earlier command's process still trains it; waiting")
            return True

    def _start(self, number: int, progress: Progress) -> None:
        folder, spec = self.folders[number], self.specs[number]
        made = _steps(folder)
        self._say(f"{spec.name}: {f'goes on after step {made}' if made else 'starts'}")
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        with (folder / SCREEN_FILE).open("a", encoding="utf-8") as screen:
            self.processes[number] = subprocess.Popen(
                [*TRAIN, f"resume={folder}"],
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
                start_new_session=True,  # Ctrl-C reaches it through us, once
            )
        self.started[number] = time.monotonic()
        self.attempts[number] += 1
        self.logged[number] = _logged(folder)
        total = OmegaConf.load(folder / CONFIG_FILE).trainer.total_training_steps
        self.bars[number] = progress.add_task(spec.name, total=total, completed=made)

    def _look(self, progress: Progress) -> None:
        """See how far the runs under way are, and which have ended."""
        for number, process in list(self.processes.items()):
            if process.poll() is None:
                if self.console.is_terminal:
                    progress.update(self.bars[number], completed=_steps(self.folders[number]))
                continue
            progress.remove_task(self.bars.pop(number))
            self._ended(number)

    def _ended(self, number: int) -> None:
        process, folder, name = self.processes.pop(number), self.folders[number], self.specs[number].name
        seconds = time.monotonic() - self.started[number]
        if is_finished(folder):
            self.status[number] = "finished"
            success = figures.VAL_SUCCESS.series(figures.load(folder / METRICS_FILE))
            came = "".join(f", validation success {first:.3f} to {last:.3f}" for first, last in _ends(success))
            self._say(f"{name}: finished after step {_steps(folder)}{came}; {seconds:.0f} s")
            return
        if process.returncode == REFUSED and self._is_taken(number):  # by a process that had begun, but not locked it
            self.waiting.insert(0, number)
            return
        if self.logged[number] == _logged(folder) and self.attempts[number] < ATTEMPTS:
            self.waiting.insert(0, number)
            self._say(f"{name}: failed before its first step; once more")
            return
        self.status[number] = "failed"
        self._say(f"{name}: failed with exit status {process.returncode}; see {folder / SCREEN_FILE}")

    def _interrupt(self) -> None:
        """Let the runs under way write what they have, and end them."""
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        end = time.monotonic() + GRACE_SECONDS
        for number, process in self.processes.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()
            self.status[number] = "finished" if is_finished(self.folders[number]) else "interrupted"
            self._say(f"{self.specs[number].name}: {self.status[number]} after step {_steps(self.folders[number])}")
        self.processes.clear()
        self.bars.clear()

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does; both also where the shell that started us in the background ignores them.

    Children inherit a signal that is ignored, and could not be interrupted either.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _difference(saved: object, config: DictConfig) -> str:
    """The first setting that a run was made with otherwise, empty if there is none."""
    assert isinstance(saved, DictConfig)
    place = ("trainer.local_log_dir", "trainer.experiment_name")
    wanted = _flat(config)
    for key, value in _flat(saved).items():
        if key not in (*MAY_CHANGE, *place) and key in wanted and wanted[key] != value:
            return f"{key}={value}, not {wanted[key]}"
    return ""


def _flat(config: DictConfig) -> dict[str, object]:
    flat: dict[str, object] = {}

    def visit(node: object, prefix: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                visit(value, f"{prefix}.{key}" if prefix else str(key))
        else:
            flat[prefix] = node

    visit(OmegaConf.to_container(config, resolve=False), "")
    return flat


def _steps(folder: Path) -> int:
    """The last step that a run has logged."""
    path = folder / METRICS_FILE
    steps = figures.load(path) if path.is_file() else []
    return int(steps[-1]["step"] or 0) if steps else 0


def _logged(folder: Path) -> int:
    """Bytes of metrics: what changes as soon as a run gets somewhere."""
    path = folder / METRICS_FILE
    return path.stat().st_size if path.is_file() else 0


def _ends(series: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    return [(series[0][1], series[-1][1])] if len(series) > 1 else []
