"""Where a row's sampling noise comes from: a key, never a global generator.

The key is (run seed, stream, rollout, call, row). A row's noise therefore depends neither on how rows are bucketed or
spread over ranks nor on what else was drawn, and training's does not depend on how often validation ran.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

STREAMS = ("train", "validate")


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
            rows: global row indices, i.e. the row's place in the batch before it was split over ranks.
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
