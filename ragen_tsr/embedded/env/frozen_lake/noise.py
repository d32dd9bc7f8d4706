"""The numbers that decide slips, as a value: which stream, and how many are drawn, is all there is to save.

Decides how a stream follows from a seed: numpy's PCG64 seeded through ``SeedSequence``, which is how
``gymnasium.utils.seeding.np_random`` makes an environment's generator. A stream is a pure function of its entropy, so
no generator is kept, copied or compared; numbers that were drawn once are remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

FIRST_BLOCK = 16
"""How many numbers are drawn at first; more than most episodes use."""


class NoiseStream:
    """An endless list of numbers in [0, 1); get one with :func:`noise_stream`.

    Immutable, compared by entropy, shared by every state and snapshot that draws from it.
    """

    __slots__ = ("_drawn", "_hash", "entropy")

    def __init__(self, entropy: tuple[int, ...]) -> None:
        self.entropy = entropy
        self._drawn: list[float] = []
        self._hash = hash(entropy)

    def __getitem__(self, index: int) -> float:
        """Number ``index`` (from 0) that the generator would give."""
        try:
            return self._drawn[index]
        except IndexError:
            size = max(FIRST_BLOCK, 2 * (index + 1))
            self._drawn = generator(self.entropy).random(size).tolist()  # the whole list: safe between threads
            return self._drawn[index]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.entropy == other.entropy if isinstance(other, NoiseStream) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"NoiseStream{self.entropy}"

    def __reduce__(self) -> tuple:
        return noise_stream, (self.entropy,)

    def __copy__(self) -> NoiseStream:
        return self

    def __deepcopy__(self, memo: dict) -> NoiseStream:
        return self


def generator(entropy: Sequence[int]) -> np.random.Generator:
    """A generator in the state that this entropy gives."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


@lru_cache(maxsize=4096)  # slots of a group share their seed's stream, siblings under common noise theirs
def noise_stream(entropy: tuple[int, ...]) -> NoiseStream:
    """The stream of these whole numbers (not negative, of any size). A seed's is that of the tuple with it alone."""
    return NoiseStream(entropy)
