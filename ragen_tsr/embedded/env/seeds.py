"""Which seeds an environment can be reset with: those that upstream's generators take."""

from __future__ import annotations

import random

MAX_SEED = 2**32 - 1


def check_seed(seed: object) -> int:
    """The seed as an ``int``; ``ValueError`` unless it is a whole number in ``[0, 2**32 - 1]``."""
    try:
        number = seed.__index__()  # type: ignore[attr-defined]
    except AttributeError:
        number = -1
    if not 0 <= number <= MAX_SEED:
        raise ValueError(f"seed={seed!r}: allowed are None and whole numbers from 0 to {MAX_SEED}")
    return number


def seed_or_any(seed: int | None) -> int:
    """The seed, checked; for ``None`` one drawn from the operating system."""
    return random.SystemRandom().randrange(MAX_SEED + 1) if seed is None else check_seed(seed)
