"""Configurations as a command line composes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from ragen_tsr.config import compose, parse


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    def make(*words: str) -> DictConfig:
        return compose(parse(words))

    return make
