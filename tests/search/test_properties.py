"""What holds for every tree: optimality, equalities between strategies, budgets, independence of batching."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_tree import REDRAWN, Drawn, all_leaves, search, search_groups

from ragen_tsr.search import Beam, BestOfN, Fate, Lookahead, Mixed, NoSearch, Preference
from ragen_tsr.search import path as node_path
from ragen_tsr.search.preference import INVALID, RANK_BY

QUICK = settings(max_examples=60, deadline=None)
small = st.integers(1, 3)
seeds = st.integers(0, 10**6)
rank_bys = st.sampled_from(sorted(RANK_BY))
invalids = st.sampled_from(INVALID)


@st.composite
def strategies(draw, L=None, redraw=True):
    """Any strategy that serves groups of up to L (1 if None); `redraw`: also those that draw noise again."""
    rules = {"rank_by": draw(rank_bys), "invalid": draw(invalids)}
    beam = Beam(M=draw(small), B=draw(small), **rules)
    look = Lookahead(
        M=draw(small),
        B=draw(small),
        D=draw(st.integers(1, 4)),
        inner=None,
        redraw=redraw and draw(st.booleans()),
        **rules,
    )
    best = BestOfN(N=(L or 1) + draw(st.integers(0, 4)), invalid=rules["invalid"])
    mixed = Mixed(draw(st.sampled_from([NoSearch(), best, beam, look])), NoSearch(), draw(st.integers(1, L or 1)))
    return draw(st.sampled_from([NoSearch(), best, beam, look, mixed]))


trees = st.builds(
    Drawn,
    seed=seeds,
    p_done=st.sampled_from([0.0, 0.2, 0.5]),
    p_idle=st.sampled_from([0.0, 0.3]),
    p_equal=st.sampled_from([0.0, 0.7]),
    levels=st.sampled_from([None, 2]),
    p_redrawn=st.sampled_from([0.0, 0.4, 1.0]),
)


@QUICK
@given(
    seed=seeds,
    width=small,
    horizon=st.integers(1, 4),
    rank_by=rank_bys,
    invalid=invalids,
    by_beam=st.booleans(),
    redraw=st.booleans(),
)
def test_wider_than_the_tree_finds_the_optimum(seed, width, horizon, rank_by, invalid, by_beam, redraw):
    """Drawing noise again changes nothing where there is none."""
    tree = Drawn(seed, width=width, p_done=0.3, p_idle=0.3)
    if by_beam:
        strategy = Beam(M=width, B=width**horizon, rank_by=rank_by, invalid=invalid)
    else:
        strategy = Lookahead(M=width, B=width, D=horizon, inner=None, rank_by=rank_by, invalid=invalid, redraw=redraw)
    [found], _ = search(strategy, tree, L=1, horizon=horizon, seed=seed)
    best = max(all_leaves(tree, horizon), key=Preference(RANK_BY[rank_by], invalid).key)
    assert found.payload == best.payload


@QUICK
@given(tree=trees, L=small, horizon=st.integers(1, 5), rank_by=rank_bys, invalid=invalids, seed=seeds)
def test_a_beam_of_one_candidate_equals_none(tree, L, horizon, rank_by, invalid, seed):
    plain, sampled = search(NoSearch(), tree, L, horizon, seed)
    one, grower = search(Beam(M=1, B=1, rank_by=rank_by, invalid=invalid), tree, L, horizon, seed)
    assert [_trace(leaf) for leaf in one] == [_trace(leaf) for leaf in plain]
    assert _asked(grower) == _asked(sampled)


@QUICK
@given(tree=trees, L=small, horizon=st.integers(1, 5), invalid=invalids, seed=seeds)
def test_best_of_l_equals_none(tree, L, horizon, invalid, seed):
    plain, sampled = search(NoSearch(), tree, L, horizon, seed)
    best, grower = search(BestOfN(N=L, invalid=invalid), tree, L, horizon, seed)
    assert [_trace(leaf) for leaf in best] == [_trace(leaf) for leaf in plain]
    assert _asked(grower) == _asked(sampled)


@QUICK
@given(tree=trees, M=small, B=small, L=small, horizon=st.integers(1, 5), rank_by=rank_bys, seed=seeds)
def test_never_more_than_b_live_beams(tree, M, B, L, horizon, rank_by, seed):
    _, grower = search(Beam(M=M, B=B, rank_by=rank_by, invalid="last"), tree, L, horizon, seed)
    for asks in grower.asked:
        assert max(Counter(ask.slot for ask in asks).values()) <= B
        assert all(ask.samples == M and not ask.node.done for ask in asks)


@QUICK
@given(data=st.data(), L=small, horizon=st.integers(1, 5), seed=seeds)
def test_calls_and_responses_equal_the_closed_formulas(data, L, horizon, seed):
    strategy = data.draw(strategies(L, redraw=False))
    _, grower = search(strategy, Drawn(seed, p_idle=0.2), L, horizon, seed)
    assert len(grower.asked) == strategy.calls(horizon) == horizon
    assert grower.responses == strategy.responses(L, horizon)
    assert not grower.redraws


@QUICK
@given(M=small, B=small, D=st.integers(1, 4), L=small, horizon=st.integers(1, 6), seed=seeds)
def test_redraws_that_change_nothing_cost_no_call_and_no_response(M, B, D, L, horizon, seed):
    fields = {"M": M, "B": B, "D": D, "inner": None, "rank_by": "accumulated", "invalid": "last"}
    seen, as_seen = search(Lookahead(**fields, redraw=False), Drawn(seed), L, horizon, seed)
    again, grower = search(Lookahead(**fields, redraw=True), Drawn(seed), L, horizon, seed)
    assert [_trace(leaf) for leaf in again] == [_trace(leaf) for leaf in seen]
    assert _asked(grower) == _asked(as_seen)
    assert Counter(ask.slot for ask in grower.redraws) == dict.fromkeys(range(L), horizon)


@QUICK
@given(M=small, B=small, D=st.integers(1, 4), L=small, horizon=st.integers(1, 6), seed=seeds)
def test_redraws_that_change_every_turn_cost_a_new_tree_each(M, B, D, L, horizon, seed):
    strategy = Lookahead(M=M, B=B, D=D, inner=None, rank_by="last", invalid="last", redraw=True)
    leaves, grower = search(strategy, Drawn(seed, p_redrawn=1.0), L, horizon, seed)
    levels = [min(D, left) for left in range(1, horizon + 1)]
    assert len(grower.asked) == strategy.calls(horizon) == sum(levels)
    assert grower.responses == L * sum(M * B**level for most in levels for level in range(most))
    assert grower.responses <= strategy.responses(L, horizon)
    for leaf in leaves:
        assert all(number >= REDRAWN for number in leaf.payload), "every committed turn is one that was drawn again"


@pytest.mark.parametrize(
    ("strategy", "per_slot"),
    [
        (NoSearch(), 5),
        (BestOfN(N=28, invalid="last"), 5 * 28 / 16),
        (Beam(M=4, B=2, rank_by="last", invalid="last"), 4 + 4 * 8),
        (Beam(M=2, B=4, rank_by="last", invalid="last"), 2 + 4 + 3 * 8),
        (Beam(M=1, B=3, rank_by="last", invalid="last"), 5),
        (Beam(M=3, B=8, rank_by="last", invalid="last"), 3 + 9 + 3 * 24),
        (Lookahead(M=4, B=2, D=1, inner=None, rank_by="last", invalid="last", redraw=False), 5 * 4),
        (Lookahead(M=4, B=2, D=2, inner=None, rank_by="last", invalid="last", redraw=False), 4 + 8 + 3 * (4 + 2)),
        (Lookahead(M=2, B=3, D=3, inner=None, rank_by="last", invalid="last", redraw=False), 2 + 6 + 18 + 2 * 27),
        (Lookahead(M=2, B=2, D=9, inner=None, rank_by="last", invalid="last", redraw=False), 2 + 4 + 8 + 16 + 32),
    ],
)
def test_responses_per_slot_of_five_turns(strategy, per_slot):
    assert strategy.responses(16, 5) == 16 * per_slot
    _, grower = search(strategy, Drawn(0), L=16, horizon=5)
    assert grower.responses == 16 * per_slot
    assert len(grower.asked) == strategy.calls(5) == 5


@QUICK
@given(data=st.data(), tree=trees, L=small, horizon=st.integers(1, 5), seed=seeds)
def test_the_formulas_bound_searches_that_finish_and_merge(data, tree, L, horizon, seed):
    strategy = data.draw(strategies(L))
    leaves, grower = search(strategy, tree, L, horizon, seed)
    assert len(grower.asked) <= strategy.calls(horizon)
    assert grower.responses <= strategy.responses(L, horizon)
    assert all(asks for asks in grower.asked)
    assert len(leaves) == L
    assert all(leaf.done or leaf.depth == horizon for leaf in leaves), "a committed path reaches its end"


@QUICK
@given(data=st.data(), tree=trees, L=small, horizon=st.integers(1, 4), seed=seeds)
def test_every_node_has_one_fate(data, tree, L, horizon, seed):
    leaves, grower = search(data.draw(strategies(L)), tree, L, horizon, seed)
    committed = {node for leaf in leaves for node in node_path(leaf)}
    for node in grower.made:
        assert (node.fate is Fate.CHOSEN) == (node in committed)
        assert node.fate is not Fate.LIVE
    assert grower.root.fate is Fate.CHOSEN


@QUICK
@given(data=st.data(), groups=st.lists(st.tuples(trees, seeds), min_size=2, max_size=4), L=small)
def test_results_do_not_depend_on_how_groups_are_batched(data, groups, L):
    strategy, horizon = data.draw(strategies(L)), 4
    order = data.draw(st.permutations(range(len(groups))))
    alone = [search(strategy, tree, L, horizon, seed) for tree, seed in groups]
    together, growers = search_groups(
        strategy, [groups[i][0] for i in order], L, horizon, [groups[i][1] for i in order]
    )
    for position, i in enumerate(order):
        leaves, grower = alone[i]
        assert [_trace(leaf) for leaf in together[position]] == [_trace(leaf) for leaf in leaves]
        assert _asked(growers[position]) == _asked(grower)
        assert [node.fate for node in growers[position].made] == [node.fate for node in grower.made]


@QUICK
@given(data=st.data(), tree=trees, seed=seeds)
def test_a_slot_does_not_depend_on_the_group_size(data, tree, seed):
    strategy = data.draw(strategies())
    if BestOfN in (type(strategy), type(getattr(strategy, "inner", None))):
        return
    few, _ = search(strategy, tree, 1, 4, seed)
    many, _ = search(strategy, tree, 3, 4, seed)
    assert _trace(few[0]) == _trace(many[0])


@QUICK
@given(data=st.data(), tree=trees, L=small, seed=seeds)
def test_mixed_searches_its_first_slots_as_a_group_and_samples_the_rest(data, tree, L, seed):
    slots = data.draw(st.integers(1, L))
    strategy = data.draw(strategies(slots))
    searched, of_searched = search(strategy, tree, slots, 3, seed)
    sampled, of_sampled = search(NoSearch(), tree, L, 3, seed)
    mixed, grower = search(Mixed(strategy, NoSearch(), slots), tree, L, 3, seed)
    assert [_trace(leaf) for leaf in mixed] == [_trace(leaf) for leaf in searched + sampled[slots:]]
    plain = sum(node.slot >= slots for node in of_sampled.made)
    assert len(grower.made) == len(of_searched.made) + plain


def _trace(leaf):
    return [(node.payload, node.slot, node.score, node.return_, node.done, node.success) for node in node_path(leaf)]


def _asked(grower):
    return [[(ask.node.payload, ask.slot, ask.samples) for ask in asks] for asks in grower.asked]
