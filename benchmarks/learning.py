"""Does the loop learn?

    python benchmarks/learning.py fixed [--algo ppo|grpo] [--rooms 4] [--steps 60]
    python benchmarks/learning.py default [--method beam] [--seeds 5] [overrides]

`fixed`: plain sampling, the same few rooms at every step; prints the training success of each step and stops when
its mean over three steps is above 0.9. The exit status is 1 if it never is.

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
from ragen_tsr.train import main as train_main
from ragen_tsr.train import open_run, started_trainer

GOAL = 0.9
WINDOW = 3
SUCCESS = "train/SimpleSokoban/success"
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

    def __init__(self) -> None:
        self.success: list[float] = []
        self.started = time.perf_counter()

    def on_phase(self, name: str) -> None:
        """Nothing to show."""

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Print a line; raise at the goal."""
        self.success.append(metrics[SUCCESS])
        mean = sum(self.success[-WINDOW:]) / len(self.success[-WINDOW:])
        bar = "#" * round(40 * self.success[-1])
        elapsed = time.perf_counter() - self.started
        print(f"step {step:3}  {self.success[-1]:.3f}  {bar:40}  {elapsed:5.0f} s", file=sys.__stdout__, flush=True)
        if len(self.success) >= WINDOW and mean > GOAL:
            raise Reached


def fixed(arguments: argparse.Namespace) -> int:
    """Train on the same rooms until they are solved."""
    with tempfile.TemporaryDirectory() as outputs:
        words = ["sokoban", "none", *FIXED, f"algo={arguments.algo}", f"trainer.local_log_dir={outputs}"]
        words += [f"es_manager.train.env_groups={arguments.rooms}", f"seed.train={arguments.first_room}"]
        words += [f"trainer.total_training_steps={arguments.steps}", *arguments.overrides]
        folder, config = open_run(words)
        config.model_path = str(resolve_model(config.model_path, config))
        first_room = config.seed.train
        watch = Watch()
        print(f"{arguments.algo}, {arguments.rooms} rooms x {config.es_manager.train.group_size} trajectories a step")
        with (
            folder.log.open("w") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
            started_trainer(config) as trainer,
        ):
            manager = trainer.agent_proxy.train_es_manager
            new_rooms = manager.reset
            manager.reset = lambda: new_rooms(seed=first_room)
            trainer.progress = watch
            try:
                trainer.fit()
            except Reached:
                print(f"{arguments.algo}: above {GOAL} after {len(watch.success)} steps", file=sys.__stdout__)
                return 0
    print(f"{arguments.algo}: not above {GOAL} in {arguments.steps} steps")
    return 1


def default(arguments: argparse.Namespace) -> int:
    """Run the command line's default for each seed."""
    rose = 0
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as outputs:
            seeds = [f"run_seed={seed}", f"seed.train={10_000 + 1_000 * seed}"]
            words = ["sokoban", arguments.method, *seeds, f"trainer.local_log_dir={outputs}", *arguments.overrides]
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
    one.add_argument("--algo", choices=configuration.options("algo"), default="ppo")
    one.add_argument("--rooms", type=int, default=4)
    one.add_argument("--first-room", type=int, default=10_000)
    one.add_argument("--steps", type=int, default=60)
    one.set_defaults(run=fixed)
    many = commands.add_parser("default")
    many.add_argument("--method", default="beam")
    many.add_argument("--seeds", type=int, default=5)
    many.set_defaults(run=default)
    arguments, arguments_left = parser.parse_known_args()
    arguments.overrides = arguments_left
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
