"""Snapshots of the embedded FrozenLake: the environment's own four-field state, by reference.

Nothing is copied: map and noise stream are immutable and shared, the rest are whole numbers.
"""

from __future__ import annotations

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeState
from ragen_tsr.embedded.env.frozen_lake.noise import noise_stream

from .registry import register


@register(FrozenLakeEnv)
class FrozenLakeSnapshotter:
    """Saves and restores :class:`FrozenLakeState`; where the noise stands is part of it, and of its equality."""

    mergeable = True

    def save(self, env: FrozenLakeEnv) -> FrozenLakeState:
        """The environment's state; ``RuntimeError`` before its first reset."""
        return env.state

    def restore(self, env: FrozenLakeEnv, snapshot: FrozenLakeState) -> None:
        """Go on from ``snapshot``; ``ValueError`` if it was made under other settings."""
        env.state = snapshot

    def reseed(self, env: FrozenLakeEnv, entropy: tuple[int, ...]) -> None:
        """Let the slips from here on be those of a new stream.

        It is the one of ``numpy.random.Generator(PCG64(SeedSequence(entropy)))``, from its first number on.
        """
        env.state = env.state._replace(noise=noise_stream(tuple(entropy)), draws=0)
