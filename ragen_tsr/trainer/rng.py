"""The global random generators of a process: Python's, numpy's and torch's (CPU).

Nothing in a run should hang on them, but libraries draw from them; so they are saved with a checkpoint.
Seeding is `platform.seeding`'s.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def rng_state() -> dict[str, Any]:
    """The state of all three, to be pickled."""
    return {"random": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()}


def set_rng_state(state: dict[str, Any]) -> None:
    """Put back what `rng_state` returned."""
    random.setstate(state["random"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
