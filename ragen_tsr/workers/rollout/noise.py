"""Where a row's sampling noise comes from: a key, never a global generator.

The key is (run seed, stream, rollout, call, row). A row's noise therefore depends neither on how rows are bucketed or
spread over ranks nor on what else was drawn, and training's does not depend on how often validation ran.

In training a row's number is its place in the batch. In validation the caller gives numbers that follow from the
prompt's place in the prompt set (:func:`places`), and the rollout's number, which follows from the step: an episode is
then the same whether it is played among 256 prompts, among 64, or by itself, in the run or after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

STREAMS = ("train", "validate")
OPENING_MODES = ("singleturn", "multiturn-start")
"""What ``meta_info["mode"]`` says in the first call of a rollout."""

ROWS_KEY = "noise_rows"
"""Name in ``non_tensor_batch`` of the row numbers that the caller gives; int64 ``[rows]``."""
ROLLOUT_KEY = "noise_rollout"
"""Name in ``meta_info`` of the rollout's number that the caller gives; without it rollouts are counted."""
SAMPLE_STRIDE = 1 << 20
"""Numbers from one sample of a prompt to the next; more than there are places."""


def places(slots: Iterable[int]) -> np.ndarray:
    """Row numbers that depend on each row's slot and on how many earlier rows are the slot's: int64 ``[rows]``."""
    seen: Counter[int] = Counter()
    numbers = []
    for slot in map(int, slots):
        numbers.append(slot + SAMPLE_STRIDE * seen[slot])
        seen[slot] += 1
    return np.array(numbers, dtype=np.int64)


@dataclass(frozen=True)
class CallKey:
    """Names one ``generate_sequences`` call of one run."""

    run_seed: int
    stream: str
    """``train`` or ``validate``: each counts its rollouts by itself."""
    rollout: int
    call: int

    def row_uniforms(self, rows: Iterable[int], length: int) -> np.ndarray:
        """One uniform number in [0, 1) for each token of each row: float64 ``[rows, length]``.

        Args:
            rows: row numbers: global row indices, i.e. the row's place in the batch before it was split over ranks, or
                what :func:`places` gives.
            length: tokens; the first n of a longer draw equal a draw of n.
        """
        stream = STREAMS.index(self.stream)
        draws = [
            np.random.Generator(
                np.random.Philox(np.random.SeedSequence((self.run_seed, stream, self.rollout, self.call, row)))
            ).random(length)
            for row in rows
        ]
        return np.stack(draws) if draws else np.empty((0, length))
