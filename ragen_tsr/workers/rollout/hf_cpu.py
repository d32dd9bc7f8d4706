"""``actor_rollout_ref.rollout.name=hf_cpu``: transformers' model inside verl's worker.

Decides how verl's rollout interface maps to :func:`.generation.generate`: its own copy of the model, weights synced
from the actor when a rollout starts, counters for the noise keys. Sleeping frees the key-value cache; there is nothing
else to free, and the weights stay so that they can be inspected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from tensordict import TensorDict
from transformers import AutoModelForCausalLM
from verl import DataProto
from verl.utils.torch_dtypes import PrecisionType
from verl.workers.rollout.base import _ROLLOUT_REGISTRY, BaseRollout

from ragen_tsr.platform.seeding import run_seed
from ragen_tsr.workers.rollout import attention
from ragen_tsr.workers.rollout.generation import Ending, Limits, generate
from ragen_tsr.workers.rollout.noise import OPENING_MODES, ROLLOUT_KEY, ROWS_KEY, STREAMS, CallKey
from ragen_tsr.workers.rollout.prefill import Prefixes
from ragen_tsr.workers.rollout.sampling import Sampling

NAME = "hf_cpu"


def register() -> None:
    """Enter the engine into verl's registry of synchronous rollouts."""
    _ROLLOUT_REGISTRY[(NAME, "sync")] = f"{__name__}.{HFCpuRollout.__qualname__}"


@dataclass
class Counters:
    """How many rollouts of each stream were begun, and calls of the current one: the moving part of a noise key."""

    rollouts: dict[str, int]
    call: int = 0

    @classmethod
    def new(cls) -> Counters:
        """Counters of a run that has not begun."""
        return cls(dict.fromkeys(STREAMS, 0))


