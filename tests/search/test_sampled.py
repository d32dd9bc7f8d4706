"""The agent that takes one of the sampled turns at random."""

from __future__ import annotations

import pytest

from ragen_tsr.search.sampled import running_sums


def test_a_single_trajectory_is_what_happened():
    assert running_sums([(1, False, -1.0), (2, False, -2.0), (3, True, 10.0)]) == [-1.0, -3.0, 7.0]


def test_a_turn_counts_by_the_share_that_gets_there():
    turns = [(1, True, 4.0), (1, False, 0.0), (1, False, 0.0), (1, False, 0.0), (2, True, 8.0), (2, False, 0.0)]
    assert running_sums(turns) == [1.0, pytest.approx(1.0 + 0.75 * 4.0)]


def test_the_order_of_the_nodes_does_not_matter_and_none_give_none():
    turns = [(2, False, 1.0), (1, False, 3.0), (2, True, 5.0)]
    assert running_sums(turns) == running_sums(turns[::-1]) == [3.0, 6.0]
    assert running_sums([]) == []
