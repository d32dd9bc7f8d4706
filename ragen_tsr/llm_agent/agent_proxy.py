"""RAGEN's agent proxy with a search strategy between the policy and the environment.

Overrides ``rollout``; generation, prompts, parsing, stepping and the making of the training batch are the base
class's and its managers'. ``search=none`` goes through the same code and hands the worker what the base class's
``rollout`` would. So does validation, which is plain sampling unless ``search.at_val=true``; its prompts also carry the
keys of their sampling noise, so that the same episodes can be played again outside of the run.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import OmegaConf
from verl import DataProto

from ragen_tsr import backend
from ragen_tsr.choices import strategy_and_scorer
from ragen_tsr.llm_agent.episodes import Record, episode_records
from ragen_tsr.llm_agent.es_manager import SearchEnvStateManager
from ragen_tsr.llm_agent.noise import check_fresh_noise
from ragen_tsr.llm_agent.search_metrics import PREFIX, reroll_metrics, search_metrics, search_record
from ragen_tsr.llm_agent.search_rollout import Choice, SearchRollout
from ragen_tsr.replaced import replaced
from ragen_tsr.search import Node
from ragen_tsr.search.build import NOT_FIELDS
from ragen_tsr.search.driver import Finished
from ragen_tsr.workers.rollout.noise import ROLLOUT_KEY, ROWS_KEY, places


class SearchAgentProxy(backend.LLMAgentProxy):
    """RAGEN's ``LLMAgentProxy`` whose training rollouts are searched as ``config.search`` says.

    Args:
        config: The composed configuration; reads ``search``, ``env_noise`` and ``run_seed`` beside
            upstream's keys.
        actor_rollout_wg: Worker group with ``generate_sequences`` (Ray group, or upstream's wrappers).
        tokenizer: The policy's tokenizer.

    Raises:
        ValueError: The strategy, its values or the scorer of an environment tag cannot work, or its noise
            cannot be drawn again as the strategy wants; names what is allowed.
    """

    def __init__(self, config: Any, actor_rollout_wg: Any, tokenizer: Any) -> None:
        settings: Any = OmegaConf.to_container(config.search, resolve=True)
        self.search_at_val = bool(settings["at_val"])
        self.recorded_groups = settings["record_groups"]
        self.rerolls = settings["rerolls"]
        backend.install_environments(config)  # before the copy for validation, since it may change ``custom_envs``
        configs = {"train": config, "val": config if self.search_at_val else without_search(config)}

        def es_manager(_: Any, mode: str) -> SearchEnvStateManager:
            return SearchEnvStateManager(configs[mode], mode)

        with replaced(sys.modules[backend.LLMAgentProxy.__module__], EnvStateManager=es_manager):
            super().__init__(config, actor_rollout_wg, tokenizer)
        self._train_search = _choices(configs["train"], self.train_es_manager)
        self._val_search = _choices(configs["val"], self.val_es_manager)
        self.next_validation = 0
        """Number of the next validation rollout, which keys its sampling noise; the trainer sets it."""
        self.on_validation: Callable[[list[Record]], None] | None = None
        """Given the episodes of each validation rollout (see :mod:`ragen_tsr.llm_agent.episodes`)."""
        self.on_search: Callable[[list[dict[str, Any]]], None] | None = None
        """Given the recorded searches of each training rollout (``search.record_groups`` of its groups)."""

    def rollout(self, dataproto: DataProto, val: bool = False) -> DataProto:
        """Collect one batch of episodes: P groups x L slots, searched in training, plainly sampled in
        validation, whose episodes :attr:`on_validation` is given.

        Args:
            dataproto: Only its ``meta_info`` is read; it travels with every generation batch.
            val: Use the validation environments; searched only with ``search.at_val=true``.

        Returns:
            What the base class's ``rollout`` returns, with ``search/*`` among ``meta_info["metrics"]`` where it was
            searched.
        """
        if val:
            dataproto.meta_info[ROLLOUT_KEY] = self.next_validation
            self.next_validation += 1
        es_manager = self.val_es_manager if val else self.train_es_manager
        ctx_manager = self.val_ctx_manager if val else self.train_ctx_manager
        es_manager.reset()
        ctx_manager.reset_memory_managers()
        run = self.search_rollout(dataproto.meta_info, val)
        chosen = run.run()
        if val and self.on_validation is not None:
            self.on_validation(episode_records(chosen, run.roots))
        rollouts = ctx_manager.formulate_rollouts(
            es_manager.get_rollout_states(),
            include_collapse_data=dataproto.meta_info.get("compute_collapse", True),
        )
        if val and not self.search_at_val:
            return rollouts
        metrics = search_metrics(chosen, run.nodes, run.ledger) | reroll_metrics(run.rerolled, run.reroll_seconds)
        rollouts.meta_info["metrics"].update(metrics)
        if run.log_prob_tokens:
            rollouts.meta_info["metrics"][f"{PREFIX}entropy"] = run.neg_log_prob_sum / run.log_prob_tokens
        if self.on_search is not None and not val:
            self.on_search([_record(run, chosen, group) for group in range(len(chosen))[: self.recorded_groups]])
        return rollouts

    def search_rollout(
        self,
        meta_info: dict[str, Any],
        val: bool,
        roots: Sequence[Node] | None = None,
        finished: Finished | None = None,
    ) -> SearchRollout:
        """A rollout that is to be run; arguments as :meth:`rollout`'s and :class:`SearchRollout`'s.

        A validation rollout whose ``meta_info`` numbers it (``noise_rollout``) plays the same episodes whatever else it
        plays.
        """
        return SearchRollout(
            generate=self.generate_sequences,
            ctx_manager=self.val_ctx_manager if val else self.train_ctx_manager,
            es_manager=self.val_es_manager if val else self.train_es_manager,
            choices=self._val_search if val else self._train_search,
            meta_info=meta_info,
            horizon=self.config.agent_proxy.max_turn,
            count_tokens=lambda text: len(self.tokenizer.encode(text, add_special_tokens=False)),
            rerolls=0 if val and not self.search_at_val else self.rerolls,
            roots=roots,
            finished=finished,
        )

    def generate_sequences(self, lm_inputs: DataProto) -> DataProto:
        """The base class's; rows of a validation rollout carry numbers that key their sampling noise."""
        if ROLLOUT_KEY in lm_inputs.meta_info:
            lm_inputs.non_tensor_batch[ROWS_KEY] = places(lm_inputs.non_tensor_batch["env_ids"])
        return super().generate_sequences(lm_inputs)


def without_search(config: Any) -> Any:
    """A copy of the configuration that samples plainly, with the environments' own noise: what validation plays."""
    plain = copy.deepcopy(config)
    OmegaConf.set_struct(plain, False)
    shared = {key: config.search[key] for key in NOT_FIELDS}
    plain.search = {**shared, "name": "none", "at_val": False, "rerolls": 0}
    plain.env_noise = "upstream"
    OmegaConf.set_struct(plain, True)
    return plain


def _choices(config: Any, es_manager: SearchEnvStateManager) -> dict[str, Choice]:
    """Strategy and scorer by environment tag."""
    settings: Any = OmegaConf.to_container(config.search, resolve=True)
    chosen = {}
    for tag in es_manager.config.env_configs.tags:
        strategy, scorer = strategy_and_scorer(config, tag)
        strategy.check(es_manager.group_size)
        check_fresh_noise(settings, config.custom_envs[tag].env_type)
        outcome_samples = settings.get("outcome_samples", 0)  # strategies that rank by no score have no such key
        chosen[tag] = Choice(strategy, scorer, outcome_samples)
    return chosen


def _record(run: SearchRollout, chosen: Sequence[Sequence[Node]], group: int) -> dict[str, Any]:
    size = len(chosen[group])
    rerolled = None if run.rerolled is None else run.rerolled[group * size : (group + 1) * size]
    return search_record(group, chosen[group], run.nodes[group] + run.redrawn[group], run.ledgers[group], rerolled)
