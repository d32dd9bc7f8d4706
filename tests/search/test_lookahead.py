"""Lookahead on trees whose committed paths are known, and its schedule."""

from dataclasses import dataclass, field

import pytest
from toy_tree import REDRAWN, Drawn, Turn, Written, paths, search

from ragen_tsr.search import Fate, Lookahead


def lookahead(M, D, inner, rank_by="accumulated", invalid="last", redraw=False):
    return Lookahead(M=M, B=inner, D=D, inner=None, rank_by=rank_by, invalid=invalid, redraw=redraw)


DEEP_TRAP = Written(
    {
        (0,): Turn(3),
        (1,): Turn(1),
        (0, 0): Turn(0),
        (0, 1): Turn(1),
        (1, 0): Turn(4),
        (1, 1): Turn(0),
        (0, 0, 0): Turn(9),
        (0, 0, 1): Turn(0),
        (0, 1, 0): Turn(0),
        (0, 1, 1): Turn(0),
        (1, 0, 0): Turn(0),
        (1, 0, 1): Turn(1),
        (1, 1, 0): Turn(0),
        (1, 1, 1): Turn(0),
    }
)
"""One turn ahead (0,) is best, two turns ahead (1, 0), three turns ahead (0, 0, 0)."""


@pytest.mark.parametrize(("D", "best"), [(1, (0, 1, 0)), (2, (1, 0, 1)), (3, (0, 0, 0)), (9, (0, 0, 0))])
def test_looks_d_turns_from_the_prefix(D, best):
    tree = DEEP_TRAP
    if D == 1:  # the greedy path ends in a tie of zeros: make it none
        tree = Written({**DEEP_TRAP.turns, (0, 1, 0): Turn(0.5)})
    leaves, _ = search(lookahead(2, D, 2), tree, horizon=3)
    assert paths(leaves) == [best]


def test_samples_level_i_in_call_i_reuses_the_subtree_and_tops_up():
    _, grower = search(lookahead(4, 2, 2), Drawn(seed=1), horizon=4)
    first, second, third, fourth = grower.asked
    assert [(ask.node.depth, ask.samples) for ask in first] == [(0, 4)]
    assert [(ask.node.depth, ask.samples) for ask in second] == [(1, 2)] * 4
    for call, asks in ((3, third), (4, fourth)):
        committed = asks[-1].node
        assert [(ask.node.depth, ask.samples) for ask in asks] == [(call - 1, 2)] * 2 + [(call - 2, 2)]
        assert all(ask.node.parent is committed for ask in asks[:-1])
    assert fourth[-1].node.parent is third[-1].node


def test_d1_is_greedy_with_m_fresh_candidates_a_turn():
    leaves, grower = search(lookahead(3, 1, 2), Drawn(seed=5), horizon=4)
    node = grower.root
    for asks in grower.asked:
        assert [(ask.node, ask.samples) for ask in asks] == [(node, 3)]
        node = max((child for child in grower.made if child.parent is node), key=lambda child: child.accumulated)
    assert leaves == [node]


def test_children_of_the_committed_node_count_towards_m():
    """inner >= M leaves nothing to top up; a merged child is replaced."""
    _, grower = search(lookahead(2, 2, 3), Drawn(seed=1), horizon=3)
    assert [(ask.node.depth, ask.samples) for ask in grower.asked[2]] == [(2, 3)] * 3
    tree = Written(
        {
            (0,): Turn(0),
            (0, 0): Turn(1, key="a"),
            (0, 1): Turn(1, key="a"),
            (0, 2): Turn(0),
            (0, 0, 0): Turn(0),
            (0, 1, 0): Turn(0),
        }
    )
    _, grower = search(lookahead(1, 2, 2), tree, horizon=3)
    assert [(ask.node.depth, ask.samples) for ask in grower.asked[2]] == [(2, 2)]
    _, grower = search(
        Lookahead(M=2, B=2, D=2, inner=None, rank_by="last", invalid="last", redraw=False), tree, horizon=3
    )
    assert [(ask.node.depth, ask.samples) for ask in grower.asked[2]] == [(2, 2), (1, 1)]


@pytest.mark.parametrize("D", [2, 3])
def test_nothing_is_topped_up_before_the_first_turn_is_committed(D):
    same = {(child,): Turn(1, key="a") for child in range(3)}
    deeper = {(child, 0): Turn() for child in range(3)} | {(child, 0, 0): Turn() for child in range(3)}
    _, grower = search(lookahead(3, D, 1), Written(same | deeper), horizon=D)
    assert [[(ask.node.depth, ask.samples) for ask in asks] for asks in grower.asked] == [
        [(0, 3)],
        *([(depth, 1)] for depth in range(1, D)),
    ]


TOPPED_UP = {
    (0,): Turn(1),
    (0, 0): Turn(0),
    (0, 0, 0): Turn(0),
    (0, 0, 0, 0): Turn(0),
}


@pytest.mark.parametrize(
    ("fresh", "committed"),
    [
        (Turn(50), (0, 0, 0, 0)),
        (Turn(50, done=True), (0, 0, 0, 0)),
        (Turn(-50, done=True, success=True), (0, 1)),
    ],
    ids=["live", "failed", "solved"],
)
def test_a_fresh_candidate_is_committed_only_if_it_finishes_well(fresh, committed):
    """A live one, however good, stands a level behind and could not reach the horizon."""
    leaves, grower = search(lookahead(2, 2, 1), Written({**TOPPED_UP, (0, 1): fresh}), horizon=4)
    assert paths(leaves) == [committed]
    assert (0, 1) in [node.payload for node in grower.made]
    assert all(node.fate is not Fate.LIVE for node in grower.made)


