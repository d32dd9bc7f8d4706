"""The command line of a comparison, taken apart and refused where it cannot work, before anything is loaded.

Decides what is compared: methods, seeds, variations, and the words of the configuration that each of them gets. How
it is played is :mod:`ragen_tsr.compare.rollouts`' and :mod:`ragen_tsr.compare.training`'s.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from ragen_tsr.config import METHOD_ALIASES, ConfigError, options, parse
from ragen_tsr.files import LOCK_FILE, FolderInUse, held, write_whole

COMMAND_FILE = "command.json"
OWN_FLAGS = {"run_seed": "seeds"}
ROLLOUT_FLAGS = {**OWN_FLAGS, "es_manager.train.env_groups": "starts", "es_manager.train.group_size": "group-size"}
"""Keys that a flag sets, so that no override can; the second in a comparison of rollouts."""
RANDOM = "random"
"""A method beside those of ``config/search/``: plain sampling by a policy of random legal actions. For rollouts."""
BUDGETS = ("steps", "tokens")
JUDGED = ("success", "return")
REPEATABLE = ("fail_if_worse", "min_effect", "judge", "max_hours", "parallel")
"""Settings that change nothing of what is played: they may differ when a comparison is gone on with."""
EXTENSIBLE = ("methods", "seeds", "budget", "tokens")
"""Of a trained comparison these may differ too: runs that are there already are kept, or go on."""


@dataclass(frozen=True)
class Variation:
    """One setting that all methods are compared under."""

    name: str
    """For tables: its words; empty where nothing is varied."""
    words: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A comparison, as it was asked for."""

    env: str
    """A file of ``config/env/``, or a Python file with a task of one's own."""
    methods: tuple[str, ...]
    rollouts_only: bool
    seeds: int
    """Run seeds 0, 1, ...: of training, or of the sampling noise."""
    starts: int
    """Rooms, maps or wishes that every method plays; rollouts only."""
    group_size: int
    """Committed trajectories of each start; rollouts only."""
    budget: str
    """What the verdict and the main table hold equal; trained comparisons only."""
    tokens: int | str
    """Generated tokens of the token budget, or the method whose runs say how many
    (:mod:`ragen_tsr.compare.budgets`).
    """
    vary: tuple[tuple[str, tuple[str, ...]], ...]
    """Keys and the values each takes in turn."""
    overrides: tuple[str, ...]
    """Hydra overrides of all methods; ``beam:search.M=8`` is one of beam's alone."""
    fail_if_worse: tuple[str, str] | None
    """A and B of the verdict about A minus B."""
    judge: str
    min_effect: float
    max_hours: float | None
    parallel: int

    @property
    def variations(self) -> list[Variation]:
        """Every combination of the varied values; a single one without words where nothing is varied."""
        keys = [key for key, _ in self.vary]
        combined = itertools.product(*(values for _, values in self.vary))
        words = [tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True)) for values in combined]
        return [Variation(" ".join(some), some) for some in words]

    def words(self, method: str, seed: int, variation: Variation) -> tuple[str, ...]:
        """What ``python -m ragen_tsr.train`` would be called with for one run: environment, method, overrides."""
        own = [
            override.removeprefix(f"{method}:") for override in self.overrides if _method_of(override) in (None, method)
        ]
        return (self.env, method, f"run_seed={seed}", *own, *variation.words)

    @property
    def text(self) -> str:
        """The command, to be typed again."""
        arguments = [self.env, "--methods", ",".join(self.methods), "--seeds", str(self.seeds)]
        if self.rollouts_only:
            arguments += ["--rollouts-only", "--starts", str(self.starts), "--group-size", str(self.group_size)]
        else:
            arguments += ["--budget", self.budget, "--tokens", str(self.tokens)]
        for key, values in self.vary:
            arguments += ["--vary", f"{key}={','.join(values)}"]
        return shlex.join(["python", "-m", "ragen_tsr.compare", *arguments, *self.overrides])


