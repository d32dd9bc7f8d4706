"""Makes upstream's modules importable and runnable on this machine, in this process."""

from __future__ import annotations

import importlib
import logging
from functools import cache

from ragen_tsr import platform
from ragen_tsr.upstream import repairs
from ragen_tsr.upstream.stand_ins import stand_ins

logger = logging.getLogger(__name__)

IMPORTED = (
    "ragen.llm_agent.agent_proxy",
    "ragen.workers.fsdp_workers",
    "ragen.workers.actor.dp_actor",
    "ragen.workers.critic.dp_critic",
    "ragen.trainer.core_algos",
)
"""Upstream's modules that import packages which may be missing, or are repaired."""


@cache
def prepare() -> None:
    """Import upstream's modules, with stand-ins for packages that are not installed, and repair them.

    Where there is no accelerator the platform's patches are applied first. Called by :mod:`ragen_tsr.backend` when it
    resolves upstream; calling it again does nothing.

    Raises:
        ragen_tsr.backend.BackendError: ``RAGEN_HOME`` is not set, is no checkout of the pin, or a package that upstream
            cannot do without is missing.
    """
    from ragen_tsr import backend

    backend.put_upstream_on_path()
    platform.prepare()
    import verl.workers.fsdp_workers  # noqa: F401  before anything is stood in for: what verl finds missing is missing

    with stand_ins() as made:
        for module in IMPORTED:
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                raise backend.BackendError(
                    f"upstream's {module} needs the package {error.name!r}, which is not installed; "
                    f"install what config/constraints/upstream-cpu.txt lists"
                ) from error
    if made:
        logger.info("not installed, and not needed here: %s", ", ".join(made))
    repairs.apply()
