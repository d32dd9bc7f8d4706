"""Beam search on trees whose best paths are known."""

import numpy as np
import pytest
from toy_tree import Turn, Written, paths, search

from ragen_tsr.search import Beam, Fate


def beam(M, B, rank_by="accumulated", invalid="last"):
    return Beam(M=M, B=B, rank_by=rank_by, invalid=invalid)


TRAP = Written(
    {
        (0,): Turn(3),
        (1,): Turn(1),
        (2,): Turn(2),
        (0, 0): Turn(0),
        (0, 1): Turn(0),
        (0, 2): Turn(1),
        (1, 0): Turn(20),
        (1, 1): Turn(0),
        (1, 2): Turn(0),
        (2, 0): Turn(9),
        (2, 1): Turn(0),
        (2, 2): Turn(0),
    }
)
"""The better the first turn looks, the worse the second: greedy 4, two beams 11, three beams 21."""


@pytest.mark.parametrize(("B", "best"), [(1, (0, 2)), (2, (2, 0)), (3, (1, 0)), (99, (1, 0))])
def test_a_wider_beam_recovers_from_turns_that_only_look_good(B, best):
    leaves, _ = search(beam(3, B), TRAP, horizon=2)
    assert paths(leaves) == [best]


def test_expands_the_kept_beams_with_m_samples_each_and_prunes_the_rest():
    _, grower = search(beam(3, 2), TRAP, horizon=2)
    assert [{ask.node.payload: ask.samples for ask in asks} for asks in grower.asked] == [
        {(): 3},
        {(0,): 3, (2,): 3},
    ]
    fates = {node.payload: node.fate for node in grower.made}
    assert {path for path, fate in fates.items() if fate is Fate.CHOSEN} == {(2,), (2, 0)}
    assert set(fates.values()) == {Fate.CHOSEN, Fate.PRUNED}
    assert grower.root.fate is Fate.CHOSEN


def test_ranks_by_accumulated_or_by_last_score():
    tree = Written({(0,): Turn(5), (1,): Turn(0), (0, 0): Turn(1), (0, 1): Turn(0), (1, 0): Turn(3), (1, 1): Turn(0)})
    assert paths(search(beam(2, 2, "accumulated"), tree, horizon=2)[0]) == [(0, 0)]
    assert paths(search(beam(2, 2, "last"), tree, horizon=2)[0]) == [(1, 0)]


def test_success_beats_any_score_and_failure_loses_to_anything_live():
    tree = Written({(0,): Turn(9, done=True), (1,): Turn(5), (2,): Turn(-9, done=True, success=True), (1, 0): Turn(0)})
    assert paths(search(beam(3, 1), tree, horizon=1)[0]) == [(2,)]
    del tree.turns[(2,)]
    assert paths(search(beam(2, 1), tree, horizon=1)[0]) == [(1,)]


def test_a_finished_beam_keeps_its_place_and_is_not_expanded():
    tree = Written(
        {
            (0,): Turn(5, done=True, success=True),
            (1,): Turn(1),
            (1, 0): Turn(1),
            (1, 1): Turn(2),
            (1, 1, 0): Turn(1, done=True, success=True),
            (1, 1, 1): Turn(1),
        }
    )
    leaves, grower = search(beam(2, 2), tree, horizon=3)
    assert paths(leaves) == [(0,)]
    assert [[ask.node.payload for ask in asks] for asks in grower.asked] == [[()], [(1,)], [(1, 1)]]


def test_goes_on_after_a_success_because_a_longer_path_may_be_preferred():
    tree = Written(
        {
            (0,): Turn(1, done=True, success=True),
            (1,): Turn(1),
            (1, 0): Turn(4, done=True, success=True),
            (1, 1): Turn(0),
        }
    )
    assert paths(search(beam(2, 2), tree, horizon=2)[0]) == [(1, 0)]


def test_a_turn_without_action_ranks_below_its_siblings_unless_told_otherwise():
    idle, legal, failed = Turn(-0.1, executed=False), Turn(-0.3), Turn(-0.9, done=True)
    tree = Written({(0,): idle, (1,): legal})
    assert paths(search(beam(2, 1), tree, horizon=1)[0]) == [(1,)]
    assert paths(search(beam(2, 1, invalid="as_scored"), tree, horizon=1)[0]) == [(0,)]
    tree = Written({(0,): idle, (1,): failed})
    assert paths(search(beam(2, 1), tree, horizon=1)[0]) == [(1,)]
    assert paths(search(beam(2, 1, invalid="as_scored"), tree, horizon=1)[0]) == [(0,)]


def test_equal_nodes_take_one_place():
    tree = Written(
        {
            (0,): Turn(2, key="a"),
            (1,): Turn(2, key="a"),
            (2,): Turn(1, key="b"),
            (0, 0): Turn(0),
            (1, 0): Turn(0),
            (2, 0): Turn(5),
        }
    )
    leaves, grower = search(beam(3, 2), tree, horizon=2)
    assert paths(leaves) == [(2, 0)]
    assert sorted(ask.node.payload for ask in grower.asked[1])[1:] == [(2,)]
    assert [node.fate for node in grower.made].count(Fate.MERGED) == 1


def test_a_finished_root_is_returned_as_it_is():
    root = Written({}).start().root
    root.done = True
    generator = beam(2, 2).search(root, 2, 3, np.random.default_rng(0))
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == [root, root]
