"""Noise belongs to a row; draws follow the distribution they are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ragen_tsr.workers.rollout.noise import CallKey, places
from ragen_tsr.workers.rollout.sampling import Sampling, draw

KEY = CallKey(7, "train", 3, 1)


def test_a_row_keeps_its_noise_whatever_the_batch() -> None:
    whole = KEY.row_uniforms(range(10), 6)
    assert np.array_equal(KEY.row_uniforms([7, 2], 6), whole[[7, 2]])
    assert np.array_equal(KEY.row_uniforms([7], 3)[0], whole[7, :3])


def test_every_part_of_the_key_matters() -> None:
    others = [{"run_seed": 8}, {"stream": "validate"}, {"rollout": 4}, {"call": 2}]
    keys = [KEY, *(replace(KEY, **other) for other in others)]
    draws = [float(key.row_uniforms([0], 1)[0, 0]) for key in keys] + [float(KEY.row_uniforms([1], 1)[0, 0])]
    assert len(set(draws)) == len(draws)


def test_a_row_number_follows_from_the_slot_and_its_earlier_samples() -> None:
    among_others = places([5, 0, 5, 3, 5])
    assert among_others[[0, 2, 4]].tolist() == places([5, 5, 5]).tolist()
    assert among_others[[0, 1, 3]].tolist() == [5, 0, 3]
    assert len(set(among_others.tolist())) == 5


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.0, 0.3, 0.2])
    count = 20_000
    uniforms = torch.from_numpy(KEY.row_uniforms([0], count)[0])
    tokens = draw(probabilities.log().expand(count, -1), uniforms, Sampling())
    shares = torch.bincount(tokens, minlength=4) / count
    # five standard errors of a share of 1/2
    assert float((shares - probabilities).abs().max()) < 5 * 0.5 / count**0.5
    assert shares[1] == 0


def test_top_k_and_top_p_cut_the_tail() -> None:
    log_probs = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log().expand(1000, -1)
    uniforms = torch.linspace(0, 1 - 1e-9, 1000, dtype=torch.float64)
    assert set(draw(log_probs, uniforms, Sampling(top_k=2)).tolist()) == {0, 1}
    assert set(draw(log_probs, uniforms, Sampling(top_p=0.65)).tolist()) == {0, 1}
    assert set(draw(log_probs, uniforms, Sampling(top_p=0.71)).tolist()) == {0, 1, 2}
    assert set(draw(log_probs, uniforms, Sampling(top_k=-1)).tolist()) == {0, 1, 2, 3}
    assert set(draw(log_probs, uniforms, Sampling(do_sample=False)).tolist()) == {0}


def test_the_ends_of_the_unit_interval_draw_possible_tokens() -> None:
    log_probs = torch.tensor([[0.0, 0.5, 0.5, 0.0]]).log().expand(2, -1)
    uniforms = torch.tensor([0.0, np.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert draw(log_probs, uniforms, Sampling()).tolist() == [1, 2]
