"""What the inserted lines of a patched checkout import; see ``patches/``.

Importing it prepares the process. The searching proxy takes the place of ``LLMAgentProxy`` in upstream's trainer, for
its second proxy (gradient analysis) too; the workers take that of upstream's. :func:`lifted` and :func:`prepare_run`
are called by ``train.py``.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from ragen_tsr import backend

if backend.HOME_VARIABLE not in os.environ:
    # The checkout's own train.py runs: the package that is importable is the checkout's.
    _found = importlib.util.find_spec("ragen")
    if _found is None or _found.origin is None:
        raise backend.BackendError(f"{backend.HOME_VARIABLE} is not set, and no package ragen can be imported")
    os.environ[backend.HOME_VARIABLE] = str(Path(_found.origin).resolve().parents[1])

from ragen_tsr.upstream.preparation import prepare

prepare()

from ragen_tsr import platform  # noqa: E402
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy  # noqa: E402
from ragen_tsr.upstream.lifting import lifted  # noqa: E402

if platform.SEED_VARIABLE in os.environ:
    # A process of a run that prepare_run() began: what the trainer draws there follows from the run's seed.
    platform.seed_everything(platform.run_seed())

if TYPE_CHECKING:
    from ragen_tsr.upstream.workers import ActorRolloutRefWorker, CriticWorker

__all__ = ["ActorRolloutRefWorker", "CriticWorker", "SearchAgentProxy", "lifted", "prepare_run"]

_WORKERS = ("ActorRolloutRefWorker", "CriticWorker")


def __getattr__(name: str) -> Any:
    if name in _WORKERS:  # imported where workers are made: the trainer's module needs none
        from ragen_tsr.upstream import workers

        return getattr(workers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def prepare_run(config: DictConfig) -> None:
    """Check the search keys and tell the worker processes what they need to know; before ``ray.init``.

    Raises:
        ValueError: ``search``, ``env_noise`` or ``run_seed`` cannot work; names the key and what is allowed.
    """
    from ragen_tsr.config_checks import check_search
    from ragen_tsr.upstream.search_keys import keep_methods_own

    keep_methods_own(config)
    check_search(config)
    os.environ.update(platform.driver_environment(config))
    kwargs = platform.ray_init_kwargs(config) | {"log_to_driver": True}  # upstream says on the console how it goes
    if "num_cpus" in kwargs:
        kwargs["num_cpus"] += 1  # upstream's trainer is a Ray actor itself
    with open_dict(config):
        config.ray_kwargs = OmegaConf.create({"ray_init": kwargs})
