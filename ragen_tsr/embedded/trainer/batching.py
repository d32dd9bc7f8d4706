"""Makes a filtered batch divisible: into mini-batches, among the workers.

Which rows are repeated or left out is drawn from a seed that the caller gives, never from a global generator,
so that a resumed run draws as the uninterrupted one did.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from verl import DataProto

ADJUST_MODES = ("copy", "delete")


def adjust_batch(batch: DataProto, size_divisor: int, mode: str = "copy", seed: int | Sequence[int] = 0) -> DataProto:
    """Repeat or remove random rows until the batch's size is a multiple of `size_divisor` (upstream's rule).

    Args:
        batch: any number of rows; returned as it is when nothing needs doing
        mode: `copy` appends repeated rows (different ones as far as they reach), `delete` removes rows, and
            leaves none when there are fewer than `size_divisor`
        seed: what the choice is drawn from; the trainer gives (run seed, step)
    Raises ValueError for another mode.
    """
    if mode not in ADJUST_MODES:
        raise ValueError(f"agent_proxy.batch_adjust_mode is {mode!r}; allowed: {', '.join(ADJUST_MODES)}")
    size = len(batch)
    excess = size % size_divisor
    if excess == 0:
        return batch
    rng = np.random.default_rng(seed)
    if mode == "delete":
        keep = np.ones(size, dtype=bool)
        keep[rng.choice(size, excess, replace=False)] = False
        return batch.select_idxs(keep)
    missing = size_divisor - excess
    repeated = rng.choice(size, missing, replace=missing > size)
    return batch.select_idxs(np.concatenate([np.arange(size), repeated]))