def parser() -> argparse.ArgumentParser:
    """All flags; what is not a flag is an override."""
    made = argparse.ArgumentParser(
        prog="python -m ragen_tsr.compare",
        description="Compare search methods: each is trained and evaluated, or (--rollouts-only) plays with one "
        "policy.",
        epilog="Overrides are words of train.sh, such as algo=grpo or actor_rollout_ref.actor.optim.lr=1e-4; "
        "beam:search.M=8 is one of beam's alone. resume=FOLDER instead of ENV goes on where an earlier comparison "
        "stopped. Exit status: 0; 1: --fail-if-worse A:B, and A is worse; 2: refused, or too few episodes to say.",
        allow_abbrev=False,
    )
    envs, methods = ", ".join(options("env")), ", ".join([*options("search"), RANDOM])
    made.add_argument("env", metavar="ENV", help=f"{envs}, or a Python file with a task; or resume=FOLDER")
    made.add_argument("--methods", metavar="A,B", default="none,best_of_n,lookahead,beam", help=f"among {methods}")
    made.add_argument("--seeds", metavar="N", type=int, help="seeds of each method (3; with --rollouts-only 1)")
    made.add_argument("--rollouts-only", action="store_true", help="no training: what do the methods collect?")
    made.add_argument("--starts", metavar="N", type=int, default=128, help="rooms, maps or wishes (rollouts only)")
    made.add_argument(
        "--group-size", metavar="L", type=int, default=4, help="committed trajectories of each start (rollouts only)"
    )
    made.add_argument("--budget", choices=BUDGETS, default="steps", help="what is held equal (trained only)")
    made.add_argument(
        "--tokens",
        metavar="N|METHOD",
        help="generated tokens of the token budget, or as many as METHOD generates in its steps (none); trained only",
    )
    made.add_argument(
        "--vary", metavar="KEY=A,B", action="append", default=[], help="compare under each of these values; repeatable"
    )
    made.add_argument("--fail-if-worse", metavar="A:B", help="exit 1 if A is worse than B")
    made.add_argument("--judge", choices=JUDGED, default="success", help="what --fail-if-worse looks at")
    made.add_argument(
        "--min-effect",
        metavar="X",
        type=float,
        default=0.1,
        help="exit 2 if the interval of A - B is wider than X to either side",
    )
    made.add_argument("--max-hours", metavar="H", type=float, help="stop after so many hours (trained only)")
    made.add_argument("--parallel", metavar="N", type=int, default=1, help="runs at a time (trained only)")
    made.add_argument("--folder", metavar="PATH", type=Path, help="where to write; goes on if it holds this comparison")
    return made


def read(arguments: Sequence[str]) -> tuple[Command, Path]:
    """The comparison and its folder, which :func:`save` makes.

    Raises:
        ConfigError: A word cannot work.
    """
    parsed, rest = parser().parse_known_args(list(arguments))
    for word in rest:
        if word.startswith("-") or "=" not in word:
            raise ConfigError(f"{word}: no flag, and no override of the form key=value")
    if parsed.env.startswith("resume="):
        return _resumed(parsed, rest, arguments)
    command = _command(parsed, rest)
    folder = parsed.folder or _new_folder(command)
    if (folder / COMMAND_FILE).is_file():
        _same(command, load(folder), folder)
    elif folder.exists() and any(path.name != LOCK_FILE for path in folder.iterdir()):
        raise ConfigError(f"--folder {folder}: must be empty, or hold a comparison ({COMMAND_FILE})")
    return command, folder


