"""What the tiny policy of an environment is told about it: one object per environment type.

Decides what a task must say: which texts stand for a position, what a solver and what a random player would
do there, where many positions come from, how the tokenizer cuts them, and the constants of the recipe. Leaves
to others the rules of the game (the environment's), prompts (the context manager's), and how demonstrations
become a model (`demonstrations`, `sft`), which is the same for all.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from omegaconf import DictConfig, OmegaConf

from ragen_tsr import backend
from ragen_tsr.models.recipe import Recipe


class Position(Protocol):
    """Where an environment stands."""

    @property
    def text(self) -> str:
        """What a prompt shows of it."""

    @property
    def last_reply(self) -> str:
        """The response that led here, as far as a player has to know it; empty where the text says enough."""


P = TypeVar("P", bound=Position)


@dataclass(frozen=True)
class Turn:
    """A demonstrated turn."""

    actions: Sequence[str]
    reply: str
    """The response, without the tag that the prompt already opened."""


Play = Callable[[P, int], Turn]
"""``play(position, actions left)``."""


class Task(ABC, Generic[P]):
    """One environment type."""

    env_type: ClassVar[str]
    """As in ``custom_envs.<tag>.env_type``."""
    recipe: ClassVar[Recipe]
    """The default recipe."""
    cuts: ClassVar[Sequence[str]]
    """Where the tokenizer cuts text; see `tokenizer.build_tokenizer`."""
    code: ClassVar[Sequence[str]]
    """Names of the modules whose code shapes this task's demonstrations."""

    @abstractmethod
    def position(self, env: Any) -> P:
        """Where `env` stands."""

    @abstractmethod
    def solve(self, position: P, length: int, rng: random.Random) -> list[str]:
        """The next actions that a solver would take, `length` at most; empty where it has none."""

    def remark(self, position: P) -> str:
        """What the solver's thought says behind its word; nothing, unless a task has something to add."""
        return ""

    @abstractmethod
    def wander(self, position: P, length: int, rng: random.Random) -> list[str]:
        """`length` random legal actions."""

    @abstractmethod
    def walk(self, config: DictConfig, seed: int, rng: random.Random, play: Play[P]) -> Iterator[P]:
        """Many positions that a turn may start from, of one episode after another from `seed` on; endless.

        `play` draws a demonstrated turn, for tasks whose positions such turns lead to.
        """

    @abstractmethod
    def legal(self, position: P, actions: Sequence[str]) -> list[str]:
        """Those of `actions` that are on offer."""


def make_env(config: DictConfig, tag: str) -> Any:
    """An environment of ``custom_envs.<tag>``, not reset yet."""
    settings = OmegaConf.to_container(config.custom_envs[tag], resolve=True)
    assert isinstance(settings, dict)
    env_type = settings["env_type"]
    env_config = backend.REGISTERED_ENV_CONFIGS[env_type](**(settings.get("env_config") or {}))
    return backend.REGISTERED_ENVS[env_type](env_config)


def named(names: Iterable[str], actions: Sequence[str]) -> list[str]:
    """Those of `actions` that are among `names`, whatever their case."""
    known = {name.lower() for name in names}
    return [action for action in actions if action.lower() in known]
