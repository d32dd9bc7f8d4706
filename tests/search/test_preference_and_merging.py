"""The order of preference, its draws, and which of equal nodes stays."""

from collections import Counter

import numpy as np
import pytest

from ragen_tsr.search import Fate, Node, Preference, merge
from ragen_tsr.search.preference import RANK_BY

ROOT = Node.root()


def node(score=0.0, *, parent=ROOT, done=False, success=False, executed=True, key=None):
    return parent.child(slot=0, score=score, reward=0.0, done=done, success=success, executed=executed, merge_key=key)


def test_sums_and_counts_follow_from_the_parent():
    first = ROOT.child(slot=3, score=1.5, reward=2.0, done=False, success=False, executed=False)
    second = first.child(slot=3, score=-1.0, reward=0.5, done=True, success=True, executed=True, payload="p")
    assert (second.depth, second.accumulated, second.return_, second.idle_turns) == (2, 0.5, 2.5, 1)
    assert (second.score, second.reward, second.slot, second.payload) == (-1.0, 0.5, 3, "p")
    assert second.parent is first


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="nan"):
        node(float("nan"))


def test_order_of_preference():
    idle = node(executed=False)
    order = [
        node(-9, done=True, success=True),
        node(5),
        node(4),
        node(9, done=True),
        node(8, parent=idle),
        node(7, parent=idle),
        node(99, done=True, executed=False),
        node(999, parent=idle, executed=False),
    ]
    prefer = Preference(RANK_BY["last"], "last")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert prefer.ranked(rng.permutation(np.array(order, dtype=object)), rng) == order


def test_invalid_as_scored_leaves_idle_turns_where_their_score_puts_them():
    executed, idle = node(-0.3), node(-0.1, executed=False)
    rng = np.random.default_rng(0)
    assert Preference(RANK_BY["accumulated"], "as_scored").ranked([executed, idle], rng) == [idle, executed]
    assert Preference(RANK_BY["accumulated"], "last").ranked([executed, idle], rng) == [executed, idle]


def test_success_is_preferred_even_after_an_idle_turn():
    solved = node(parent=node(executed=False), done=True, success=True)
    live = node(50)
    assert Preference(RANK_BY["accumulated"], "last").ranked([live, solved], np.random.default_rng(0))[0] is solved


def test_among_successes_only_the_score_counts():
    finished, live = node(2, done=True, success=True), node(1, success=True)
    assert Preference(RANK_BY["last"], "last").ranked([live, finished], np.random.default_rng(0))[0] is finished


def test_ties_are_drawn_fairly_and_reproducibly():
    equals = [node(1) for _ in range(4)]
    prefer = Preference(RANK_BY["accumulated"], "last")

    def winners(seed):
        rng = np.random.default_rng(seed)
        return [equals.index(prefer.ranked(equals, rng)[0]) for _ in range(2000)]

    counts = Counter(winners(0))
    assert winners(0) == winners(0) != winners(1)
    assert all(abs(counts[i] - 500) < 100 for i in range(4)), counts  # five standard deviations


def test_merge_keeps_one_of_each_drawn_uniformly():
    rng = np.random.default_rng(0)
    kept = Counter()
    for _ in range(1500):
        nodes = [node(key="a"), node(key="b"), node(key="a"), node(), node(key="a"), node()]
        rest = merge(nodes, rng)
        assert [n.merge_key for n in rest] == ["a", "b", None, None]
        assert [n for n in nodes if n.fate is Fate.MERGED] == [n for n in nodes if n not in rest]
        kept[nodes.index(rest[0])] += 1
    assert set(kept) == {0, 2, 4}
    assert all(abs(kept[i] - 500) < 92 for i in kept), kept
