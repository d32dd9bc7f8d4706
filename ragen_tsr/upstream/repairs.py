"""What is changed in upstream's modules after they were imported, one named repair each.

Only what no subclass of upstream's classes can say. :func:`apply` makes all repairs that this machine needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from ragen_tsr.embedded.llm_agent.chat_format import ChatFormat, ChatFormatError, chat_format
from ragen_tsr.platform import has_accelerator
from ragen_tsr.workers.process import gathered

logger = logging.getLogger(__name__)

formats = lru_cache(maxsize=8)(chat_format)


@dataclass(frozen=True)
class NamedByTemplate:
    """Stands in for a tokenizer where upstream reads the model's family from the name of its folder."""

    chat: ChatFormat

    @property
    def name_or_path(self) -> str:
        """A name of the family whose layout is the template's: after a message's end Qwen's has a token, Llama's none.

        Raises:
            ChatFormatError: It has more.
        """
        try:
            return {0: "llama-3", 1: "qwen"}[self.chat.tokens_after_end]
        except KeyError:
            raise ChatFormatError(
                f"{self.chat.tokens_after_end} tokens follow {self.chat.end!r} in the chat template; with upstream "
                f"RAGEN and agent_proxy.use_turn_scores=true there may be one or none"
            ) from None


def special_tokens(tokenizer: Any) -> tuple[int, int]:
    """Tokens that open and close a message, from the chat template (``ctx_manager.get_special_tokens``)."""
    chat = tokenizer.chat if isinstance(tokenizer, NamedByTemplate) else formats(tokenizer)
    return chat.start_id, chat.end_id


def family_from_template() -> None:
    """Any model with a chat template trains, whatever its name.

    Where: ``ragen.llm_agent.ctx_manager`` looks for "qwen" in the tokenizer's path, in ``get_special_tokens`` and in
    ``get_masks_and_scores``.
    """
    from ragen.llm_agent import ctx_manager

    theirs = ctx_manager.get_masks_and_scores

    def masks_and_scores(input_ids: torch.Tensor, tokenizer: Any, *arguments: Any, **named: Any) -> Any:
        return theirs(input_ids, NamedByTemplate(formats(tokenizer)), *arguments, **named)

    ctx_manager.get_special_tokens = special_tokens
    ctx_manager.get_masks_and_scores = masks_and_scores


def bi_level_gae() -> None:
    """``algorithm.bi_level_gae=true`` finds its function.

    Where: ``ragen.trainer.agent_trainer.compute_advantage`` looks in verl's ``core_algos`` for what stands in RAGEN's.
    """
    from ragen.trainer import core_algos
    from verl.trainer.ppo import core_algos as looked_at

    looked_at.compute_bi_level_gae_advantage_return = core_algos.compute_bi_level_gae_advantage_return


def _cpu(*_: Any) -> str:
    return "cpu"


def current_device() -> None:
    """Batches go to the CPU.

    Where: ``dp_actor`` and ``dp_critic`` send every micro-batch to ``torch.cuda.current_device()``, which raises in a
    torch without CUDA.
    """
    torch.cuda.current_device = _cpu


def shard_placement() -> None:
    """A critic under fsdp2 can be built.

    Where: ``ragen.workers.fsdp_workers.CriticWorker`` calls a function of verl's that its module does not import.
    """
    from ragen.workers import fsdp_workers
    from verl.utils.fsdp_utils import get_shard_placement_fn

    fsdp_workers.get_shard_placement_fn = get_shard_placement_fn


def gathered_timing(seconds: float, k: int = 10) -> tuple[float, float, float]:
    """Share of the ranks above the ``k``-th percentile from the top, and least and most seconds.

    Stands in for verl's ``topk_reduce_ratio_min_max``, which gathers tensors of no dimension; gloo refuses them.
    """
    times = gathered(seconds)
    share = (times > times.quantile(1 - k / 100)).float().mean().item()
    return share, times.min().item(), times.max().item()


def mean_timing(timing: dict[str, float]) -> dict[str, float]:
    """Mean of each of the ranks' seconds; for verl's ``reduce_timing``, which has gloo send an average."""
    return {name: gathered(seconds).mean().item() for name, seconds in timing.items()}


def timing_of_ranks() -> None:
    """The workers' seconds are gathered by gloo.

    Where: ``ragen.workers.fsdp_workers.ActorRolloutRefWorker.generate_sequences``.
    """
    from ragen.workers import fsdp_workers

    fsdp_workers.topk_reduce_ratio_min_max = gathered_timing
    fsdp_workers.reduce_timing = mean_timing


EVERYWHERE: tuple[Callable[[], None], ...] = (family_from_template, bi_level_gae, shard_placement)
WITHOUT_ACCELERATOR: tuple[Callable[[], None], ...] = (current_device, timing_of_ranks)


def apply() -> None:
    """Make the repairs; upstream's modules must have been imported. Not to be called twice."""
    for repair in EVERYWHERE if has_accelerator() else (*EVERYWHERE, *WITHOUT_ACCELERATOR):
        repair()
        logger.debug("repaired upstream: %s", repair.__name__)
