"""What a branch and a reset of Sokoban cost, here and upstream.

    python benchmarks/branching.py [--rounds 30]

Branch: restore a snapshot, step, snapshot again; upstream: deep-copy the environment and step. Reset: a
room never made before (rooms that are asked for again come from a cache, timed apart). Both on the 6x6
one-box settings, in processor time, so that other programs on the machine matter little.

With ``RAGEN_HOME`` set to an upstream checkout and ``gym`` and ``gym_sokoban`` importable, upstream is timed
in the same run, turn about with ours, and the ratio is the median over the rounds. Otherwise ours is compared
with recorded figures from another machine, and the output says so. The exit status is 1 if a target is
missed.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import os
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanEnvConfig
from ragen_tsr.snapshots import snapshot_for

SETTINGS: dict[str, Any] = {"dim_x": 6, "dim_y": 6, "num_boxes": 1, "max_steps": 100}
RECORDED = {"branch": 1.57e-3 + 0.12e-3, "reset": 1.43e-3}
"""Upstream's seconds, measured once: step plus deep copy; reset."""
TARGETS = {"branch": 100.0, "reset": 5.0}
FIRST_SEED = 50_000

Timings = dict[str, list[float]]
"""Per operation, the seconds of one such operation in each round."""


def seconds_each(operation: Callable[[Any], object], inputs: Iterable[Any]) -> float:
    """Mean processor time of ``operation`` over ``inputs``."""
    inputs = list(inputs)
    start = time.thread_time()
    for value in inputs:
        operation(value)
    return (time.thread_time() - start) / len(inputs)


def upstream_classes() -> tuple[type, type] | str:
    """Upstream's Sokoban environment and configuration, or why they cannot be timed."""
    home = os.environ.get("RAGEN_HOME")
    if not home:
        return "RAGEN_HOME is not set"
    sys.path.insert(0, home)
    try:
        importlib.import_module("ragen")
        package = types.ModuleType("ragen.env")  # its __init__ would import every task's dependencies
        package.__path__ = [str(Path(home) / "ragen" / "env")]
        sys.modules["ragen.env"] = package
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = importlib.import_module("ragen.env.sokoban.env")
        config = importlib.import_module("ragen.env.sokoban.config")
    except ImportError as error:
        return f"upstream is not importable ({error})"
    return env.SokobanEnv, config.SokobanEnvConfig


class Ours:
    """The operations as the search does them."""

    def __init__(self) -> None:
        self.env = SokobanEnv(SokobanEnvConfig(**SETTINGS))
        self.env.reset(seed=FIRST_SEED)
        self.snapshots = snapshot_for(self.env)
        self.saved = self.snapshots.save(self.env)

    def branch(self, action: int) -> object:
        """One child of the saved state."""
        self.snapshots.restore(self.env, self.saved)
        self.env.step(action)
        return self.snapshots.save(self.env)

    def reset(self, seed: int) -> object:
        """One room."""
        return self.env.reset(seed=seed)


class Upstream:
    """The same with upstream's environment, which can only be copied."""

    def __init__(self, env_class: type, config_class: type) -> None:
        self.env = env_class(config_class(**SETTINGS))
        self.env.reset(seed=FIRST_SEED)
        self.saved = copy.deepcopy(self.env)

    def branch(self, action: int) -> object:
        """One child of the saved state."""
        child = copy.deepcopy(self.saved)
        child.step(action)
        return child

    def reset(self, seed: int) -> object:
        """One room."""
        return self.env.reset(seed=seed)


def measure(rounds: int, upstream: Upstream | None) -> tuple[Timings, Timings]:
    """Time ours and, if given, upstream's, turn about."""
    ours = Ours()
    mine: Timings = {"branch": [], "reset": [], "reset again": []}
    theirs: Timings = {"branch": [], "reset": []}
    seeds: Iterator[int] = iter(range(FIRST_SEED + 1, 2**32))
    for _ in range(rounds):
        new = [next(seeds) for _ in range(40)]
        mine["branch"].append(seconds_each(ours.branch, (1, 2, 3, 4) * 250))
        mine["reset"].append(seconds_each(ours.reset, new))
        mine["reset again"].append(seconds_each(ours.reset, new))
        if upstream:
            theirs["branch"].append(seconds_each(upstream.branch, (1, 2, 3, 4) * 10))
            theirs["reset"].append(seconds_each(upstream.reset, new))
    return mine, theirs


def report(mine: Timings, theirs: Timings, why_recorded: str) -> bool:
    """Print the table; whether every target is met."""
    source = "upstream, this run" if not why_recorded else "upstream, recorded"
    print(f"{'median of the rounds':<24}{'ours':>12}{source:>22}{'ratio':>9}{'target':>9}")
    met = True
    for name, target in TARGETS.items():
        ours = statistics.median(mine[name])
        other = statistics.median(theirs[name]) if not why_recorded else RECORDED[name]
        per_round = theirs[name] if not why_recorded else [other] * len(mine[name])
        ratio = statistics.median(u / o for u, o in zip(per_round, mine[name], strict=True))
        print(f"{name:<24}{ours * 1e6:>9.1f} us{other * 1e6:>19.1f} us{ratio:>8.0f}x{target:>8.0f}x")
        met &= ratio >= target
    print(f"{'reset, room made before':<24}{statistics.median(mine['reset again']) * 1e6:>9.1f} us")
    if why_recorded:
        print(f"Upstream was not timed: {why_recorded}. Its figures are recorded ones, from another machine.")
    return met


def main() -> int:
    """Run the command line; the exit status says whether every target is met."""
    parser = argparse.ArgumentParser(description="Time branching and reset of Sokoban, here and upstream.")
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    found = upstream_classes()
    upstream = None if isinstance(found, str) else Upstream(*found)
    mine, theirs = measure(rounds, upstream)
    return int(not report(mine, theirs, found if isinstance(found, str) else ""))


if __name__ == "__main__":
    sys.exit(main())
