"""One Ray session for all tests that need worker processes: starting Ray costs seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TEST_SEED = 7
LOGICAL_DEVICES = 2


@pytest.fixture(scope="session")
def ray_session() -> Iterator[Any]:
    """Ray with two logical devices and the environment that this project's workers need; ``run_seed`` is 7."""
    ray = pytest.importorskip("ray")
    from omegaconf import OmegaConf

    from ragen_tsr import platform

    config = OmegaConf.create({"trainer": {"n_gpus_per_node": LOGICAL_DEVICES}, "run_seed": TEST_SEED})
    os.environ.update(platform.driver_environment(config))
    ray.init(**platform.ray_init_kwargs(config))
    yield ray
    ray.shutdown()


@pytest.fixture(scope="session")
def tiny_policies() -> Callable[[str], Path]:
    """``tiny_policies(env)``: folder of an environment's tiny policy; built if this machine has not yet (minutes)."""
    from ragen_tsr.models.tiny import default_config, ensure_tiny

    return cache(lambda env: ensure_tiny(default_config(env)))


@pytest.fixture(scope="session")
def tiny_policy(tiny_policies: Callable[[str], Path]) -> Path:
    """The one of Sokoban."""
    return tiny_policies("sokoban")
