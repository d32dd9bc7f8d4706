"""Does search collect better trajectories? The same starts and policy, every method, no training.

    python benchmarks/search_quality.py [--env sokoban] [--noise upstream] [--starts 128] [--slots 4]
                                        [--methods none,best_of_n,lookahead,beam] [--model tiny] [overrides]

Each method plays `slots` trajectories from each of the starts (rooms, maps, wishes); what is counted are the
committed ones, as a training step would see them. Intervals are 95 % bootstrap intervals over starts, and gains are
paired by start. All methods play under one rule of noise. "again" is what the committed actions are worth on average
when they are played again under fresh noise (`search.rerolls`): choosing the best of several outcomes chooses luck, and
this takes it out. Compare it with that of `none`, not with the committed figure: moves made in answer to one outcome
meet another, and end where the first one ended, so that it is lower for every policy.

`random` is plain sampling by a policy whose turns are random legal actions: in a grid uniform ones, as many a turn as
the model's (drawn from what it did under `none`); in the web shop one of the actions on offer, where a search is for
words of the instruction (`wander` of the environment's task in `ragen_tsr/models/tasks`). The exit status is 1 if,
from `none` to `best_of_n` to `beam`, a gain in success or return does not exclude zero.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer
from verl import DataProto

from ragen_tsr import config as configuration
from ragen_tsr.embedded.workers.local import LocalRolloutWorkers
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.noise import NOISE_RULES
from ragen_tsr.models import resolve_model
from ragen_tsr.models.tasks import task_of

LADDER = ("none", "best_of_n", "beam")
RESAMPLES = 10_000
FIGURES = {
    "success": "success",
    "return": "return_",
    "success again": "success_again",
    "return again": "return_again",
}
"""What is compared, and the field of `Played` it stands in."""
JUDGED = ("success", "return_")
"""Those that the exit status depends on."""


@dataclass(frozen=True)
class Played:
    """One method's committed trajectories, starts x slots, and what they cost."""

    success: np.ndarray
    return_: np.ndarray
    success_again: np.ndarray
    return_again: np.ndarray
    """Means over fresh noise."""
    metrics: dict[str, float]
    seconds: float
    turn_lengths: np.ndarray
    """Actions of each committed turn."""


