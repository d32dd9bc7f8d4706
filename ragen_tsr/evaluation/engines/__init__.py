"""What generates in an evaluation: transformers or vLLM in this process, or a server.

Decides which worker group stands behind ``config.engine``. All have ``world_size`` and
``generate_sequences(DataProto) -> DataProto``, as the proxy wants them; the API's answers come as
``non_tensor_batch["response_texts"]`` without a ``batch``, as from upstream's wrapper of API models. What is asked, and
how episodes go on, is left to the proxy.
"""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from ragen_tsr.evaluation.engines.settings import APISettings, HFSettings, VLLMSettings, engine_settings

__all__ = ["EngineError", "build_engine", "check_engine", "tokenizer_name"]


class EngineError(RuntimeError):
    """An engine cannot go on; the message is for a person and holds no key. What was finished before is unharmed."""


def check_engine(config: DictConfig) -> None:
    """Check ``config.engine`` and that this machine has what it needs; loads nothing and asks no server.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    engine_settings(config).check_machine()


def tokenizer_name(config: DictConfig) -> str:
    """Whose tokenizer renders and counts prompts: the policy's (``model_path``), or for an API ``engine.tokenizer``.

    ``tiny`` among them is for :func:`ragen_tsr.models.resolve_model`.
    """
    settings = engine_settings(config)
    return settings.tokenizer if isinstance(settings, APISettings) else config.model_path


def build_engine(config: DictConfig, tokenizer: Any) -> Any:
    """The worker group of ``config.engine``, ready to generate.

    Args:
        config: The composed configuration with ``model_path`` resolved; ``run_seed`` keys the sampling noise, and
            ``actor_rollout_ref.rollout`` says how to sample.
        tokenizer: That of :func:`tokenizer_name`.

    Raises:
        ValueError: As :func:`check_engine`.
    """
    settings = engine_settings(config)
    settings.check_machine()
    if isinstance(settings, HFSettings):
        from ragen_tsr.workers.local import LocalRolloutWorkers

        return LocalRolloutWorkers(config, tokenizer, device=settings.torch_device, dtype=settings.dtype)
    if isinstance(settings, VLLMSettings):
        from ragen_tsr.evaluation.engines.in_process import VLLMWorkers

        return VLLMWorkers(config, tokenizer, settings)
    from ragen_tsr.evaluation.engines.api import APIWorkers

    return APIWorkers(config, tokenizer, settings)
