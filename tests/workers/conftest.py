"""The tiny model of the worker tests, built once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import worker_support as support


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random two-layer Qwen2 with a word-level tokenizer."""
    return support.build_model(tmp_path_factory.mktemp("model"))
