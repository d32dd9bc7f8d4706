"""The memory that a logit costs, traced operator by operator without computing anything."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ragen_tsr.dry_run.memory import FORWARD_LOGIT_BYTES, LOGIT_BYTES, PLAIN_LOGIT_BYTES

ROWS, VOCABULARY, HIDDEN = 64, 20_000, 16


class Peak(TorchDispatchMode):
    """Bytes of the storages that live at once, and the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.live:
                    self.live[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.live.pop, storage._cdata, None)
        self.most = max(self.most, sum(self.live.values()))
        return out


class CrossEntropy(torch.autograd.Function):
    """As flash attention's: keeps its logits, and writes the gradient into them."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(logits)
        return torch.empty(logits.shape[0], device=logits.device)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (logits,) = ctx.saved_tensors
        return logits.mul_(0)


def trace(entropy: bool, backward: bool) -> float:
    """Bytes a logit of verl's ``_forward_micro_batch`` without removed padding, under CUDA's autocast to bf16."""
    hidden = torch.empty(1, ROWS + 1, HIDDEN, dtype=torch.bfloat16, device="meta", requires_grad=backward)
    head = torch.empty(VOCABULARY, HIDDEN, dtype=torch.bfloat16, device="meta")
    with Peak() as peak:
        logits = torch.nn.functional.linear(hidden, head)
        logits.div_(1.0)
        responses = logits[:, :-1, :]
        loss = CrossEntropy.apply(responses.reshape(-1, VOCABULARY)).sum()
        if entropy:
            probabilities = torch.nn.functional.softmax(responses.float(), dim=-1)  # autocast's choice
            loss = loss + (torch.logsumexp(responses, -1) - torch.sum(probabilities * responses, -1)).sum()
        if backward:
            loss.backward()
    return peak.most / (ROWS * VOCABULARY)


@pytest.mark.parametrize(
    ("entropy", "backward", "bytes_each"),
    [(True, True, LOGIT_BYTES), (True, False, FORWARD_LOGIT_BYTES), (False, True, PLAIN_LOGIT_BYTES)],
)
def test_bytes_of_a_logit(entropy: bool, backward: bool, bytes_each: int) -> None:
    assert math.ceil(trace(entropy, backward)) == bytes_each
