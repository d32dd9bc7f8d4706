"""How much a step generates and trains on, at most: calls, prompts and tokens, from the configuration alone.

Every number is an upper bound: no episode ends early, no branch merges, every response and every conversation is as
long as it may be. What they come to in bytes is :mod:`.memory`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from ragen_tsr.choices import strategy_and_scorer
from ragen_tsr.embedded.trainer.config_check import TURN_LEVEL_MODES


@dataclass(frozen=True)
class Load:
    """One training step and one validation, at most."""

    groups: int
    slots: int
    """L, of one group."""
    turns: int
    devices: int
    """Workers of all nodes."""
    calls: int
    """Generation calls of a training rollout; an empty closing call is not counted."""
    responses: int
    """Prompts of a training rollout, and responses: one of each a row."""
    widest_call: int
    """Rows of the largest generation call."""
    response_tokens: int
    """Of one response."""
    conversation_tokens: int
    """Of one conversation, the response included."""
    trained_rows: int
    """Rows that the filter leaves; a row is a conversation, or a turn of one in the limited context modes."""
    mini_batch: int
    validation_rows: int
    """Prompts of one validation."""
    turn_rows: bool
    """Whether a row of the batch is a turn."""

    @property
    def generated_tokens(self) -> int:
        """responses * response_length."""
        return self.responses * self.response_tokens

    @property
    def prompt_tokens(self) -> int:
        """responses * (max_model_len - response_length); most are the parent's and stand in the prefix cache."""
        return self.responses * (self.conversation_tokens - self.response_tokens)

    @property
    def trained_tokens(self) -> int:
        """trained rows * max_model_len: forwards for old log-probabilities and values, and both updates."""
        return self.trained_rows * self.conversation_tokens

    @property
    def updates(self) -> int:
        """Optimiser steps of the actor in a step: trained rows / mini-batch, rounded up."""
        return -(-self.trained_rows // self.mini_batch)

    @property
    def rows_per_device(self) -> int:
        """Rows of the largest call on one worker: rows are padded to a multiple of the workers and split evenly."""
        return -(-self.widest_call // self.devices)


def of(config: DictConfig) -> Load:
    """The load of a checked configuration."""
    manager, proxy, rollout = config.es_manager.train, config.agent_proxy, config.actor_rollout_ref.rollout
    per_tag = [
        (strategy_and_scorer(config, tag)[0], groups)
        for tag, groups in zip(manager.env_configs.tags, manager.env_configs.n_groups, strict=True)
    ]

    def rows(turns: int) -> int:
        return sum(strategy.responses(manager.group_size, turns) * groups for strategy, groups in per_tag)

    turn_rows = proxy.context_window_mode in TURN_LEVEL_MODES
    kept = _kept_groups(config) * manager.group_size * (proxy.max_turn if turn_rows else 1)
    return Load(
        groups=manager.env_groups,
        slots=manager.group_size,
        turns=proxy.max_turn,
        devices=config.trainer.n_gpus_per_node * config.trainer.nnodes,
        calls=max(strategy.calls(proxy.max_turn) for strategy, _ in per_tag),
        responses=rows(proxy.max_turn),
        widest_call=max(rows(turn) - rows(turn - 1) for turn in range(1, proxy.max_turn + 1)),
        response_tokens=rollout.response_length,
        conversation_tokens=rollout.max_model_len,
        trained_rows=kept,
        mini_batch=config.actor_rollout_ref.actor.ppo_mini_batch_size,
        validation_rows=config.trainer.validation_steps
        * config.es_manager.val.env_groups
        * config.es_manager.val.group_size
        * proxy.max_turn,
        turn_rows=turn_rows,
    )


def _kept_groups(config: DictConfig) -> int:
    """Groups that the filter can leave: a fixed number for the top-k rules, all of them for the others."""
    rollout, groups = config.actor_rollout_ref.rollout, config.es_manager.train.env_groups
    if rollout.rollout_filter_strategy == "top_k":
        return max(1, int(groups * rollout.rollout_filter_value))
    if rollout.rollout_filter_strategy == "top_k_abs":
        return min(groups, int(rollout.rollout_filter_value))
    return groups
