"""Muon's updates are orthogonal and go downhill."""

from __future__ import annotations

import pytest
import torch

from ragen_tsr.models.optimizer import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_singular_values_are_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix, iterations=5))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_it_fits_a_linear_map():
    generator = torch.Generator().manual_seed(0)
    wanted, inputs = torch.randn(4, 6, generator=generator), torch.randn(64, 6, generator=generator)
    weight = torch.zeros(4, 6, requires_grad=True)
    optimizer = Muon([weight], lr=0.05)
    losses = []
    for _ in range(100):
        loss = (inputs @ (weight - wanted).T).square().mean()
        loss.backward()
        optimizer.step()
        weight.grad = None
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
