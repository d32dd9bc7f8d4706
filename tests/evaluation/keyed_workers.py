"""Workers that answer by the key of a row's sampling noise, as an engine does; they can break down at a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from verl import DataProto

from ragen_tsr.workers.rollout.hf_cpu import OPENING_MODES
from ragen_tsr.workers.rollout.noise import ROLLOUT_KEY, ROWS_KEY

MOVES = ("Up", "Down", "Left", "Right")
LENGTH = 48


class BrokenDown(BaseException):
    """Stands for whatever ends the process."""


@dataclass
class KeyedWorkers:
    """Random moves, now and then nonsense: a function of seed, rollout, call and row number."""

    tokenizer: Any
    seed: int = 0
    breaks_at: int | None = None
    world_size: int = 1
    asked: list[int] = field(default_factory=list)
    """Rows of every call."""
    _call: int = 0

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        meta = prompts.meta_info
        if meta.get("skip_generation", False):
            return prompts
        if len(self.asked) == self.breaks_at:
            raise BrokenDown
        self._call = 0 if meta["mode"] in OPENING_MODES else self._call + 1
        self.asked.append(len(prompts))
        responses = torch.full((len(prompts), LENGTH), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(responses)
        for row, number in enumerate(prompts.non_tensor_batch[ROWS_KEY]):
            draws = np.random.default_rng([self.seed, meta[ROLLOUT_KEY], self._call, number])
            moves = " || ".join(draws.choice(MOVES, size=draws.integers(1, 5)))
            text = "no idea" if draws.random() < 0.2 else f"go</think><answer>{moves}</answer>"
            ids = self.tokenizer.encode(text + "<|im_end|>", add_special_tokens=False)
            responses[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        return DataProto.from_dict(
            {
                "responses": responses,  # (rows, LENGTH)
                "attention_mask": torch.cat([prompts.batch["attention_mask"], mask], dim=1),
                "rollout_log_probs": torch.full(responses.shape, -0.5),
            },
            non_tensors=dict(prompts.non_tensor_batch),
        )
