"""Does search collect better trajectories? The same rooms and policy, every method, no training.

    python benchmarks/search_quality.py [--rooms 128] [--slots 4] [--model tiny] [--methods none,beam]

Each method plays `slots` trajectories in each of the rooms; what is counted are the committed ones, as a
training step would see them. Intervals are 95 % bootstrap intervals over rooms, and gains are paired by room.
`random` is plain sampling by a policy whose turns are uniformly random legal actions, as many a turn as the
model's (drawn from what it did under `none`). The exit status is 1 if, from `none` to `best_of_n` to `beam`,
a gain in success or return does not exclude zero.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import dataclass
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
from ragen_tsr.models import resolve_model

LADDER = ("none", "best_of_n", "beam")
RESAMPLES = 10_000
MOVES = ("Up", "Down", "Left", "Right")


@dataclass(frozen=True)
class Played:
    """One method's committed trajectories, rooms x slots, and what they cost."""

    success: np.ndarray
    return_: np.ndarray
    metrics: dict[str, float]
    seconds: float
    turn_lengths: np.ndarray
    """Actions of each committed turn."""


class RandomTurns:
    """A worker group that answers with uniformly random legal actions."""

    world_size = 1

    def __init__(self, tokenizer: Any, lengths: np.ndarray, response_length: int) -> None:
        self._tokenizer = tokenizer
        self._lengths = lengths
        self._response_length = response_length
        self._draws = np.random.default_rng(0)

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """A random turn per row."""
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        rows = len(prompts)
        responses = torch.full((rows, self._response_length), self._tokenizer.pad_token_id)
        for row in range(rows):
            moves = self._draws.choice(MOVES, size=self._draws.choice(self._lengths))
            ids = self._tokenizer.encode(f"</think><answer>{' || '.join(moves)}</answer><|im_end|>")
            responses[row, : len(ids)] = torch.tensor(ids)
        mask = (responses != self._tokenizer.pad_token_id).long()
        attention = torch.cat([prompts.batch["attention_mask"], mask], dim=1)
        return DataProto.from_dict({"responses": responses, "attention_mask": attention})


def play(method: str, arguments: argparse.Namespace, lengths: np.ndarray | None = None) -> Played:
    """All rooms with one method; `lengths` makes the policy random."""
    overrides = [
        "scale=cpu",
        f"model={arguments.model}",
        f"es_manager.train.env_groups={arguments.rooms}",
        f"es_manager.train.group_size={arguments.slots}",
        f"run_seed={arguments.seed}",
        f"seed.train={arguments.first_room}",
    ]
    config = configuration.compose(configuration.parse(["sokoban", method, *overrides]))
    config.model_path = str(resolve_model(config.model_path, config))
    tokenizer = AutoTokenizer.from_pretrained(config.model_path)
    if lengths is None:
        workers: Any = LocalRolloutWorkers(config, tokenizer)
    else:
        workers = RandomTurns(tokenizer, lengths, config.actor_rollout_ref.rollout.response_length)
    proxy = SearchAgentProxy(config, workers, tokenizer)
    started = time.perf_counter()
    rollouts = proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
    seconds = time.perf_counter() - started
    shape = (arguments.rooms, arguments.slots)
    statuses = [entry["status"] for entry in proxy.train_es_manager.envs]
    turns = [turn for cache in proxy.train_es_manager.rollout_cache for turn in cache["history"][:-1]]
    return Played(
        success=np.reshape([status.terminated and not status.truncated for status in statuses], shape).astype(float),
        return_=np.reshape([float(sum(status.rewards)) for status in statuses], shape),
        metrics=rollouts.meta_info["metrics"],
        seconds=seconds,
        turn_lengths=np.array([len(turn["actions"]) for turn in turns if turn["actions"]]),
    )


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over rooms with the bounds of its 95 % bootstrap interval; `values` is rooms x slots."""
    rooms = values.mean(axis=1)
    draws = np.random.default_rng(0).integers(len(rooms), size=(RESAMPLES, len(rooms)))
    low, high = np.quantile(rooms[draws].mean(axis=1), [0.025, 0.975])
    return float(rooms.mean()), float(low), float(high)


def main() -> int:
    """Play, print the table, judge the ladder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rooms", type=int, default=128)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--methods", default="none,best_of_n,lookahead,beam")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling noise")
    parser.add_argument("--first-room", type=int, default=900_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a second one gains a tiny model nothing, and waits dearly on a busy machine
    methods = arguments.methods.split(",")
    if "none" not in methods:
        parser.error(f"--methods {arguments.methods}: must contain none, which the others are compared with")
    played = {method: play(method, arguments) for method in ["none", *(m for m in methods if m != "none")]}
    played = {"random": play("none", arguments, played["none"].turn_lengths), **played}

    console = Console(width=150, highlight=False)
    table = Table(title=f"{arguments.rooms} rooms x {arguments.slots} committed trajectories, {arguments.model} policy")
    columns = [
        "method",
        "success",
        "return",
        "valid turns",
        "actions/turn",
        "tokens x none",
        "seconds x none",
    ]
    for name in columns:
        table.add_column(name, justify="left" if name == "method" else "right")
    base = played["none"]
    for method, result in played.items():
        success, ret = interval(result.success), interval(result.return_)
        table.add_row(
            method,
            f"{success[0]:.3f} [{success[1]:.3f}, {success[2]:.3f}]",
            f"{ret[0]:+.2f} [{ret[1]:+.2f}, {ret[2]:+.2f}]",
            f"{result.metrics['search/valid_rate/committed']:.3f}",
            f"{result.metrics['search/actions_per_turn/committed']:.2f}",
            f"{result.metrics['search/generated_tokens'] / base.metrics['search/generated_tokens']:.2f}",
            f"{result.seconds / base.seconds:.2f}" if method != "random" else "-",
        )
    console.print(table)

    failed = False
    for lower, upper in itertools.pairwise(LADDER):
        if lower not in played or upper not in played:
            continue
        for name, of in (("success", lambda p: p.success), ("return", lambda p: p.return_)):
            gain, low, high = interval(of(played[upper]) - of(played[lower]))
            outside = low > 0
            failed |= not outside
            console.print(
                f"{upper} - {lower}, {name}: {gain:+.3f} [{low:+.3f}, {high:+.3f}]"
                f"{'' if outside else '  does not exclude zero'}"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
