"""Which start states a training run has played: the part of the prompts that is no longer held out.

Decides what makes two starts the same: what the player is shown first (Sokoban's room, FrozenLake's map, WebShop's
wish). Upstream's seeds are kept, so that rooms of validation come up in training too: at the paper's scale (16 groups,
200 steps) in 78 of 239 distinct Sokoban rooms, and in 66 of 251 FrozenLake maps.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ragen_tsr import backend

Start = str
"""Identity of a start: the text of the first observation."""


def start_of(record: Mapping[str, Any]) -> Start:
    """The start of an episode's record (:mod:`ragen_tsr.llm_agent.episodes`)."""
    return str(record["start"])


def is_seen(record: Mapping[str, Any], training: Container[Start]) -> bool:
    """Whether the episode began where a training episode did.

    Args:
        training: What :func:`training_starts` gave.
    """
    return start_of(record) in training


def training_starts(config: DictConfig, steps: int) -> frozenset[Start]:
    """The starts of the first ``steps`` training steps of a run; see :func:`first_steps`."""
    return frozenset(first_steps(config, steps))


def first_steps(config: DictConfig, steps: int) -> dict[Start, int]:
    """Every start of the first ``steps`` training steps of a run, and the step, from 1, that had it first.

    They are found by resetting the run's environments. Group g of step s, counted from 0, plays the seed
    ``seed.train + s * es_manager.train.env_groups + g``; groups are dealt out to the tags in order.

    Args:
        config: The run's configuration.

    Raises:
        ValueError: ``seed.train`` is null: such a run draws its first seed, so its starts cannot be known.
    """
    if config.seed.train is None:
        raise ValueError("seed.train=null: the training starts of a run without a seed cannot be known")
    if steps == 0:
        return {}
    alone = copy.deepcopy(config)
    OmegaConf.update(alone, "es_manager.train.group_size", 1)  # the slots of a group share their start
    manager = backend.EnvStateManager(alone, mode="train")
    try:
        first: dict[Start, int] = {}
        for step in range(1, steps + 1):
            for cache in manager.reset():
                first.setdefault(str(cache["history"][0]["state"]), step)
        return first
    finally:
        manager.close()
