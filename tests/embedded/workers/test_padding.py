"""Cutting shared padding changes neither log-probabilities nor values of tokens."""

from __future__ import annotations

import torch
import worker_support as support

from ragen_tsr.embedded.workers.padding import restored, shared_left_padding, trimmed


def test_counts_what_all_rows_pad() -> None:
    mask = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 1, 1, 1]])
    assert shared_left_padding(mask) == 2
    assert shared_left_padding(torch.ones(2, 5)) == 0
    assert shared_left_padding(torch.zeros(2, 5)) == 0
    assert shared_left_padding(torch.tensor([[0, 0, 0, 0, 1]])) == 3


def test_responses_stay_predictable() -> None:
    """Every response token that is kept has the position before it."""
    batch = support.training_batch().batch
    for responses in (3, 12, 19):
        cut, lost = trimmed({**batch, "responses": batch["input_ids"][:, -responses:]})
        length = cut["input_ids"].shape[1]
        kept = cut["responses"].shape[1]
        assert kept + lost == responses
        assert kept <= length - 1
        assert torch.equal(cut["responses"], cut["input_ids"][:, -kept:])
        values = torch.ones(len(cut["input_ids"]), kept)
        whole = restored(values, lost)
        assert whole is not None
        assert whole.shape[1] == responses
        assert float(whole[:, :lost].sum()) == 0
