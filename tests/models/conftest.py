"""What the tests of the tiny policies share: configurations, small recipes, tokenizers trained on prompts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from omegaconf import DictConfig
from transformers import PreTrainedTokenizerFast

from ragen_tsr.models.recipe import Recipe
from ragen_tsr.models.sft import conversations
from ragen_tsr.models.tasks import REGISTERED_TASKS, Task, task_of
from ragen_tsr.models.tiny import default_config
from ragen_tsr.models.tokenizer import build_tokenizer


@pytest.fixture(scope="session")
def config() -> DictConfig:
    return default_config()


@pytest.fixture(scope="session")
def small_recipe(config: DictConfig) -> Recipe:
    """Sokoban's recipe with everything that takes time cut down to seconds."""
    return small(task_of(config).recipe)


@pytest.fixture(scope="session")
def texts(config: DictConfig, small_recipe: Recipe) -> list[str]:
    """Whole conversations as the context manager renders them."""
    return conversations(config, task_of(config), small_recipe, episodes=16)


@pytest.fixture(scope="session")
def tokenizer(config: DictConfig, texts: list[str]) -> PreTrainedTokenizerFast:
    return small_tokenizer(texts, task_of(config))


@pytest.fixture(scope="session", params=sorted(REGISTERED_TASKS))
def each(request: pytest.FixtureRequest) -> Each:
    """The same for every environment that has a policy."""
    return Each.of(request.param)


class Each:
    """An environment's task with what the tests need of it."""

    def __init__(self, env: str) -> None:
        self.config = default_config(env)
        self.task = task_of(self.config)
        self.recipe = small(self.task.recipe)
        self.play = self.recipe.play
        self.texts = conversations(self.config, self.task, self.recipe, episodes=16)
        self.tokenizer = small_tokenizer(self.texts, self.task)

    @classmethod
    @cache
    def of(cls, env: str) -> Each:
        return cls(env)


def small(recipe: Recipe) -> Recipe:
    return replace(
        recipe,
        tokenizer=replace(recipe.tokenizer, episodes=16, positions=64),
        model=replace(recipe.model, hidden_size=16, intermediate_size=32, layers=2, heads=2),
        segments=replace(recipe.segments, samples=64, batch=16, steps=6),
        chats=replace(recipe.chats, samples=16, batch=8, steps=3),
    )


def small_tokenizer(texts: list[str], task: Task) -> PreTrainedTokenizerFast:
    return build_tokenizer(texts, vocab_size=2048, min_frequency=4, model_max_length=4096, cuts=task.cuts)
