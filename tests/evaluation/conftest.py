"""Configurations of small evaluations, and a tokenizer, made once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from keyed_workers import MOVES

from ragen_tsr.config import derive
from ragen_tsr.evaluation.command import read
from ragen_tsr.models.tokenizer import build_tokenizer


@pytest.fixture(scope="session")
def spelling() -> Any:
    """A tokenizer of the words that :class:`keyed_workers.KeyedWorkers` says."""
    words = [*MOVES, "<think>", "</think>", "<answer>", "</answer>", " || ", "no idea", "go"]
    return build_tokenizer(words * 3, vocab_size=400, min_frequency=2, model_max_length=4096)


@cache
def _configuration(*words: str) -> Any:
    return read(["sokoban", "tiny", "scale=cpu", "agent_proxy.max_turn=3", *words])[2]


@pytest.fixture(scope="session")
def evaluation() -> Callable[..., Any]:
    """``evaluation(prompts, batch, *overrides)``: an evaluation's configuration on Sokoban, at most three turns."""

    def configure(prompts: int, batch: int, *words: str) -> Any:
        config = copy.deepcopy(_configuration(*words))  # composing takes a second
        config.evaluation.prompts, config.evaluation.batch = prompts, batch
        config.es_manager.val.env_configs.n_groups = None
        derive(config)
        return config

    return configure