def test_never_goes_back_on_a_committed_turn():
    """At D=1 the second turn of the other branch would be worth more."""
    tree = Written({(0,): Turn(2), (1,): Turn(1), (0, 0): Turn(0), (0, 1): Turn(1), (1, 0): Turn(50), (1, 1): Turn(0)})
    leaves, grower = search(lookahead(2, 1, 2), tree, horizon=2)
    assert paths(leaves) == [(0, 1)]
    assert (1, 0) not in [node.payload for node in grower.made]


def test_a_reachable_success_decides():
    tree = Written({**DEEP_TRAP.turns, (1, 1): Turn(-9, done=True, success=True)})
    leaves, _ = search(lookahead(2, 2, 2), tree, horizon=3)
    assert paths(leaves) == [(1, 1)]


def test_the_last_turns_are_committed_along_the_best_leaf():
    leaves, grower = search(lookahead(3, 3, 2), Drawn(seed=11), horizon=4)
    last = [node for node in grower.made if node.depth == 4]
    assert leaves == [max(last, key=lambda node: node.accumulated)]


def test_inner_defaults_to_b():
    fields = {"M": 4, "D": 2, "rank_by": "last", "invalid": "last", "redraw": False}
    assert Lookahead(B=2, inner=None, **fields).branching == 2
    assert Lookahead(B=2, inner=3, **fields).branching == 3
    assert Lookahead(B=7, inner=3, **fields).responses(1, 5) == Lookahead(B=3, inner=None, **fields).responses(1, 5)


@dataclass(frozen=True)
class Noisy(Written):
    """A written tree in which some turns end otherwise when their noise is drawn again."""

    again: dict = field(default_factory=dict)

    def redrawn(self, slot, path):
        return self.again.get(path)


RISKY = {
    (0,): Turn(1, key="ice, crossed"),
    (1,): Turn(0, key="round"),
    (2,): Turn(0, key="ice, slipped"),
    (0, 0): Turn(9),
    (1, 0): Turn(1),
    (2, 0): Turn(2),
}
"""Two turns ahead (0, 0) is best; (2,) is the same action as (0,) with a worse outcome."""


def test_without_redraw_the_outcome_that_was_seen_is_committed():
    tree = Noisy(RISKY, {(0,): Turn(-5)})
    leaves, grower = search(lookahead(3, 2, 1), tree, horizon=2)
    assert paths(leaves) == [(0, 0)]
    assert not grower.redraws


def test_a_redrawn_turn_that_ends_otherwise_is_committed_with_a_new_tree_below():
    below = {(REDRAWN, 0): Turn(3), (REDRAWN, 1): Turn(4), (REDRAWN, 2): Turn(0)}
    tree = Noisy({**RISKY, **below}, {(0,): Turn(-5, key="elsewhere")})
    leaves, grower = search(lookahead(3, 2, 1, redraw=True), tree, horizon=2)
    assert paths(leaves) == [(REDRAWN, 1)]
    assert leaves[0].accumulated == -5 + 4
    assert [ask.node.payload for ask in grower.redraws] == [(0,), (REDRAWN, 1)]
    assert [[(ask.node.payload, ask.samples) for ask in asks] for asks in grower.asked] == [
        [((), 3)],
        [((0,), 1), ((1,), 1), ((2,), 1)],
        [((REDRAWN,), 3)],
    ]
    fates = {node.payload: node.fate for node in grower.made}
    assert fates[0,] is fates[0, 0] is Fate.PRUNED
    assert fates[REDRAWN,] is Fate.CHOSEN


def test_a_redrawn_outcome_that_a_sibling_has_had_takes_over_the_siblings_subtree():
    tree = Noisy(RISKY, {(0,): Turn(0, key="ice, slipped")})
    leaves, grower = search(lookahead(3, 2, 1, redraw=True), tree, horizon=2)
    assert paths(leaves) == [(2, 0)]
    assert len(grower.asked) == 2
    assert {node.payload: node.fate for node in grower.made}[REDRAWN,] is Fate.MERGED


def test_a_redrawn_turn_can_end_the_episode_or_go_on_after_all():
    ends = Noisy(RISKY, {(0,): Turn(-5, done=True)})
    leaves, grower = search(lookahead(3, 2, 1, redraw=True), ends, horizon=2)
    assert paths(leaves) == [(REDRAWN,)]
    assert len(grower.asked) == 2
    won = {(0,): Turn(1, done=True, success=True), (1,): Turn(0), (REDRAWN, 0): Turn(2), (REDRAWN, 1): Turn(3)}
    missed = Noisy(won, {(0,): Turn(0)})
    leaves, grower = search(lookahead(2, 1, 1, redraw=True), missed, horizon=2)
    assert paths(leaves) == [(REDRAWN, 1)]
    assert not leaves[0].success


def test_slots_whose_trees_are_sampled_anew_hold_no_other_up():
    """Slot 1 ends otherwise at its first turn: it needs a call more, in which slot 0 is asked for nothing."""

    class OneSlot(Drawn):
        def redrawn(self, slot, path):
            return self.outcome(slot, (path[0] + REDRAWN,)) if slot == 1 and len(path) == 1 else None

    leaves, grower = search(lookahead(2, 2, 2, redraw=True), OneSlot(seed=1), L=2, horizon=3)
    assert [sorted({ask.slot for ask in asks}) for asks in grower.asked] == [[0, 1]] * 3 + [[1]]
    assert [leaf.depth for leaf in leaves] == [3, 3]