def fingerprint(weights: Iterable[tuple[str, torch.Tensor]]) -> str:
    """SHA-256 over names, shapes and bytes of the weights in the order of their names."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights, key=lambda item: item[0]):
        weight = weight.detach().cpu().contiguous()
        digest.update(f"{name}{tuple(weight.shape)}{weight.dtype}".encode())
        digest.update(weight.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class HFCpuRollout(BaseRollout):
    """Samples responses with a transformers model on the CPU (``verl.workers.rollout.base.BaseRollout``)."""

    def __init__(self, config: Any, model_config: Any, device_mesh: Any) -> None:
        super().__init__(config=config, model_config=model_config, device_mesh=device_mesh)
        ranks = self.config.tensor_model_parallel_size * self.config.pipeline_model_parallel_size
        if ranks != 1:
            raise ValueError(
                f"actor_rollout_ref.rollout: tensor_model_parallel_size * pipeline_model_parallel_size is {ranks}, "
                f"must be 1 for name={NAME}"
            )
        self.model = AutoModelForCausalLM.from_pretrained(
            self.model_config.local_path,
            config=self.model_config.hf_config,
            attn_implementation=_attention(self.model_config.hf_config._attn_implementation),
            torch_dtype=PrecisionType.to_dtype(self.config.dtype),
            trust_remote_code=self.model_config.trust_remote_code,
        ).eval()
        self.model.requires_grad_(False)
        self.limits = _limits(self.config.engine_kwargs.get(NAME) or {})
        self.counters = Counters.new()
        self.prefixes = Prefixes()

    async def resume(self, tags: list[str]) -> None:
        """Nothing to take back: memory is allocated when it is used."""

    async def release(self) -> None:
        """Drop what a rollout kept between its calls."""
        self.prefixes = Prefixes()

    async def update_weights(self, weights: Iterable[tuple[str, torch.Tensor]], **_: Any) -> None:
        """Copy the actor's full weights into the rollout's model.

        Raises:
            KeyError: a weight is missing or is not the model's.
        """
        own = self.model.state_dict(keep_vars=False)
        missing = set(own)
        for name, weight in weights:
            if name not in own:
                raise KeyError(f"the rollout's model has no weight {name!r}")
            own[name].copy_(weight)
            missing.discard(name)
        self.prefixes = Prefixes()
        if missing:
            raise KeyError(f"the actor did not send the weights {sorted(missing)}")

    def weight_fingerprint(self) -> str:
        """:func:`fingerprint` of the rollout's weights."""
        return fingerprint(self.model.state_dict().items())

    def state_dict(self) -> dict[str, Any]:
        """The counters of the noise keys, for the checkpoint."""
        return asdict(self.counters)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What :meth:`state_dict` gave."""
        self.counters = Counters(**state)

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """Sample one response per row.

        Args:
            prompts: ``input_ids``, ``attention_mask``, ``position_ids``, each ``[rows, P]`` and padded on the left;
                ``meta_info`` as verl's: ``mode``, ``validate``, ``do_sample``, ``eos_token_id``, ``pad_token_id``; what
                keys the noise may be given, see :mod:`.noise`.

        Returns:
            ``prompts`` ``[rows, P]``, ``responses`` ``[rows, R]`` padded on the right, ``input_ids``,
            ``attention_mask`` and ``position_ids`` ``[rows, P + R]``, and float32 ``rollout_log_probs`` and
            ``rollout_entropies`` ``[rows, R]``; R is ``actor_rollout_ref.rollout.response_length``.
        """
        meta = prompts.meta_info
        ids, mask = prompts.batch["input_ids"], prompts.batch["attention_mask"]
        rows, length = ids.shape[0], int(self.config.response_length)
        key = self._next_key(meta)
        first = self.device_mesh["dp"].get_local_rank() * rows
        numbers = prompts.non_tensor_batch.get(ROWS_KEY, range(first, first + rows))
        ending = Ending(length, _token_set(meta["eos_token_id"]), int(meta["pad_token_id"]))
        result = generate(
            self.model,
            [tuple(row[seen.bool()].tolist()) for row, seen in zip(ids, mask, strict=True)],
            torch.from_numpy(key.row_uniforms(numbers, length)),
            self._sampling(meta),
            ending,
            self.limits,
            self.prefixes,
        )
        seen = (torch.arange(length) < result.lengths.unsqueeze(-1)).to(mask.dtype)  # [rows, R]
        positions = prompts.batch["position_ids"]
        batch = TensorDict(
            {
                "prompts": ids,
                "responses": result.tokens,
                "input_ids": torch.cat([ids, result.tokens], dim=-1),
                "attention_mask": torch.cat([mask, seen], dim=-1),
                "position_ids": torch.cat([positions, positions[:, -1:] + torch.arange(1, length + 1)], dim=-1),
                "rollout_log_probs": result.log_probs,
                "rollout_entropies": result.entropies,
            },
            batch_size=rows,
        )
        return DataProto(batch=batch, non_tensor_batch=prompts.non_tensor_batch)

    def _next_key(self, meta: dict[str, Any]) -> CallKey:
        """The key of this call; begins a new rollout when the mode does."""
        stream = "validate" if meta.get("validate", False) else "train"
        if meta.get("mode", "singleturn") in OPENING_MODES:
            self.counters.rollouts[stream] += 1
            self.counters.call = 0
        else:
            self.counters.call += 1
        if ROLLOUT_KEY in meta:
            return CallKey(run_seed(), stream, int(meta[ROLLOUT_KEY]), self.counters.call)
        return CallKey(run_seed(), stream, self.counters.rollouts[stream], self.counters.call)

    def _sampling(self, meta: dict[str, Any]) -> Sampling:
        """How to sample: ``val_kwargs`` when validating, else the rollout's own; ``do_sample`` in the meta wins."""
        source = self.config.val_kwargs if meta.get("validate", False) else self.config
        return Sampling(
            temperature=float(source.temperature),
            top_k=int(source.top_k),
            top_p=float(source.top_p),
            do_sample=bool(meta.get("do_sample", source.do_sample)),
        )


def _attention(configured: str) -> str:
    """The engine's own form of sdpa; any other implementation as configured."""
    if configured != "sdpa":
        return configured
    attention.register()
    return attention.NAME


def _limits(given: Mapping[str, Any]) -> Limits:
    """The engine's limits from ``engine_kwargs``."""
    known = {item.name for item in fields(Limits)}
    if unknown := sorted(set(given) - known):
        key = f"actor_rollout_ref.rollout.engine_kwargs.{NAME}"
        raise ValueError(f"{key} has {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return Limits(**given)


def _token_set(tokens: int | Iterable[int]) -> frozenset[int]:
    return frozenset([tokens] if isinstance(tokens, int) else tokens)