class RandomTurns:
    """A worker group that answers with random legal actions; `environments` is the manager that plays them."""

    world_size = 1

    def __init__(self, config: Any, tokenizer: Any, lengths: np.ndarray) -> None:
        self._task = task_of(config)
        self._separator = f" {config.agent_proxy.action_sep} "
        self._opening = "</think><answer>" if config.agent_proxy.enable_think else ""
        self._tokenizer = tokenizer
        self._lengths = lengths.tolist()
        self._draws = random.Random(0)
        self.environments: Any = None

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """A random turn per row; under `none` the slots' environments stand where the prompts do."""
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        rows = [self._turn(int(env_id)) for env_id in prompts.non_tensor_batch["env_ids"]]
        responses = torch.full((len(rows), max(map(len, rows))), self._tokenizer.pad_token_id)
        mask = torch.zeros_like(responses)
        for row, ids in enumerate(rows):
            responses[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        attention = torch.cat([prompts.batch["attention_mask"], mask], dim=1)
        return DataProto.from_dict({"responses": responses, "attention_mask": attention})

    def _turn(self, env_id: int) -> list[int]:
        position = self._task.position(self.environments.envs[env_id]["env"])
        actions = self._task.wander(position, self._draws.choice(self._lengths), self._draws)
        text = f"{self._opening}{self._separator.join(actions)}</answer>{self._tokenizer.eos_token}"
        return self._tokenizer.encode(text)


def play(method: str, arguments: argparse.Namespace, lengths: np.ndarray | None = None) -> Played:
    """All starts with one method; `lengths` makes the policy random."""
    overrides = [
        "scale=cpu",
        f"model={arguments.model}",
        f"es_manager.train.env_groups={arguments.starts}",
        f"es_manager.train.group_size={arguments.slots}",
        f"run_seed={arguments.seed}",
        f"seed.train={arguments.first_seed}",
        f"env_noise={arguments.noise}",
        f"search.rerolls={arguments.rerolls}",
        "search.record_groups=null",
        *arguments.overrides,
    ]
    config = configuration.compose(configuration.parse([arguments.env, method, *overrides]))
    config.model_path = str(resolve_model(config.model_path, config))
    tokenizer = AutoTokenizer.from_pretrained(config.model_path)
    workers: Any = (
        LocalRolloutWorkers(config, tokenizer) if lengths is None else RandomTurns(config, tokenizer, lengths)
    )
    proxy = SearchAgentProxy(config, workers, tokenizer)
    if lengths is not None:
        workers.environments = proxy.train_es_manager
    again: list[dict[str, float]] = []
    proxy.on_search = lambda records: again.extend(slot for record in records for slot in record["rerolled"])
    started = time.perf_counter()
    rollouts = proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
    seconds = time.perf_counter() - started
    shape = (arguments.starts, arguments.slots)
    statuses = [entry["status"] for entry in proxy.train_es_manager.envs]
    turns = [turn for cache in proxy.train_es_manager.rollout_cache for turn in cache["history"][:-1]]
    return Played(
        success=np.reshape([status.terminated and not status.truncated for status in statuses], shape).astype(float),
        return_=np.reshape([float(sum(status.rewards)) for status in statuses], shape),
        success_again=np.reshape([slot["success"] for slot in again], shape),
        return_again=np.reshape([slot["return"] for slot in again], shape),
        metrics=rollouts.meta_info["metrics"],
        seconds=seconds,
        turn_lengths=np.array([len(turn["actions"]) for turn in turns if turn["actions"]]),
    )


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over starts with the bounds of its 95 % bootstrap interval; `values` is starts x slots."""
    starts = values.mean(axis=1)
    draws = np.random.default_rng(0).integers(len(starts), size=(RESAMPLES, len(starts)))
    low, high = np.quantile(starts[draws].mean(axis=1), [0.025, 0.975])
    return float(starts.mean()), float(low), float(high)


def distinct(played: list[Played]) -> dict[str, str]:
    """The figures to show: one that equals an earlier one in every episode says nothing new."""
    shown: dict[str, str] = {}
    for name, field in FIGURES.items():
        if not any(
            all(np.array_equal(getattr(p, field), getattr(p, other)) for p in played) for other in shown.values()
        ):
            shown[name] = field
    return shown


def text(values: np.ndarray) -> str:
    """Mean and interval."""
    mean, low, high = interval(values)
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    """Play, print the table, judge the ladder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--env", choices=configuration.options("env"), default="sokoban")
    parser.add_argument("--noise", choices=NOISE_RULES, default="upstream", help="env_noise of every method")
    parser.add_argument("--rerolls", type=int, default=8, help="how often committed actions are played again")
    parser.add_argument("--starts", type=int, default=128)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--methods", default="none,best_of_n,lookahead,beam")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling noise")
    parser.add_argument("--first-seed", type=int, default=900_000)
    arguments, arguments.overrides = parser.parse_known_args()
    torch.set_num_threads(1)  # a second one gains a tiny model nothing, and waits dearly on a busy machine
    methods = arguments.methods.split(",")
    if "none" not in methods:
        parser.error(f"--methods {arguments.methods}: must contain none, which the others are compared with")
    played = {method: play(method, arguments) for method in ["none", *(m for m in methods if m != "none")]}
    played = {"random": play("none", arguments, played["none"].turn_lengths), **played}

    console = Console(width=160, highlight=False)
    title = f"{arguments.env}, {arguments.starts} starts x {arguments.slots} committed trajectories, "
    table = Table(title=f"{title}policy {Path(arguments.model).name}, noise {arguments.noise}")
    shown = distinct(list(played.values()))
    columns = [
        "method",
        *shown,
        "valid turns",
        "actions/turn",
        "tokens x none",
        "seconds x none",
    ]
    for name in columns:
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    base = played["none"]
    for method, result in played.items():
        table.add_row(
            method,
            *(text(getattr(result, field)) for field in shown.values()),
            f"{result.metrics['search/valid_rate/committed']:.3f}",
            f"{result.metrics['search/actions_per_turn/committed']:.2f}",
            f"{result.metrics['search/generated_tokens'] / base.metrics['search/generated_tokens']:.2f}",
            f"{result.seconds / base.seconds:.2f}" if method != "random" else "-",
        )
    console.print(table)
    if missing := [name for name in FIGURES if name not in shown]:
        console.print(f"{', '.join(missing)}: the same as a figure to the left")
    failed = False
    for lower, upper in itertools.pairwise(LADDER):
        if lower not in played or upper not in played:
            continue
        for name, field in shown.items():
            gain, low, high = interval(getattr(played[upper], field) - getattr(played[lower], field))
            failed |= low <= 0 and field in JUDGED
            console.print(
                f"{upper} - {lower}, {name}: {gain:+.3f} [{low:+.3f}, {high:+.3f}]"
                f"{'' if low > 0 else '  does not exclude zero'}"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
