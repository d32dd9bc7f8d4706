"""The driver's batches and checks, and the arithmetic of costs."""

import numpy as np
import pytest
from toy_tree import Drawn, search, search_groups

from ragen_tsr.search import Beam, Expansion, Fate, Ledger, Lookahead, Node, NoSearch, Seconds, drive


def test_one_expand_call_a_turn_for_all_groups_in_order():
    calls = []
    roots = [Node.root(payload=name) for name in "abc"]

    def expand(requests):
        calls.append([(group, ask.node.depth) for group, ask in requests])
        return [
            [
                ask.node.child(slot=0, score=0, reward=0, done=group == ask.node.depth, success=False, executed=True)
                for _ in range(ask.samples)
            ]
            for group, ask in requests
        ]

    searches = [NoSearch().search(root, 1, 3, np.random.default_rng(0)) for root in roots]
    chosen = drive(searches, expand)
    assert calls == [[(0, 0), (1, 0), (2, 0)], [(1, 1), (2, 1)], [(2, 2)]]
    assert [leaf.depth for [leaf] in chosen] == [1, 2, 3]


def test_no_groups_no_calls():
    assert drive([], lambda requests: pytest.fail("called")) == []


def test_wrong_numbers_of_children_are_refused():
    def one_too_few(requests):
        return [
            [ask.node.child(slot=0, score=0, reward=0, done=True, success=False, executed=True)] for _, ask in requests
        ]

    beam = Beam(M=2, B=1, rank_by="last", invalid="last")
    with pytest.raises(ValueError, match=r"\[2\].*\[1\]"):
        drive([beam.search(Node.root(), 1, 2, np.random.default_rng(0))], one_too_few)


def test_redraws_are_refused_where_nobody_can_draw_noise_again():
    tree = Drawn(0).start()
    greedy = Lookahead(M=2, B=1, D=1, inner=None, rank_by="last", invalid="last", redraw=True)
    searches = [greedy.search(tree.root, 1, 2, np.random.default_rng(0))]
    with pytest.raises(ValueError, match="noise drawn again"):
        drive(searches, lambda requests: [tree.family(ask) for _, ask in requests])


def test_redraws_of_all_groups_are_answered_together_between_the_turns():
    trees = [Drawn(seed).start() for seed in range(2)]
    greedy = Lookahead(M=2, B=1, D=1, inner=None, rank_by="last", invalid="last", redraw=True)
    strategies = [greedy, NoSearch()]
    order = []

    def expand(requests):
        order.append(("turn", [group for group, _ in requests]))
        return [trees[group].family(ask) for group, ask in requests]

    def redraw(requests):
        order.append(("redraw", [group for group, _ in requests]))
        return [trees[group].again(ask) for group, ask in requests]

    searches = [
        strategy.search(tree.root, 2, 2, np.random.default_rng(0))
        for strategy, tree in zip(strategies, trees, strict=True)
    ]
    drive(searches, expand, redraw)
    assert order == [("turn", [0, 0, 1, 1]), ("redraw", [0, 0])] * 2


def test_an_error_of_expand_is_passed_on():
    def fails(requests):
        raise StopIteration("of the environment")

    with pytest.raises(StopIteration, match="of the environment"):
        drive([NoSearch().search(Node.root(), 1, 2, np.random.default_rng(0))], fails)


def test_groups_may_run_different_strategies():
    trees = [Drawn(0).start(), Drawn(1).start()]
    searches = [
        NoSearch().search(trees[0].root, 2, 2, np.random.default_rng(0)),
        Beam(M=3, B=1, rank_by="last", invalid="last").search(trees[1].root, 1, 4, np.random.default_rng(0)),
    ]
    sizes = []

    def expand(requests):
        sizes.append([ask.samples for _, ask in requests])
        return [trees[group].family(ask) for group, ask in requests]

    chosen = drive(searches, expand)
    assert sizes == [[1, 1, 3], [1, 1, 3], [3], [3]]
    assert [len(leaves) for leaves in chosen] == [2, 1]


def test_ledgers_add_up():
    first = Ledger(1, 2, 3, 4, 5, 6, 7, 8, Seconds(1.0, 2.0, 3.0, 4.0))
    second = Ledger(10, 20, 30, 40, 50, 60, 70, 80, Seconds(10.0, 20.0, 30.0, 40.0))
    total = Ledger(11, 22, 33, 44, 55, 66, 77, 88, Seconds(11.0, 22.0, 33.0, 44.0))
    assert first + second == total
    assert sum([first, second], Ledger()) == total
    assert first == Ledger(1, 2, 3, 4, 5, 6, 7, 8, Seconds(1.0, 2.0, 3.0, 4.0)), "addition changes no operand"
    assert Ledger().seconds is not Ledger().seconds


def test_a_ledger_counts_the_fates_of_a_finished_search():
    _, grower = search(Beam(M=3, B=2, rank_by="last", invalid="last"), Drawn(4, p_equal=0.9, levels=1), L=2, horizon=4)
    ledger = Ledger()
    for node in grower.made:
        ledger.count_fate(node)
    fates = [node.fate for node in grower.made]
    assert (ledger.merged, ledger.pruned) == (fates.count(Fate.MERGED), fates.count(Fate.PRUNED))
    assert ledger.merged > 0
    assert ledger.pruned > 0
    assert ledger.merged + ledger.pruned + fates.count(Fate.CHOSEN) == len(fates)


def test_seconds_are_measured_by_phase_and_metrics_are_flat():
    ledger = Ledger(prompt_tokens=3)
    with ledger.seconds.measure("scoring"):
        sum(range(1000))
    with pytest.raises(RuntimeError), ledger.seconds.measure("environment"):
        raise RuntimeError
    assert ledger.seconds.scoring > 0
    assert ledger.seconds.environment > 0
    assert ledger.seconds.generation == 0
    metrics = ledger.metrics()
    assert metrics["train/search/prompt_tokens"] == 3
    assert metrics["train/search/seconds/scoring"] == ledger.seconds.scoring
    assert len(metrics) == 8 + 4
    with pytest.raises(ValueError, match=r"thinking.*generation, environment, scoring, bookkeeping"):
        ledger.seconds.measure("thinking").__enter__()


def test_requests_carry_their_groups():
    _, growers = search_groups(NoSearch(), [Drawn(0), Drawn(1)], L=2, horizon=2)
    assert all(isinstance(ask, Expansion) for grower in growers for asks in grower.asked for ask in asks)
    assert [len(grower.made) for grower in growers] == [4, 4]
