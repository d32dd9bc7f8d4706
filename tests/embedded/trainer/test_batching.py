"""Batches become divisible, by rows that the seed chooses."""

import numpy as np
import pytest
import torch
from verl import DataProto

from ragen_tsr.embedded.trainer.batching import adjust_batch


def batch_of(rows):
    return DataProto.from_dict(
        tensors={"x": torch.arange(rows)}, non_tensors={"name": np.array([f"r{i}" for i in range(rows)])}
    )


def rows(batch):
    return batch.batch["x"].tolist()


def test_a_divisible_batch_is_left_alone():
    batch = batch_of(6)
    assert adjust_batch(batch, 3) is batch


@pytest.mark.parametrize(("size", "divisor", "expected"), [(5, 4, 8), (3, 8, 8), (2, 32, 32)])
def test_copying_keeps_every_row_and_appends_repeats(size, divisor, expected):
    adjusted = adjust_batch(batch_of(size), divisor, "copy", seed=1)
    assert len(adjusted) == expected
    assert rows(adjusted)[:size] == list(range(size))
    assert adjusted.non_tensor_batch["name"].tolist() == [f"r{i}" for i in rows(adjusted)]


def test_copied_rows_are_different_ones_as_far_as_they_reach():
    assert len(set(rows(adjust_batch(batch_of(5), 8, "copy", seed=1))[5:])) == 3


@pytest.mark.parametrize(("size", "divisor", "expected"), [(7, 3, 6), (3, 8, 0)])
def test_deleting_keeps_the_order(size, divisor, expected):
    adjusted = rows(adjust_batch(batch_of(size), divisor, "delete", seed=1))
    assert len(adjusted) == expected
    assert adjusted == sorted(adjusted)


def test_the_seed_and_nothing_else_decides():
    draws = []
    for _ in range(2):
        np.random.rand(3)  # the global generator moves on
        draws.append([rows(adjust_batch(batch_of(9), 8, "copy", seed=(0, step))) for step in range(5)])
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws[0]}) > 1


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"agent_proxy\.batch_adjust_mode is 'pad'; allowed: copy, delete"):
        adjust_batch(batch_of(5), 4, "pad")
