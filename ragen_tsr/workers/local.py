"""The rollout engine without Ray or an actor: a worker group of one, in this process, that only samples.

For rollouts with fixed weights (comparisons of search methods, evaluation). Prompts, sampling and noise keys are
the training worker's, since the engine is the same. Only its model may stand on a GPU.
"""

from __future__ import annotations

import copy
import os
from types import SimpleNamespace
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from verl import DataProto
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import HFModelConfig

from ragen_tsr.platform.seeding import SEED_VARIABLE
from ragen_tsr.workers.rollout.hf_cpu import HFCpuRollout
from ragen_tsr.workers.sections import for_verl


class LocalRolloutWorkers:
    """Generates with the model at ``config.actor_rollout_ref.model.path``, as ``RayWorkerGroup`` would.

    Args:
        config: The composed configuration with ``model_path`` resolved; ``run_seed`` keys the sampling noise.
        tokenizer: The policy's; its end and padding tokens are used.
        device: Where the model computes; prompts and responses are on the CPU.
        dtype: Of the weights; None: ``actor_rollout_ref.rollout.dtype``.
    """

    world_size = 1

    def __init__(self, config: DictConfig, tokenizer: Any, device: str = "cpu", dtype: str | None = None) -> None:
        os.environ[SEED_VARIABLE] = str(config.run_seed)
        resolved = copy.deepcopy(config)
        OmegaConf.resolve(resolved)  # the copy that for_verl makes loses sight of the other sections
        settings = for_verl(resolved.actor_rollout_ref)
        with open_dict(settings):
            # verl's default is flash attention, which knows no masks of a cache that rows share.
            settings.model.override_config.setdefault("attn_implementation", "sdpa")
            settings.rollout.dtype = dtype or settings.rollout.dtype
        self._token_ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
        self._engine = HFCpuRollout(
            config=omega_conf_to_dataclass(settings.rollout),
            model_config=omega_conf_to_dataclass(settings.model, dataclass_type=HFModelConfig),
            device_mesh={"dp": SimpleNamespace(get_local_rank=lambda: 0)},
        )
        self._engine.model.to(device)

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """One response per row; see ``HFCpuRollout.generate_sequences``. A closing call samples nothing."""
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        prompts.meta_info.update(self._token_ids)
        return self._engine.generate_sequences(prompts)
