"""What an engine hands back, in the form of ``HFCpuRollout.generate_sequences``.

Decides nothing: tokens become the tensors that the proxy reads, texts the array of upstream's wrapper of API models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tensordict import TensorDict
from verl import DataProto


def from_tokens(
    prompts: DataProto,
    responses: Sequence[Sequence[int]],
    log_probs: Sequence[Sequence[float]],
    length: int,
    pad_token: int,
) -> DataProto:
    """Responses by token.

    Args:
        prompts: What was asked: ``input_ids``, ``attention_mask``, ``position_ids``, each ``[rows, P]``.
        responses: Token ids of each row, the end-of-turn token included.
        log_probs: One for each token, at the sampling temperature.
        length: R, to which responses are padded on the right.

    Returns:
        ``prompts`` ``[rows, P]``, ``responses`` ``[rows, R]``, ``input_ids``, ``attention_mask`` and ``position_ids``
        ``[rows, P + R]``, and float32 ``rollout_log_probs`` ``[rows, R]``, 0 behind the end.
    """
    ids, mask, positions = (prompts.batch[key] for key in ("input_ids", "attention_mask", "position_ids"))
    rows = len(responses)
    tokens = torch.full((rows, length), pad_token, dtype=torch.int64)
    values = torch.zeros(rows, length)
    seen = torch.zeros(rows, length, dtype=mask.dtype)
    for row, (said, its) in enumerate(zip(responses, log_probs, strict=True)):
        tokens[row, : len(said)] = torch.tensor(said, dtype=torch.int64)
        values[row, : len(its)] = torch.tensor(its)
        seen[row, : len(said)] = 1
    batch = TensorDict(
        {
            "prompts": ids,
            "responses": tokens,
            "input_ids": torch.cat([ids, tokens], dim=-1),
            "attention_mask": torch.cat([mask, seen], dim=-1),
            "position_ids": torch.cat([positions, positions[:, -1:] + torch.arange(1, length + 1)], dim=-1),
            "rollout_log_probs": values,
        },
        batch_size=rows,
    )
    return DataProto(batch=batch, non_tensor_batch=prompts.non_tensor_batch)


def from_texts(
    prompts: DataProto, texts: Sequence[str], prompt_tokens: Sequence[int], response_tokens: Sequence[int]
) -> DataProto:
    """Responses by text: ``response_texts``, ``prompt_tokens`` and ``response_tokens`` beside what ``prompts`` has."""
    answers = DataProto()
    answers.meta_info = prompts.meta_info
    answers.non_tensor_batch = {
        **prompts.non_tensor_batch,
        "response_texts": np.array(texts, dtype=object),
        "prompt_tokens": np.array(prompt_tokens, dtype=np.int64),
        "response_tokens": np.array(response_tokens, dtype=np.int64),
    }
    return answers
