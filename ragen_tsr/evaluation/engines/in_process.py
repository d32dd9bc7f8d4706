"""``engine=vllm``: vLLM in this process, on GPUs or on a CPU.

Decides how prompts, sampling and seeds are told to ``vllm.LLM`` and how its answers become tensors. What several
prompts have in common is computed once (prefix caching), within a call and from turn to turn. Each response has its own
seed, which follows from its prompt's place; what vLLM draws with it is its own, and other than another engine's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig
from verl import DataProto

from ragen_tsr.evaluation.engines.answers import from_tokens
from ragen_tsr.evaluation.engines.sampling import Draws, end_tokens
from ragen_tsr.evaluation.engines.settings import VLLMSettings
from ragen_tsr.platform import has_accelerator


class VLLMWorkers:
    """A worker group of one that generates with vLLM.

    Args:
        config: The composed configuration with ``model_path`` resolved; reads ``actor_rollout_ref.rollout`` and
            ``run_seed``.
        tokenizer: The policy's; its end and padding tokens are used.
        settings: Of ``engine=vllm``.
    """

    world_size = 1

    def __init__(self, config: DictConfig, tokenizer: Any, settings: VLLMSettings) -> None:
        self._draws = Draws(config)
        self._rollout = config.actor_rollout_ref.rollout
        self._ends = end_tokens(tokenizer)
        self._pad_token = int(tokenizer.pad_token_id)
        self._llm = _build(config, settings)

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """One response per row; see :func:`.answers.from_tokens`. A closing call samples nothing."""
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        from vllm import SamplingParams

        draw = self._draws.of(prompts)
        length = int(self._rollout.response_length)
        asked = [
            row[seen.bool()].tolist()
            for row, seen in zip(prompts.batch["input_ids"], prompts.batch["attention_mask"], strict=True)
        ]
        parameters = [
            SamplingParams(
                temperature=draw.temperature,
                top_p=draw.top_p,
                top_k=draw.top_k if draw.top_k > 0 else -1,
                max_tokens=length,
                stop_token_ids=self._ends,
                logprobs=0,  # the sampled token's
                seed=seed,
                detokenize=False,
            )
            for seed in draw.seeds
        ]
        outputs = self._llm.generate([{"prompt_token_ids": ids} for ids in asked], parameters, use_tqdm=False)
        said = [list(output.outputs[0].token_ids) for output in outputs]
        log_probs = [
            _log_probs(tokens, output.outputs[0].logprobs) for tokens, output in zip(said, outputs, strict=True)
        ]
        return from_tokens(prompts, said, log_probs, length, self._pad_token)


def _log_probs(tokens: Sequence[int], given: Sequence[Any]) -> list[float]:
    """The log-probability of each token that was sampled."""
    return [float(at[token].logprob) for token, at in zip(tokens, given, strict=True)]


def _build(config: DictConfig, settings: VLLMSettings) -> Any:
    """``vllm.LLM`` with the configuration's model and lengths."""
    rollout = config.actor_rollout_ref.rollout
    # Its own handlers write to the terminal that they find at import, also from its other processes.
    os.environ.setdefault("VLLM_CONFIGURE_LOGGING", "0")
    memory: dict[str, Any] = {"gpu_memory_utilization": settings.gpu_memory_utilization}
    if not has_accelerator():
        # What a CPU build reads instead; it must be set before vLLM is imported.
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(settings.cpu_cache_gib)
        memory = {}
    from vllm import LLM

    return LLM(
        model=str(config.actor_rollout_ref.model.path),
        dtype=settings.dtype or str(rollout.dtype),
        max_model_len=int(rollout.max_model_len) + int(rollout.response_length),
        tensor_parallel_size=settings.tensor_parallel_size,
        enforce_eager=settings.enforce_eager,
        enable_prefix_caching=True,
        generation_config="vllm",  # not the model's own sampling settings
        logprobs_mode="processed_logprobs",  # at the temperature of sampling, as the other engines report them
        seed=int(config.run_seed),
        **memory,
        **settings.options,
    )
