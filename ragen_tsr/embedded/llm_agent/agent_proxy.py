"""A rollout: the policy and the environments take turns until every episode is over.

Decides the order of calls and what the worker is told about where a rollout stands. Prompts and training
rows are :mod:`ctx_manager`'s, turns :mod:`es_manager`'s, and generation is the worker group's.
"""

from __future__ import annotations

from typing import Any, Protocol

from omegaconf import DictConfig
from verl import DataProto
from verl.protocol import pad_dataproto_to_divisor, unpad_dataproto

from ragen_tsr.embedded.llm_agent.ctx_manager import ContextManager
from ragen_tsr.embedded.llm_agent.es_manager import EnvStateManager


class WorkerGroup(Protocol):
    """What generates: verl's ``RayWorkerGroup``, or anything with these two."""

    world_size: int

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """Responses to prompts, row by row. The number of rows is a multiple of ``world_size``."""


class LLMAgentProxy:
    """Collects rollouts with upstream's ``ragen.llm_agent.agent_proxy.LLMAgentProxy`` interface.

    Args:
        config: The composed configuration; reads ``agent_proxy.max_turn`` beside what the managers read.
        actor_rollout_wg: Generates responses.
        tokenizer: The policy's.
    """

    def __init__(self, config: DictConfig, actor_rollout_wg: WorkerGroup, tokenizer: Any) -> None:
        self.config = config
        self.train_ctx_manager = ContextManager(config, tokenizer, mode="train")
        self.train_es_manager = EnvStateManager(config, mode="train")
        self.val_ctx_manager = ContextManager(config, tokenizer, mode="val")
        self.val_es_manager = EnvStateManager(config, mode="val")
        self.actor_wg = actor_rollout_wg
        self.tokenizer = tokenizer
        self._last_padded_inputs: DataProto | None = None

    def generate_sequences(self, lm_inputs: DataProto) -> DataProto:
        """Have the worker group respond to prompts.

        Args:
            lm_inputs: Prompts from ``ContextManager.get_lm_inputs``; rows are added until every rank has as
                many, and taken off the responses again. With ``meta_info["skip_generation"]`` the worker is
                only told of it.

        Returns:
            The worker's ``batch`` (``responses``, and ``rollout_log_probs`` where the worker reports them)
            with the ``meta_info`` and ``non_tensor_batch`` of ``lm_inputs``: the same objects. Of a worker that
            answers with texts, and so without a ``batch``, its own ``non_tensor_batch``.
            ``lm_inputs`` itself if skipped.
        """
        padded, added = pad_dataproto_to_divisor(lm_inputs, self.actor_wg.world_size)
        self._last_padded_inputs = padded
        outputs = self.actor_wg.generate_sequences(padded)
        if lm_inputs.meta_info.get("skip_generation", False):
            return lm_inputs
        outputs = unpad_dataproto(outputs, pad_size=added)
        if outputs.batch is None:
            return outputs
        outputs.meta_info = lm_inputs.meta_info
        outputs.non_tensor_batch = lm_inputs.non_tensor_batch
        return outputs

    def rollout(self, dataproto: DataProto, val: bool = False) -> DataProto:
        """Play one episode in every slot.

        Each generation batch says in ``meta_info["mode"]`` where the rollout stands: ``multiturn-start``,
        ``-middle`` and ``-end``, or ``singleturn`` where ``agent_proxy.max_turn`` is 1. If no batch was the
        end, because all episodes were over before, one more call with ``skip_generation`` closes the
        rollout.

        Args:
            dataproto: Only its ``meta_info`` counts. That very object travels with every batch, and is
            changed.
            val: Play the validation environments.

        Returns:
            Training rows; see ``ContextManager.formulate_rollouts``.
        """
        es_manager = self.val_es_manager if val else self.train_es_manager
        ctx_manager = self.val_ctx_manager if val else self.train_ctx_manager
        max_turn = self.config.agent_proxy.max_turn
        open_outputs = es_manager.reset()
        ctx_manager.reset_memory_managers()

        lm_inputs: DataProto | None = None
        mode = ""
        for turn in range(max_turn):
            lm_inputs = ctx_manager.get_lm_inputs(open_outputs, prepare_for_update=False)
            lm_inputs.meta_info = dataproto.meta_info
            mode = lm_inputs.meta_info["mode"] = rollout_mode(turn, max_turn)
            lm_outputs = self.generate_sequences(lm_inputs)
            open_outputs = es_manager.step(ctx_manager.get_env_inputs(lm_outputs))
            if not open_outputs:
                break
        if lm_inputs is not None and mode not in ("singleturn", "multiturn-end"):
            lm_inputs.meta_info.update(skip_generation=True, mode="multiturn-end")
            self.generate_sequences(lm_inputs)
        return ctx_manager.formulate_rollouts(
            es_manager.get_rollout_states(),
            include_collapse_data=dataproto.meta_info.get("compute_collapse", True),
        )


def rollout_mode(turn: int, max_turn: int) -> str:
    """What the worker is told in turn ``turn`` (from 0) of at most ``max_turn``."""
    if max_turn == 1:
        return "singleturn"
    if turn == 0:
        return "multiturn-start"
    return "multiturn-end" if turn == max_turn - 1 else "multiturn-middle"
