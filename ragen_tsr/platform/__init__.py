"""Running verl's FSDP workers where there is no accelerator.

Decides whether this machine has one (:func:`has_accelerator`), what verl lacks without it (:mod:`.patches`, applied by
:func:`prepare`), how Ray is told about devices that do not exist (:mod:`.ray_init`) and how a process is seeded
(:mod:`.seeding`). Leaves to the workers everything that a subclass can say, and to ``config/scale/cpu.yaml`` everything
that a config key can say. With an accelerator, :func:`prepare` does nothing.
"""

from __future__ import annotations

from ragen_tsr.platform.device import describe, device_name, has_accelerator
from ragen_tsr.platform.patches import prepare
from ragen_tsr.platform.ray_init import driver_environment, ray_init_kwargs
from ragen_tsr.platform.seeding import SEED_VARIABLE, run_seed, seed_everything

__all__ = [
    "SEED_VARIABLE",
    "describe",
    "device_name",
    "driver_environment",
    "has_accelerator",
    "prepare",
    "ray_init_kwargs",
    "run_seed",
    "seed_everything",
]
