"""What a scorer is given, and what it must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

RankBy = Literal["accumulated", "last"]
"""Whether a scorer's values add up over the path (rewards) or the latest stands for the state (proxies)."""


@dataclass(frozen=True)
class EnvView:
    """The environment as it stands before or after a turn."""

    env_type: str
    """The key of the environment's class in the registry of environments."""
    state: str
    """The observation as text."""
    snapshot: Any
    """What the environment's snapshotter saved, for scorers that know its type."""
    done: bool
    success: bool


@dataclass(frozen=True)
class Turn:
    """What happened between the two."""

    actions: tuple[Any, ...]
    """Actions executed, in order; none for an invalid response."""
    reward: float
    """Sum of the environment's rewards."""
    penalty: float
    """The format penalty that this turn incurred, zero or negative."""
    info: Mapping[str, Any]
    """What the environment reported."""
    response: str
    """The policy's text."""


class Scorer(Protocol):
    """S(prefix, action, outcome) of the paper's equation 5: how desirable a turn was."""

    rank_by: RankBy

    def __call__(self, before: EnvView, turn: Turn, after: EnvView) -> float:
        """The turn's score, larger is better; never nan."""
        ...
