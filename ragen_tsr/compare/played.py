"""One method's rollout of a comparison: how it is played, and the file that keeps it.

Decides what of a rollout counts: the committed trajectories, as a training step would see them, what they cost, and
what their actions are worth under fresh noise.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from ragen_tsr.files import write_whole


@dataclass(frozen=True)
class Played:
    """Committed trajectories, starts x slots, and what they cost."""

    success: np.ndarray
    return_: np.ndarray
    """Sum of the environment's rewards, without format penalties."""
    success_again: np.ndarray | None
    return_again: np.ndarray | None
    """Means over ``search.rerolls`` further plays of the same actions under fresh noise; None: not played."""
    metrics: dict[str, float]
    """The ledger and the other ``search/`` metrics of the rollout."""
    seconds: float
    """Wall time of the rollout."""
    actions: list[int]
    """Numbers of actions of the committed turns, those without any left out."""

    def save(self, path: Path) -> None:
        """Write the file, whole."""
        fields = dataclasses.asdict(self)
        listed = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in fields.items()}
        write_whole(path, json.dumps(listed))

    @classmethod
    def load(cls, path: Path) -> Played:
        """Read what :meth:`save` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        for key in ("success", "return_", "success_again", "return_again"):
            if fields[key] is not None:
                fields[key] = np.array(fields[key], dtype=float)
        return cls(**fields)


def play(config: DictConfig, random_actions: Sequence[int] | None = None) -> Played:
    """Play one training rollout of the configuration on the CPU, and train nothing.

    Args:
        config: Composed and checked, with ``search.record_groups=null``; ``model_path`` is made ready here.
        random_actions: Makes the policy random: of these numbers of actions each turn's is drawn.
    """
    from transformers import AutoTokenizer
    from verl import DataProto

    from ragen_tsr.compare.random_turns import RandomTurns
    from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
    from ragen_tsr.models import resolve_model
    from ragen_tsr.workers.local import LocalRolloutWorkers

    config.model_path = str(resolve_model(config.model_path, config))
    tokenizer = AutoTokenizer.from_pretrained(config.model_path)
    workers: Any
    if random_actions is None:
        workers = LocalRolloutWorkers(config, tokenizer)
    else:
        workers = RandomTurns(config, tokenizer, random_actions)
    proxy = SearchAgentProxy(config, workers, tokenizer)
    if random_actions is not None:
        workers.environments = proxy.train_es_manager
    records: list[dict[str, Any]] = []
    proxy.on_search = records.extend
    started = time.perf_counter()
    rollouts = proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
    seconds = time.perf_counter() - started
    manager = proxy.train_es_manager
    shape = (config.es_manager.train.env_groups, config.es_manager.train.group_size)
    statuses = [entry["status"] for entry in manager.envs]
    again = [slot for record in records for slot in record["rerolled"] or []]
    turns = [turn for cache in manager.rollout_cache for turn in cache["history"][:-1]]
    metrics = rollouts.meta_info["metrics"]
    return Played(
        success=np.reshape([status.terminated and not status.truncated for status in statuses], shape).astype(float),
        return_=np.reshape([float(sum(status.rewards)) for status in statuses], shape),
        success_again=np.reshape([slot["success"] for slot in again], shape) if again else None,
        return_again=np.reshape([slot["return"] for slot in again], shape) if again else None,
        metrics={key: float(value) for key, value in metrics.items() if key.startswith("search/")},
        seconds=seconds,
        actions=[len(turn["actions"]) for turn in turns if turn["actions"]],
    )
