"""What is sampled without search, and which trajectories best-of-N keeps."""

import pytest
from toy_tree import Drawn, Turn, Written, paths, search

from ragen_tsr.search import BestOfN, Fate, NoSearch, distinct_trajectories
from ragen_tsr.search import path as node_path

FORKED = Written(
    {
        (0,): Turn(reward=9),
        (1,): Turn(),
        (2,): Turn(),
        (3,): Turn(),
        (0, 0): Turn(done=True),
        (1, 0): Turn(score=8, reward=1),
        (2, 0): Turn(done=True, success=True, reward=-5),
        (3, 0): Turn(reward=2),
    }
)
"""A failure of return 9, a live one of return 1 (and score 8), a success of return -5, a live one
of return 2."""


def test_none_samples_one_turn_for_each_live_slot_in_slot_order():
    leaves, grower = search(NoSearch(), Drawn(seed=3, p_done=0.5), L=8, horizon=5)
    assert [(ask.slot, ask.samples, ask.node.payload) for ask in grower.asked[0]] == [(i, 1, ()) for i in range(8)]
    for asks, previous in zip(grower.asked[1:], grower.asked, strict=False):
        level = [node for node in grower.made if node.depth == previous[0].node.depth + 1]
        assert [(ask.slot, ask.samples, ask.node) for ask in asks] == [
            (node.slot, 1, node) for node in level if not node.done
        ]
    assert {len(asks) for asks in grower.asked} != {8}, "some slot must finish early"
    assert [leaf.slot for leaf in leaves] == list(range(8))
    assert all(leaf.done or leaf.depth == 5 for leaf in leaves)
    assert {node.fate for node in grower.made} == {Fate.CHOSEN}


@pytest.mark.parametrize(("L", "kept"), [(1, [2]), (2, [2, 3]), (3, [1, 2, 3]), (4, [0, 1, 2, 3])])
def test_best_of_n_keeps_the_top_l_by_success_then_live_then_return_in_sampling_order(L, kept):
    leaves, grower = search(BestOfN(N=4, invalid="last"), FORKED, L=L, horizon=2)
    assert [leaf.payload[0] for leaf in leaves] == kept
    chosen = {node for node in grower.made if node.fate is Fate.CHOSEN}
    assert chosen == {node for leaf in leaves for node in node_path(leaf)} - {grower.root}
    assert {node.fate for node in grower.made} - {Fate.CHOSEN} == ({Fate.PRUNED} if L < 4 else set())


def test_best_of_n_spreads_its_trajectories_over_the_slots():
    leaves, grower = search(BestOfN(N=7, invalid="last"), Drawn(seed=0), L=3, horizon=2)
    assert [ask.slot for ask in grower.asked[0]] == [0, 1, 2, 0, 1, 2, 0]
    assert [ask.samples for ask in grower.asked[0]] == [1] * 7
    assert len({(*leaf.payload, leaf.slot) for leaf in leaves}) == 3


def test_best_of_n_puts_trajectories_with_idle_turns_last_unless_told_otherwise():
    tree = Written({(0,): Turn(reward=1, executed=False), (1,): Turn(reward=0), (2,): Turn(reward=-1)})
    assert paths(search(BestOfN(N=3, invalid="last"), tree, L=2, horizon=1)[0]) == [(1,), (2,)]
    assert paths(search(BestOfN(N=3, invalid="as_scored"), tree, L=2, horizon=1)[0]) == [(0,), (1,)]


def test_neither_merges_equal_nodes():
    tree = Written({(0,): Turn(key="same"), (1,): Turn(key="same")})
    for strategy in (NoSearch(), BestOfN(N=2, invalid="last")):
        leaves, _ = search(strategy, tree, L=2, horizon=1)
        assert paths(leaves) == [(0,), (1,)]
        assert distinct_trajectories(leaves) == 1


def test_distinct_trajectories_compares_paths_turn_by_turn():
    tree = Written(
        {
            (0,): Turn(key="a"),
            (1,): Turn(key="b"),
            (2,): Turn(key="a"),
            (3,): Turn(),
            (0, 0): Turn(key="x"),
            (1, 0): Turn(key="x"),
            (2, 0): Turn(key="x"),
            (3, 0): Turn(key="x"),
        }
    )
    leaves, _ = search(NoSearch(), tree, L=4, horizon=2)
    assert distinct_trajectories(leaves) == 3
    assert distinct_trajectories([leaves[3], leaves[3]]) == 1
