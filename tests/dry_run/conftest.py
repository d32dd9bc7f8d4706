"""Configurations as a command line composes them, with single keys changed afterwards: composing takes a second."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from ragen_tsr.config import GROUPS, compose, parse


@cache
def _composed(*words: str) -> DictConfig:
    return compose(parse(words))


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    """``composed("sokoban", "beam", "scale=paper", "run_seed=1", "+new=2", "~old")``."""

    def make(*words: str) -> DictConfig:
        chosen = [word for word in words if word.partition("=")[0] in GROUPS or word.isidentifier()]
        config = copy.deepcopy(_composed(*chosen))
        with open_dict(config):
            for word in words:
                key, _, value = word.partition("=")
                if word.startswith("~"):
                    section, _, name = word[1:].rpartition(".")
                    del OmegaConf.select(config, section)[name]
                elif word not in chosen:
                    OmegaConf.update(config, key.lstrip("+"), OmegaConf.from_dotlist([f"value={value}"]).value)
        return config

    return make
