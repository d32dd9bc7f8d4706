"""How Ray is started for a run: devices, environment of the workers, and how much of the machine it takes.

verl places one worker on each GPU that Ray knows of. Without accelerators Ray is told of as many logical GPUs as the
configuration asks for in ``trainer.n_gpus_per_node``; nothing ever looks behind them.
"""

from __future__ import annotations

import sys
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ragen_tsr.platform.device import has_accelerator, usable_cores
from ragen_tsr.platform.seeding import SEED_VARIABLE

OBJECT_STORE_BYTES = 512 * 2**20
"""Ray's shared memory on a machine without accelerators: batches there are some MB."""


def ranks_of(config: DictConfig) -> int:
    """Worker processes that the configuration asks for on this node.

    Raises:
        ValueError: ``trainer.n_gpus_per_node`` is no integer >= 1.
    """
    ranks = OmegaConf.select(config, "trainer.n_gpus_per_node")
    if isinstance(ranks, bool) or not isinstance(ranks, int) or ranks < 1:
        raise ValueError(f"trainer.n_gpus_per_node={ranks!r}: must be an integer >= 1")
    return ranks


def driver_environment(config: DictConfig) -> dict[str, str]:
    """What the driver must put into ``os.environ`` before it calls ``ray.init``.

    The device list has one entry per rank, also where no device exists: Ray refuses to hand out more GPUs than
    ``CUDA_VISIBLE_DEVICES`` names. The other variable stops Ray from warning that it will not touch the list.
    """
    if has_accelerator():
        return {}
    devices = ",".join(str(rank) for rank in range(ranks_of(config)))
    return {"CUDA_VISIBLE_DEVICES": devices, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def worker_environment(config: DictConfig) -> dict[str, str]:
    """The variables that every worker process of a run needs: backend, run seed, threads, quiet logs."""
    from ragen_tsr import backend

    seed = OmegaConf.select(config, "run_seed")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"run_seed={seed!r}: must be an integer >= 0")
    variables = {
        **backend.environment(),
        SEED_VARIABLE: str(seed),
        "TOKENIZERS_PARALLELISM": "true",
        "NCCL_DEBUG": "WARN",
        "VLLM_LOGGING_LEVEL": "WARN",
    }
    if not has_accelerator():
        threads = max(1, usable_cores() // ranks_of(config))
        variables |= {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "false",
        }
        if sys.platform == "linux" and OmegaConf.select(config, "trainer.nnodes", default=1) == 1:
            variables["GLOO_SOCKET_IFNAME"] = "lo"  # gloo looks up the host's name otherwise, which may have no address
    return variables


def ray_init_kwargs(config: DictConfig) -> dict[str, Any]:
    """Arguments for ``ray.init``; keys of ``ray_kwargs.ray_init`` in the configuration win.

    Raises:
        ValueError: ``trainer.n_gpus_per_node`` or ``run_seed`` cannot work.
    """
    given = OmegaConf.select(config, "ray_kwargs.ray_init")
    settings: Any = {} if given is None else OmegaConf.to_container(given, resolve=True)
    asked: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    runtime = asked.pop("runtime_env", None) or {}
    runtime["env_vars"] = {**worker_environment(config), **(runtime.get("env_vars") or {})}
    kwargs: dict[str, Any] = {
        "runtime_env": runtime,
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": "warning",
    }
    if not has_accelerator():
        ranks = ranks_of(config)
        kwargs |= {
            "num_gpus": ranks,
            "num_cpus": max(usable_cores(), ranks) + 1,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
    return kwargs | asked
