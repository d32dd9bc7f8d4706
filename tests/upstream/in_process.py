"""A run's trainer with its workers in this process: no Ray, otherwise the same classes and the same calls.

Ray starts half a dozen processes, each of which imports everything; on a machine that is busy otherwise it gives up.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

from verl.single_controller.ray import RayWorkerGroup
from verl.trainer.ppo.ray_trainer import RayPPOTrainer
from verl.utils.config import omega_conf_to_dataclass

LISTS = ("weight_fingerprint",)
"""Methods whose answers of all workers come as a list."""


class GroupOfOne(RayWorkerGroup):
    """A worker group of one worker, which is called at once; upstream's proxy asks for the type."""

    world_size = 1

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        for name in dir(type(worker)):
            if not name.startswith("_") and callable(getattr(type(worker), name)):
                setattr(self, name, self._listed(name) if name in LISTS else getattr(worker, name))

    def _listed(self, name: str) -> Callable[..., list[Any]]:
        return lambda *arguments, **named: [getattr(self._worker, name)(*arguments, **named)]


def init_workers(trainer: Any) -> None:
    """In place of verl's method, which places the workers on Ray's devices."""
    from ragen_tsr import backend

    if trainer.use_critic:
        trainer.critic_wg = GroupOfOne(backend.RunCriticWorker(omega_conf_to_dataclass(trainer.config.critic)))
        trainer.critic_wg.init_model()
    actor = backend.RunActorRolloutRefWorker(trainer.config.actor_rollout_ref, "actor_rollout")
    trainer.actor_rollout_wg = GroupOfOne(actor)
    trainer.actor_rollout_wg.init_model()


@contextlib.contextmanager
def started_trainer(config: Any, display: Any = None) -> Iterator[Any]:
    """In place of ``ragen_tsr.train.started_trainer``; for ``trainer.n_gpus_per_node=1`` and no accelerator."""
    from ragen_tsr import platform, train
    from ragen_tsr.platform.ray_init import worker_environment

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    worker = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ.update({**worker, "MASTER_PORT": str(port), **worker_environment(config)})
    platform.prepare()
    theirs = RayPPOTrainer.init_workers
    RayPPOTrainer.init_workers = init_workers
    try:
        trainer = train.build_trainer(config)
        if display is not None:
            trainer.progress = display
        trainer.init_workers()
        trainer.init_agent_proxy()
        yield trainer
    finally:
        RayPPOTrainer.init_workers = theirs
