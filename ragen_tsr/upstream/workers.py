"""Upstream's workers with what a run of ours needs added, on any machine.

Generation, updates and the critic's building are upstream's. Added: the closing call of a rollout puts the engine to
sleep, models are built from the run's seed, checkpoints carry the state of sampling, and without an accelerator the
processes join gloo and sample with the engine ``hf_cpu``.
"""

from __future__ import annotations

from ragen_tsr import backend

# Prepares the process, before upstream's workers are imported.
_UpstreamPolicy = backend.ActorRolloutRefWorker
_UpstreamCritic = backend.CriticWorker

from typing import Any  # noqa: E402

from omegaconf import DictConfig  # noqa: E402
from verl import DataProto  # noqa: E402
from verl.single_controller.base.decorator import (  # noqa: E402
    Dispatch,
    make_nd_compute_dataproto_dispatch_fn,
    register,
)
from verl.utils.fsdp_utils import fsdp_version  # noqa: E402

from ragen_tsr import platform  # noqa: E402
from ragen_tsr.workers import process  # noqa: E402
from ragen_tsr.workers.policy import SLEEPING_MODES, WAKING_MODES, SamplingPolicy  # noqa: E402
from ragen_tsr.workers.rollout import hf_cpu  # noqa: E402

hf_cpu.register()


class ActorRolloutRefWorker(SamplingPolicy, _UpstreamPolicy):  # type: ignore[misc, valid-type]
    """Upstream's policy (``ragen.workers.fsdp_workers.ActorRolloutRefWorker``)."""

    def __init__(self, config: DictConfig, role: str, **kwargs: Any) -> None:
        process.start(int(config.get("nccl_timeout", 600)), upstream=True)
        super().__init__(config, role, **kwargs)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        """Build, seeded."""
        platform.seed_everything(platform.run_seed())
        super().init_model()
        if self._is_actor:
            _unwrap(self.actor_module_fsdp)

    @register(dispatch_mode=make_nd_compute_dataproto_dispatch_fn(mesh_name="rollout"))
    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """Upstream's; but the closing call of a rollout that ended early (``skip_generation``) lets the engine sleep.

        Upstream returns from it before the change back to training: the cache is kept, and the next rollout draws the
        same random numbers again.
        """
        mode = prompts.meta_info.get("mode", "singleturn")
        output = super().generate_sequences(prompts)  # refuses what is no mode, and skipping where nothing ends
        if prompts.meta_info.get("skip_generation", False):
            self._sleep()
        elif mode in SLEEPING_MODES:
            self._awake = False
        elif mode in WAKING_MODES:
            self._awake = True
        return output


class CriticWorker(_UpstreamCritic):  # type: ignore[misc, valid-type]
    """Upstream's value function (``ragen.workers.fsdp_workers.CriticWorker``)."""

    def __init__(self, config: Any) -> None:
        process.start(int(config.get("nccl_timeout", 600)), upstream=True)
        super().__init__(config)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        """Build, seeded: the value head is in no checkpoint of a language model, so it is drawn here."""
        platform.seed_everything(platform.run_seed())
        super().init_model()
        _unwrap(self.critic_module)


def _unwrap(module: Any) -> None:
    """Let an fsdp2 module answer upstream's question for the module inside FSDP's wrapper: itself."""
    if fsdp_version(module) == 2:
        module.__dict__["_fsdp_wrapped_module"] = module  # not by assignment, which would make it a part of itself
