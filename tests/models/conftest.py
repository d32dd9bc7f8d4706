"""What the tests of the tiny policy share: the project's configuration and a tokenizer trained on its prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from omegaconf import DictConfig
from transformers import PreTrainedTokenizerFast

from ragen_tsr.models.recipe import Recipe
from ragen_tsr.models.sft import conversations
from ragen_tsr.models.tiny import default_config
from ragen_tsr.models.tokenizer import build_tokenizer


@pytest.fixture(scope="session")
def config() -> DictConfig:
    return default_config()


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    """The recipe with everything that takes time cut down to seconds."""
    recipe = Recipe()
    return replace(
        recipe,
        tokenizer=replace(recipe.tokenizer, episodes=16, boards=64),
        model=replace(recipe.model, hidden_size=16, intermediate_size=32, layers=1, heads=2),
        segments=replace(recipe.segments, samples=64, batch=16, steps=6),
        chats=replace(recipe.chats, samples=16, batch=8, steps=3),
    )


@pytest.fixture(scope="session")
def texts(config: DictConfig, small_recipe: Recipe) -> list[str]:
    """Whole conversations as the context manager renders them."""
    return conversations(config, small_recipe, episodes=16)


@pytest.fixture(scope="session")
def tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    return build_tokenizer(texts, vocab_size=2048, min_frequency=4, model_max_length=4096)
