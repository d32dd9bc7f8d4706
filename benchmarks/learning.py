"""Does the loop learn?

    python benchmarks/learning.py fixed [--env sokoban] [--algo ppo|grpo] [--starts 4] [--steps 60] [--goal 0.9]
    python benchmarks/learning.py default [--env sokoban] [--method beam] [--seeds 5]

    and any overrides of the command line, such as search.M=8

`fixed`: plain sampling, the same few starts (rooms, maps, wishes) at every step; prints the training success of each
step and stops when its mean over three steps is above the goal. The exit status is 1 if it never is. On slippery ice
no policy reaches 0.9: give a lower goal there.

`default`: the default run of the command line, once a seed; prints validation success before and after. The exit
status is 1 if it rose for less than four fifths of the seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragen_tsr import config as configuration
from ragen_tsr.models import resolve_model
from ragen_tsr.report.metrics import TRAIN_SUCCESS
from ragen_tsr.train import main as train_main
from ragen_tsr.train import open_run, started_trainer

WINDOW = 3
FIXED = [
    "scale=cpu",
    "es_manager.train.group_size=16",
    "es_manager.val.env_groups=4",
    "actor_rollout_ref.rollout.rollout_filter_value=1.0",
    "ppo_mini_batch_size=16",
    "micro_batch_size_per_gpu=16",
    "trainer.val_before_train=false",
    "trainer.test_freq=-1",
    "trainer.save_freq=-1",
]


class Reached(Exception):
    """The goal is reached; training may stop."""


class Watch:
    """Prints the training success of each step, and stops the run at the goal."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self.success: list[float] = []
        self.started = time.perf_counter()

    def on_phase(self, name: str) -> None:
        """Nothing to show."""

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Print a line; raise at the goal."""
        self.success.append(TRAIN_SUCCESS.of(metrics) or 0.0)
        mean = sum(self.success[-WINDOW:]) / len(self.success[-WINDOW:])
        bar = "#" * round(40 * self.success[-1])
        elapsed = time.perf_counter() - self.started
        print(f"step {step:3}  {self.success[-1]:.3f}  {bar:40}  {elapsed:5.0f} s", file=sys.__stdout__, flush=True)
        if len(self.success) >= WINDOW and mean > self.goal:
            raise Reached


def fixed(arguments: argparse.Namespace) -> int:
    """Train on the same starts until they are solved."""
    with tempfile.TemporaryDirectory() as outputs:
        words = [arguments.env, "none", *FIXED, f"trainer.local_log_dir={outputs}"]
        words += [f"algo={arguments.algo}"] if arguments.algo else []
        words += [f"es_manager.train.env_groups={arguments.starts}", f"seed.train={arguments.first_seed}"]
        words += [f"trainer.total_training_steps={arguments.steps}", *arguments.overrides]
        folder, config = open_run(words)
        config.model_path = str(resolve_model(config.model_path, config))
        first_seed = config.seed.train
        watch = Watch(arguments.goal)
        size = config.es_manager.train.group_size
        what = f"{arguments.env}, {config.algorithm.adv_estimator}"
        print(f"{what}: {arguments.starts} starts x {size} trajectories a step")
        with (
            folder.log.open("w") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
            started_trainer(config) as trainer,
        ):
            manager = trainer.agent_proxy.train_es_manager
            new_starts = manager.reset
            manager.reset = lambda: new_starts(seed=first_seed)
            trainer.progress = watch
            try:
                trainer.fit()
            except Reached:
                print(f"{what}: above {arguments.goal} after {len(watch.success)} steps", file=sys.__stdout__)
                return 0
    print(f"{what}: not above {arguments.goal} in {arguments.steps} steps")
    return 1


def default(arguments: argparse.Namespace) -> int:
    """Run the command line's default for each seed."""
    rose = 0
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as outputs:
            seeds = [f"run_seed={seed}", f"seed.train={10_000 + 1_000 * seed}"]
            words = [arguments.env, arguments.method, *seeds, f"trainer.local_log_dir={outputs}", *arguments.overrides]
            with (Path(outputs) / "screen.log").open("w") as screen, contextlib.redirect_stdout(screen):
                status = train_main(words)
            if status != 0:
                return status
            [summary] = Path(outputs).glob("*/summary.json")
            result = json.loads(summary.read_text())
        before, after = (float(value) for value in result["validation_success"].values())
        rose += after > before
        print(
            f"seed {seed}: validation success {before:.3f} -> {after:.3f} in {result['wall_seconds']:.0f} s", flush=True
        )
    print(f"rose for {rose} of {arguments.seeds} seeds")
    return int(rose < 0.8 * arguments.seeds)


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fixed")
    one.add_argument("--algo", choices=configuration.options("algo"), help="default: the environment's")
    one.add_argument("--starts", type=int, default=4)
    one.add_argument("--first-seed", type=int, default=10_000)
    one.add_argument("--steps", type=int, default=60)
    one.add_argument("--goal", type=float, default=0.9)
    one.set_defaults(run=fixed)
    many = commands.add_parser("default")
    many.add_argument("--method", default="beam")
    many.add_argument("--seeds", type=int, default=5)
    many.set_defaults(run=default)
    for command in (one, many):
        command.add_argument("--env", choices=configuration.options("env"), default="sokoban")
    arguments, arguments_left = parser.parse_known_args()
    arguments.overrides = arguments_left
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
