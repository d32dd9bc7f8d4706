"""A walk along a ledge whose luck is written down: which stream of noise is kind decides how every leap ends.

``Walk`` is one step on for sure, ``Leap`` one step on if the stream is kind and a fall if not; each step is worth
1. ``Home`` ends the episode with success, worth 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

Entropy = tuple[int, ...]


@dataclass
class LedgeConfig:
    action_lookup: dict[int, str] = field(default_factory=lambda: {1: "Walk", 2: "Leap", 3: "Home"})


class Ledge:
    kind: ClassVar[Callable[[Entropy], bool]] = staticmethod(lambda entropy: True)
    """Whether a leap succeeds under the noise of this entropy."""

    def __init__(self, config: LedgeConfig) -> None:
        self.config = config
        self.steps, self.fallen, self.noise = 0, False, ()

    def reset(self, seed: int | None = None, mode: str | None = None) -> str:
        self.steps, self.fallen, self.noise = 0, False, (seed,)
        return self.render()

    def step(self, action: int) -> tuple[str, int, bool, dict[str, Any]]:
        home = action == 3
        self.fallen = action == 2 and not type(self).kind(self.noise)
        gained = 10 if home else int(not self.fallen)
        self.steps += not (home or self.fallen)
        return self.render(), gained, home or self.fallen, {"success": home}

    def render(self) -> str:
        return "fallen" if self.fallen else f"step {self.steps}"

    def close(self) -> None:
        pass


class LedgeSnapshotter:
    mergeable = True

    def __init__(self) -> None:
        self.reseeded: list[Entropy] = []
        """Every noise that an environment was given."""

    def save(self, env: Ledge) -> Any:
        return env.steps, env.fallen, env.noise

    def restore(self, env: Ledge, snapshot: Any) -> None:
        env.steps, env.fallen, env.noise = snapshot

    def reseed(self, env: Ledge, entropy: Entropy) -> None:
        self.reseeded.append(entropy)
        env.noise = entropy


@dataclass(frozen=True)
class LedgeScorer:
    """The step one stands on; 10 less for having fallen."""

    rank_by: ClassVar[str] = "last"

    def __call__(self, before: Any, turn: Any, after: Any) -> float:
        steps, fallen, _ = after.snapshot
        return steps - 10.0 * fallen
