"""When the rollout engine sleeps, and what a checkpoint carries besides verl's: common to both policies' workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.distributed.tensor import DTensor
from verl.single_controller.base.decorator import Dispatch, register
from verl.utils.device import get_torch_device
from verl.utils.ray_utils import get_event_loop

from ragen_tsr.platform import run_seed
from ragen_tsr.workers import process
from ragen_tsr.workers.rollout import hf_cpu

WAKING_MODES = ("singleturn", "multiturn-start")
SLEEPING_MODES = ("singleturn", "multiturn-end")


class SamplingPolicy:
    """Mixed into a subclass of verl's ``ActorRolloutRefWorker``, before it."""

    _awake = False
    """A rollout has begun and not ended: the engine holds its cache and the sampling RNG is in place."""

    # The worker's.
    rollout: Any
    actor_module_fsdp: Any
    gen_random_states: Any
    config: Any
    rank: int
    _is_actor: bool
    _is_rollout: bool

    def _build_rollout(self, trust_remote_code: bool = False) -> None:
        """verl's, and then numbers of its own for each group of ranks that generates together.

        verl 0.6.1 seeds the generation RNG by rank before it builds the engine, and afterwards keeps the state that
        building has left. vLLM seeds with 0 on every rank, so that all ranks would draw the same numbers, and the slots
        of a group that spans two ranks the same responses.
        """
        super()._build_rollout(trust_remote_code)  # type: ignore[misc]
        sizes = self.config.rollout
        together = sizes.tensor_model_parallel_size * sizes.data_parallel_size * sizes.pipeline_model_parallel_size
        seeds = np.random.SeedSequence([run_seed(), self.rank // together])
        device = get_torch_device()
        training = device.get_rng_state()
        device.manual_seed(int(seeds.generate_state(1)[0]))
        self.gen_random_states = device.get_rng_state()
        device.set_rng_state(training)

    async def trainer_mode(self) -> None:
        """verl's; and an engine that keeps its memory forgets prefixes that were cached under weights about to change.

        verl 0.6.1 asks the engine to release its memory, which resets the prefix cache first, only where
        ``free_cache_engine`` is set. Without it, releasing resets the cache and does nothing else.
        """
        await super().trainer_mode()  # type: ignore[misc]
        if not self.config.rollout.free_cache_engine:
            await self.rollout.release()

    def _sleep(self) -> None:
        """Free what the engine holds and give the RNG back to training; once per rollout."""
        if not self._awake:
            return
        if self._is_actor:
            get_event_loop().run_until_complete(self.trainer_mode())
        get_torch_device().empty_cache()
        self._awake = False

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def weight_fingerprint(self) -> dict[str, str]:
        """SHA-256 of the trained weights and of the rollout engine's: ``{"actor": ..., "rollout": ...}``.

        Equal after a rollout began and before the next update.

        Raises:
            TypeError: the rollout engine is not this project's, so its weights cannot be read.
        """
        if not isinstance(self.rollout, hf_cpu.HFCpuRollout):
            raise TypeError(f"no fingerprint for rollout engine {type(self.rollout).__name__}")
        weights = (
            (name, weight.full_tensor() if isinstance(weight, DTensor) else weight)
            for name, weight in self.actor_module_fsdp.state_dict().items()
        )
        return {"actor": hf_cpu.fingerprint(weights), "rollout": self.rollout.weight_fingerprint()}

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def save_checkpoint(
        self, local_path: str, hdfs_path: str | None = None, global_step: int = 0, max_ckpt_to_keep: int | None = None
    ) -> None:
        """verl's checkpoint, and beside it what sampling needs to go on as if nothing had happened."""
        super().save_checkpoint(local_path, hdfs_path, global_step, max_ckpt_to_keep)  # type: ignore[misc]
        if self._is_rollout:
            engine = self.rollout.state_dict() if isinstance(self.rollout, hf_cpu.HFCpuRollout) else None
            state = {"gen_random_states": self.gen_random_states, "engine": engine}
            process.save_state(local_path, "rollout", state)
        torch.distributed.barrier()

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def load_checkpoint(
        self, local_path: str | None, hdfs_path: str | None = None, del_local_after_load: bool = False
    ) -> None:
        """What :meth:`save_checkpoint` wrote; nothing when ``local_path`` is None."""
        super().load_checkpoint(local_path, hdfs_path, del_local_after_load)  # type: ignore[misc]
        if local_path is not None and self._is_rollout:
            state = process.load_state(local_path, "rollout")
            self.gen_random_states = state["gen_random_states"]
            if isinstance(self.rollout, hf_cpu.HFCpuRollout):
                self.rollout.load_state_dict(state["engine"])