def save(command: Command, folder: Path) -> FileLock:
    """Write the command into the folder of its comparison; keeps other processes out of it, as a context manager.

    Raises:
        ConfigError: Another process is at this comparison.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = held(folder)
    except FolderInUse as error:
        raise ConfigError(f"--folder {folder}: another process is at this comparison; wait for its end") from error
    write_whole(folder / COMMAND_FILE, json.dumps(dataclasses.asdict(command), indent=1))
    return lock


def load(folder: Path) -> Command:
    """The command of the comparison in a folder.

    Raises:
        ConfigError: There is none.
    """
    path = folder / COMMAND_FILE
    if not path.is_file():
        raise ConfigError(f"resume={folder}: must be the folder of a comparison, with a {COMMAND_FILE} in it")
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for key in ("methods", "overrides"):
        fields[key] = tuple(fields[key])
    fields["vary"] = tuple((key, tuple(values)) for key, values in fields["vary"])
    fields["fail_if_worse"] = fields["fail_if_worse"] and tuple(fields["fail_if_worse"])
    return Command(**fields)


def _command(parsed: argparse.Namespace, overrides: Sequence[str]) -> Command:
    methods = tuple(METHOD_ALIASES.get(word, word) for word in parsed.methods.split(","))
    allowed = [*options("search"), RANDOM]
    for method in methods:
        if method not in allowed:
            raise ConfigError(f"--methods {parsed.methods}: {method!r} must be one of {', '.join(allowed)}")
    if len(set(methods)) < len(methods):
        raise ConfigError(f"--methods {parsed.methods}: must name each method once")
    if RANDOM in methods and not parsed.rollouts_only:
        raise ConfigError(f"--methods {parsed.methods}: {RANDOM} is no policy that can be trained; use --rollouts-only")
    if RANDOM in methods and "none" not in methods:
        raise ConfigError(f"--methods {parsed.methods}: {RANDOM} acts as often as none does, which must be there")
    for override in overrides:
        if (owner := _method_of(override)) is not None and owner not in methods:
            raise ConfigError(f"{override}: {owner!r} must be one of --methods {parsed.methods}")
        key = override.removeprefix(f"{owner}:").partition("=")[0]
        if flag := (ROLLOUT_FLAGS if parsed.rollouts_only else OWN_FLAGS).get(key):
            raise ConfigError(f"{override}: use --{flag}")
    seeds = parsed.seeds if parsed.seeds is not None else (1 if parsed.rollouts_only else 3)
    for flag, value, least in (
        ("seeds", seeds, 1),
        ("starts", parsed.starts, 2),
        ("group-size", parsed.group_size, 1),
        ("parallel", parsed.parallel, 1),
    ):
        if value < least:
            raise ConfigError(f"--{flag} {value}: must be at least {least}")
    if parsed.max_hours is not None and not parsed.max_hours > 0:
        raise ConfigError(f"--max-hours {parsed.max_hours}: must be above 0")
    command = Command(
        env=parsed.env,
        methods=methods,
        rollouts_only=parsed.rollouts_only,
        seeds=seeds,
        starts=parsed.starts,
        group_size=parsed.group_size,
        budget=parsed.budget,
        tokens=_tokens(parsed.tokens, methods),
        vary=tuple(_varied(word) for word in parsed.vary),
        overrides=tuple(overrides),
        fail_if_worse=None,
        judge=parsed.judge,
        min_effect=_min_effect(parsed.min_effect),
        max_hours=parsed.max_hours,
        parallel=parsed.parallel,
    )
    parse(command.words("none", 0, command.variations[0]))  # refuses an unknown environment
    return _judged(command, parsed.fail_if_worse)


def _varied(word: str) -> tuple[str, tuple[str, ...]]:
    key, _, values = word.partition("=")
    if not key or not all(values.split(",")):
        raise ConfigError(f"--vary {word}: must have the form key=value,value")
    return key, tuple(values.split(","))


def _tokens(word: str | None, methods: Sequence[str]) -> int | str:
    """The token budget; without a word that of ``none``, or of the first method where ``none`` is not compared."""
    if word is None:
        return "none" if "none" in methods else methods[0]
    name = METHOD_ALIASES.get(word, word)
    if name in methods:
        return name
    if not word.isdigit() or int(word) < 1:
        raise ConfigError(f"--tokens {word}: must be an integer >= 1, or one of the methods {', '.join(methods)}")
    return int(word)


def _min_effect(value: float) -> float:
    if not value > 0:
        raise ConfigError(f"--min-effect {value}: must be above 0")
    return value


def _judged(command: Command, word: str | None) -> Command:
    if word is None:
        return command
    pair = tuple(METHOD_ALIASES.get(name, name) for name in word.split(":"))
    if len(pair) != 2 or len(set(pair)) != 2 or not set(pair) <= set(command.methods):
        raise ConfigError(f"--fail-if-worse {word}: must be A:B, two of the methods {', '.join(command.methods)}")
    return dataclasses.replace(command, fail_if_worse=(pair[0], pair[1]))


def _method_of(override: str) -> str | None:
    """The method that an override is for; None: for all."""
    head = override.partition("=")[0]
    return head.partition(":")[0] if ":" in head else None


def _new_folder(command: Command) -> Path:
    return Path("outputs") / f"compare-{Path(command.env).stem}-{time.strftime('%Y%m%d-%H%M%S')}"


def _resumed(parsed: argparse.Namespace, rest: Sequence[str], arguments: Sequence[str]) -> tuple[Command, Path]:
    """A stopped comparison; of the flags only those that change nothing of what is played count."""
    folder = Path(parsed.env.removeprefix("resume="))
    command = load(folder)
    given = {word.partition("=")[0][2:].replace("-", "_") for word in arguments if word.startswith("--")}
    if refused := sorted(given - set(REPEATABLE)) or list(rest):
        raise ConfigError(f"resume={folder}: {', '.join(refused)} cannot be changed; only {', '.join(REPEATABLE)} can")
    changed: dict[str, Any] = {name: getattr(parsed, name) for name in given - {"fail_if_worse"}}
    if "min_effect" in changed:
        _min_effect(parsed.min_effect)
    command = dataclasses.replace(command, **changed)
    return _judged(command, parsed.fail_if_worse), folder


def _same(command: Command, earlier: Command, folder: Path) -> None:
    names = REPEATABLE if command.rollouts_only else (*REPEATABLE, *EXTENSIBLE)
    neutral = {name: getattr(command, name) for name in names}
    if dataclasses.replace(earlier, **neutral) != command:
        raise ConfigError(f"--folder {folder}: holds another comparison: {earlier.text}")
