"""A policy of random legal actions, for reference: what the other figures of a comparison stand above."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from verl import DataProto

from ragen_tsr.models.tasks import task_of


class RandomTurns:
    """A worker group that answers with random legal actions (``wander`` of the environment's tiny-policy task).

    For plain sampling only: under ``none`` the slots' environments stand where the prompts do.

    Args:
        config: The composed configuration.
        tokenizer: Any policy's; the answers are encoded with it.
        lengths: Numbers of actions, of which each turn's is drawn.

    Attributes:
        environments: The manager that plays the turns; to be set before the first call.

    Raises:
        ValueError: No task is known for the environments.
    """

    world_size = 1

    def __init__(self, config: Any, tokenizer: Any, lengths: Sequence[int]) -> None:
        self._task = task_of(config)
        self._separator = f" {config.agent_proxy.action_sep} "
        self._opening = "</think><answer>" if config.agent_proxy.enable_think else ""
        self._tokenizer = tokenizer
        self._lengths = list(lengths)
        self._draws = random.Random(config.run_seed)
        self.environments: Any = None

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """A random turn per row. A closing call samples nothing."""
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        rows = [self._turn(int(env_id)) for env_id in prompts.non_tensor_batch["env_ids"]]
        responses = torch.full((len(rows), max(map(len, rows))), self._tokenizer.pad_token_id)  # (rows, longest)
        mask = torch.zeros_like(responses)
        for row, ids in enumerate(rows):
            responses[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        attention = torch.cat([prompts.batch["attention_mask"], mask], dim=1)
        return DataProto.from_dict({"responses": responses, "attention_mask": attention})

    def _turn(self, env_id: int) -> list[int]:
        position = self._task.position(self.environments.envs[env_id]["env"])
        actions = self._task.wander(position, self._draws.choice(self._lengths), self._draws)
        text = f"{self._opening}{self._separator.join(actions)}</answer>{self._tokenizer.eos_token}"
        return self._tokenizer.encode(text)
