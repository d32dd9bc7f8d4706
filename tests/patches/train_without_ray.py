"""``python train_without_ray.py WORDS``, in a patched checkout: its ``train.py WORDS`` with everything in this process.

What the script does is done, by its own code; only what it asks of Ray is answered here: an actor is an object, a call
is a call, and the trainer's workers are those of the script's own mapping of roles. For machines without an accelerator
on which starting Ray takes too long.
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path.cwd()
sys.path[:0] = [str(CHECKOUT), str(Path(__file__).resolve().parents[1] / "upstream")]

import ragen.trainer.agent_trainer  # noqa: E402, F401  what it decorates itself stays Ray's
import ray  # noqa: E402
from in_process import GroupOfOne  # noqa: E402
from verl.trainer.ppo.ray_trainer import RayPPOTrainer  # noqa: E402
from verl.trainer.ppo.utils import Role  # noqa: E402
from verl.utils.config import omega_conf_to_dataclass  # noqa: E402


class Called:
    """An actor's method."""

    def __init__(self, method: Any) -> None:
        self.remote = method


class Actor:
    """An actor, whose methods run here."""

    def __init__(self, instance: Any) -> None:
        self._instance = instance

    def __getattr__(self, name: str) -> Called:
        return Called(getattr(self._instance, name))


def init(runtime_env: dict[str, Any], **_: Any) -> None:
    """``ray.init``: what worker processes would find in their environment is put into this one's."""
    os.environ.update(runtime_env["env_vars"])


def remote(*arguments: Any, **options: Any) -> Any:
    """``ray.remote``: of a worker's class nothing is wanted but the class; another is called ``.remote()``."""

    def decorate(cls: Any) -> Any:
        if not cls.__name__.endswith("Worker"):
            cls.remote = classmethod(lambda actor: Actor(actor()))
        return cls

    return decorate(arguments[0]) if arguments else decorate


def init_workers(trainer: Any) -> None:
    """In place of verl's method: the classes that ``train.py`` mapped to the roles, one worker each."""
    critic, actor = (trainer.role_worker_mapping[role] for role in (Role.Critic, Role.ActorRollout))
    for worker in (critic, actor):
        assert worker.__module__ == "ragen_tsr.upstream.workers", f"train.py takes {worker}"
    trainer.critic_wg = GroupOfOne(critic(omega_conf_to_dataclass(trainer.config.critic)))
    trainer.critic_wg.init_model()
    trainer.actor_rollout_wg = GroupOfOne(actor(trainer.config.actor_rollout_ref, "actor_rollout"))
    trainer.actor_rollout_wg.init_model()


def main() -> None:
    """Run the checkout's script."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ.update({**place, "MASTER_PORT": str(port)})
    ray.remote, ray.get, ray.init = remote, lambda value: value, init
    RayPPOTrainer.init_workers = init_workers
    sys.argv[0] = str(CHECKOUT / "train.py")
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
