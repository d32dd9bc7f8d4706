"""verl's FSDP workers under RAGEN's contract, on any machine.

Decides when the rollout engine wakes (RAGEN's modes) and what a process is seeded with. Leaves sleeping and checkpoints
to :mod:`ragen_tsr.workers.policy`, building, sharding, optimising and saving to verl, sampling to the rollout engine,
and the differences in the update to :mod:`.actor` and :mod:`.critic`.
"""

from __future__ import annotations

from ragen_tsr import platform

platform.prepare()  # before verl's workers are imported: they bind device helpers by name

from typing import Any  # noqa: E402

from omegaconf import DictConfig  # noqa: E402
from verl import DataProto  # noqa: E402
from verl.single_controller.base.decorator import (  # noqa: E402
    Dispatch,
    make_nd_compute_dataproto_dispatch_fn,
    register,
)
from verl.utils.config import omega_conf_to_dataclass  # noqa: E402
from verl.utils.device import get_device_id  # noqa: E402
from verl.utils.profiler import DistProfiler, simple_timer  # noqa: E402
from verl.utils.ray_utils import get_event_loop  # noqa: E402
from verl.workers.fsdp_workers import ActorRolloutRefWorker as VerlActorRolloutRefWorker  # noqa: E402
from verl.workers.fsdp_workers import CriticWorker as VerlCriticWorker  # noqa: E402

from ragen_tsr.embedded.workers.actor import DataParallelPPOActor  # noqa: E402
from ragen_tsr.embedded.workers.critic import DataParallelPPOCritic  # noqa: E402
from ragen_tsr.workers import process  # noqa: E402
from ragen_tsr.workers.policy import SLEEPING_MODES, WAKING_MODES, SamplingPolicy  # noqa: E402
from ragen_tsr.workers.rollout import hf_cpu  # noqa: E402
from ragen_tsr.workers.sections import for_verl  # noqa: E402

hf_cpu.register()

MODES = ("singleturn", "multiturn-start", "multiturn-middle", "multiturn-end")


class ActorRolloutRefWorker(SamplingPolicy, VerlActorRolloutRefWorker):
    """The policy: trained by FSDP, sampled by the rollout engine (``ragen.workers.fsdp_workers``)."""

    def __init__(self, config: DictConfig, role: str, **kwargs: Any) -> None:
        process.start(int(config.get("nccl_timeout", 600)))
        super().__init__(for_verl(config), role, **kwargs)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        """Build, seeded: the policy, its optimiser and the rollout engine."""
        platform.seed_everything(platform.run_seed())
        super().init_model()
        if self._is_actor:
            self.actor = DataParallelPPOActor(
                config=omega_conf_to_dataclass(self.config.actor),
                actor_module=self.actor_module_fsdp,
                actor_optimizer=self.actor_optimizer,
            )

    @register(dispatch_mode=make_nd_compute_dataproto_dispatch_fn(mesh_name="rollout"))
    @DistProfiler.annotate(color="red", role="rollout_generate")
    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """Sample one response per row; ``meta_info["mode"]`` says where in a rollout the call stands.

        The engine wakes (and takes the actor's weights) on ``singleturn`` and ``multiturn-start``, and sleeps on
        ``singleturn`` and ``multiturn-end``. A rollout that ends early closes with ``multiturn-end`` and
        ``skip_generation``, which samples nothing, returns ``prompts``, and sleeps too.

        Raises:
            ValueError: an unknown mode, or ``skip_generation`` in a mode that does not close.
        """
        assert self._is_rollout
        mode = prompts.meta_info.get("mode", "singleturn")
        skip = bool(prompts.meta_info.get("skip_generation", False))
        if mode not in MODES:
            raise ValueError(f"meta_info['mode']={mode!r}: must be one of {', '.join(MODES)}")
        if skip and mode != "multiturn-end":
            raise ValueError(f"meta_info['skip_generation'] with mode {mode!r}: only 'multiturn-end' may skip")
        if skip:
            self._sleep()
            return prompts.to("cpu")
        if mode in WAKING_MODES:
            self._wake()
        prompts = prompts.to(get_device_id())
        prompts.meta_info.update(self._token_ids())
        seconds: dict[str, float] = {}
        with simple_timer("generate_sequences", seconds):
            output = self.rollout.generate_sequences(prompts=prompts)
        if mode in SLEEPING_MODES:
            self._sleep()
        output.meta_info["timing"] = process.timing(seconds["generate_sequences"])
        return output.to("cpu")

    def _token_ids(self) -> dict[str, Any]:
        """Where sequences end and what pads them: the generation configuration's, else the tokenizer's."""
        source = self.generation_config if self.generation_config is not None else self.tokenizer
        ends = source.eos_token_id if source.eos_token_id is not None else []
        ends = [ends] if isinstance(ends, int) else list(ends)
        if self.tokenizer.eos_token_id is not None and self.tokenizer.eos_token_id not in ends:
            ends.append(self.tokenizer.eos_token_id)
        pad = source.pad_token_id if source.pad_token_id is not None else self.tokenizer.pad_token_id
        return {"eos_token_id": ends, "pad_token_id": pad}

    def _wake(self) -> None:
        """Give the engine the actor's weights and the sampling RNG."""
        if self._is_actor:
            get_event_loop().run_until_complete(self.rollout_mode())
        self._awake = True


class CriticWorker(VerlCriticWorker):
    """The value function (``ragen.workers.fsdp_workers.CriticWorker``)."""

    def __init__(self, config: Any) -> None:
        process.start(int(config.get("nccl_timeout", 600)))
        super().__init__(config)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        """Build, seeded: the value head is in no checkpoint of a language model, so it is drawn here."""
        platform.seed_everything(platform.run_seed())
        super().init_model()
        self.critic = DataParallelPPOCritic(
            config=self.config, critic_module=self.critic_module, critic_optimizer=self.critic_optimizer
        )
