"""Seeds of a process: set before a model is built, because verl seeds nothing.

Without this the critic's value head, which no checkpoint holds, differs from start to start. The run's seed reaches the
worker processes by environment variable, as the choice of backend does, because verl's worker configurations have no
field for it.
"""

from __future__ import annotations

import os
import random

import numpy as np
import torch

SEED_VARIABLE = "RAGEN_TSR_RUN_SEED"


def run_seed() -> int:
    """The run's seed, as the driver exported it.

    Raises:
        RuntimeError: the variable is missing or no integer, so the process was not started by this project's driver.
    """
    value = os.environ.get(SEED_VARIABLE)
    if value is None or not value.isdigit():
        raise RuntimeError(
            f"{SEED_VARIABLE}={value!r} in this worker process: it must hold the run's seed, an integer >= 0; "
            f"start Ray with ragen_tsr.platform.ray_init_kwargs(config)"
        )
    return int(value)


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators (torch's on every device)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
