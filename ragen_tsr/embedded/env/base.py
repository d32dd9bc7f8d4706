"""The interface between an environment and the runtime.

Decides what every environment offers and its signatures, which are upstream's
(``ragen.env.base``). Leaves to each environment what an observation looks like, and to
:mod:`ragen_tsr.snapshots` how its state is saved.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class BaseEnv(ABC):
    """An episodic environment that is observed through text (or an image)."""

    @abstractmethod
    def reset(self, seed: int | None = None, **kwargs: Any) -> Any:
        """Start an episode and return its first observation; equal seeds start equal episodes."""

    @abstractmethod
    def step(self, action: Any) -> tuple[Any, float, bool, dict[str, Any]]:
        """Execute one action and return ``(observation, reward, done, info)``."""

    @abstractmethod
    def render(self, mode: str | None = None) -> Any:
        """The current observation; ``mode`` names another form of it than the configured one."""

    def close(self) -> None:  # noqa: B027 - most environments hold nothing
        """Release what the environment holds."""


class BaseDiscreteActionEnv(BaseEnv):
    """An environment whose actions are integers."""

    @abstractmethod
    def step(self, action: int) -> tuple[Any, float, bool, dict[str, Any]]:
        """Execute one action by its number."""

    @abstractmethod
    def get_all_actions(self) -> list[int]:
        """The numbers of the actions that a policy may choose."""


class BaseLanguageBasedEnv(BaseEnv):
    """An environment whose actions are text."""

    @abstractmethod
    def step(self, action: str) -> tuple[Any, float, bool, dict[str, Any]]:
        """Execute one action given as text."""
