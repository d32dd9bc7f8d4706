"""Padding that a whole micro-batch shares on its left is not computed.

RAGEN pads trajectories on the left to the longest of the batch; verl removes padding only with flash attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_SEQUENCES = ("input_ids", "attention_mask", "position_ids")


def shared_left_padding(attention_mask: torch.Tensor) -> int:
    """Leading columns of ``[rows, length]`` in which no row has a token; at most ``length - 2``."""
    seen = attention_mask.bool().any(dim=0)
    first = int(seen.int().argmax()) if bool(seen.any()) else 0
    return min(first, attention_mask.shape[-1] - 2)


def trimmed(micro_batch: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The micro-batch without its shared left padding, and how many leading response columns that cost.

    Only the keys that a forward pass reads are cut: ``input_ids``, ``attention_mask``, ``position_ids``
    ``[rows, length]`` and ``responses`` ``[rows, R]``, which are the last R of ``input_ids``.
    """
    batch = dict(micro_batch)
    cut = shared_left_padding(batch["attention_mask"])
    length, responses = batch["input_ids"].shape[-1], batch["responses"]
    for key in _SEQUENCES:
        batch[key] = batch[key][..., cut:]
    # A response token is predicted from the position before it, which must be kept.
    lost = max(0, responses.shape[-1] - (length - cut - 1))
    batch["responses"] = responses[:, lost:]
    return batch, lost


def restored(values: torch.Tensor | None, lost: int) -> torch.Tensor | None:
    """``[rows, R - lost]`` with ``lost`` leading columns of zeros back in front."""
    if values is None or lost == 0:
        return values
    return torch.nn.functional.pad(values, (lost, 0))
