"""Attention of one new token per row when several query heads share a key-value head.

transformers repeats keys and values for every query head before each call. With one query position the heads that share
keys can stand in the place of positions instead, and nothing is copied: 3 to 4 times faster on a CPU. Everything else
goes to transformers' own function.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "ragen_tsr_folded"


def folded_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """``transformers``' attention interface.

    Args:
        query: ``[rows, heads, positions, size]``.
        key, value: ``[rows, key-value heads, length, size]``.
        attention_mask: bool ``[rows, 1, positions, length]``, or None.

    Returns:
        ``[rows, positions, heads, size]`` and None.
    """
    rows, heads, positions, size = query.shape
    if positions != 1 or heads == key.shape[1]:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
        return output, None
    folded = query.reshape(rows, key.shape[1], heads // key.shape[1], size)
    output = torch.nn.functional.scaled_dot_product_attention(
        folded, key, value, attn_mask=attention_mask, scale=scaling
    )
    return output.reshape(rows, 1, heads, size), None


def register() -> None:
    """Make :data:`NAME` an attention implementation that transformers knows, with sdpa's masks."""
    AttentionInterface.register(NAME, folded_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
