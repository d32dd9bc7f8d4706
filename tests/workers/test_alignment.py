"""Moving rows to the left end changes no token's log-probability, entropy or value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import worker_support as support
from transformers import AutoModelForCausalLM

from ragen_tsr.embedded.workers.alignment import align


def columns(**overrides: Any) -> dict[str, Any]:
    batch = support.training_batch().batch
    return {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids", "responses")} | overrides


@pytest.mark.parametrize("responses", [1, 7, 19])
def test_tokens_return_to_their_place(responses: int) -> None:
    batch = columns()
    aligned = align(batch)
    assert aligned is not None
    moved, alignment = aligned
    assert moved["attention_mask"] is None
    assert moved["input_ids"].shape[1] == int(batch["attention_mask"].sum(-1).max()) < batch["input_ids"].shape[1]
    restored = alignment.restore(moved["responses"].float(), responses)
    # every token that has one before it; the rest is 0
    seen = batch["attention_mask"].bool()
    seen = torch.cat([torch.zeros_like(seen[:, :1]), seen[:, :-1]], dim=-1) & seen
    expected = torch.where(seen, batch["input_ids"], torch.tensor(0))[:, -responses:]
    assert torch.equal(restored, expected.float())


def test_a_causal_model_gives_the_same_without_mask(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    batch = columns()
    aligned = align(batch)
    assert aligned is not None
    moved, alignment = aligned
    inputs = ("input_ids", "attention_mask", "position_ids")
    with torch.no_grad():
        expected = model(**{name: batch[name] for name in inputs}).logits[:, :-1].logsumexp(-1)
        actual = alignment.restore(model(**{name: moved[name] for name in inputs}).logits[:, :-1].logsumexp(-1), 19)
    mask = batch["attention_mask"].bool()
    predictable = mask[:, 1:] & mask[:, :-1]
    torch.testing.assert_close(actual[predictable], expected[predictable], atol=1e-5, rtol=1e-5)
    assert float(actual[~predictable].abs().sum()) == 0


def test_gradients_reach_tokens_only() -> None:
    aligned = align(columns())
    assert aligned is not None
    moved, alignment = aligned
    values = torch.ones(moved["responses"].shape, requires_grad=True)
    alignment.restore(values, 19).sum().backward()
    assert values.grad is not None
    assert float(values.grad.sum()) == float((columns()["attention_mask"].sum(-1) - 1).sum())


def test_what_cannot_be_moved_is_left_alone() -> None:
    mask = columns()["attention_mask"].clone()
    mask[0, -3] = 0
    assert align(columns(attention_mask=mask)) is None
    mask[0] = 0
    assert align(columns(attention_mask=mask)) is None
    assert align(columns(position_ids=columns()["position_ids"] + 1)) is None
