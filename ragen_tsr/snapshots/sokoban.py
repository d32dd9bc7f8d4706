"""Snapshots of the embedded Sokoban: the environment's own four-field state, by reference.

Nothing is copied: the board is immutable and shared, the rest are whole numbers.
"""

from __future__ import annotations

from ragen_tsr.embedded.env.sokoban import SokobanEnv, SokobanState

from .registry import register


@register(SokobanEnv)
class SokobanSnapshotter:
    """Saves and restores :class:`SokobanState`; the game is deterministic, so there is no ``reseed``."""

    mergeable = True
    reseed = None

    def save(self, env: SokobanEnv) -> SokobanState:
        """The environment's state; ``RuntimeError`` before its first reset."""
        return env.state

    def restore(self, env: SokobanEnv, snapshot: SokobanState) -> None:
        """Go on from ``snapshot``; ``ValueError`` if it was made under other settings."""
        env.state = snapshot
