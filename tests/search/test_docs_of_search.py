"""The examples of docs/search.md run, and its figures are the code's."""

import re
from pathlib import Path

import pytest
from toy_tree import Drawn, search

from ragen_tsr.scorers import SCORERS, EnvView, Turn, resolve
from ragen_tsr.search import STRATEGIES, Beam, BestOfN, Lookahead, NoSearch, build

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text()
STRATEGY, SCORER = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_example_strategy_searches(monkeypatch):
    monkeypatch.setitem(STRATEGIES, "greedy_until", None)
    exec(STRATEGY, {"__name__": __name__})
    strategy = build({"name": "greedy_until", "M": 4, "enough": 1.0})
    leaves, grower = search(strategy, Drawn(0), L=2, horizon=5)
    assert [leaf.depth for leaf in leaves] == [5, 5]
    assert {ask.samples for asks in grower.asked for ask in asks} == {4, 1}
    assert grower.responses <= strategy.responses(2, 5)
    with pytest.raises(ValueError, match=r"search\.B=2"):
        build({"name": "greedy_until", "M": 4, "enough": 1.0, "B": 2})


def test_the_example_scorer_scores():
    try:
        exec(SCORER, {"__name__": __name__})
        scorer = resolve({"name": "my_environment", "cost": 0.1}, "my_environment")
        view = EnvView("my_environment", "", None, False, False)
        turn = Turn(actions=(1, 2), reward=0.0, penalty=0.0, info={"distance": 3}, response="")
        assert scorer(view, turn, view) == pytest.approx(-3.2)
    finally:
        SCORERS.pop("my_environment", None)


def test_the_responses_named_for_the_papers_settings():
    rules = {"rank_by": "last", "invalid": "last"}
    strategies = [
        NoSearch(),
        BestOfN(N=28, invalid="last"),
        Beam(M=4, B=2, **rules),
        Lookahead(M=4, B=2, D=2, inner=None, **rules, redraw=False),
    ]
    figures = [strategy.responses(16, 5) / 16 for strategy in strategies]
    said = re.search(r": ([\d.]+), ([\d.]+), ([\d.]+) and ([\d.]+) responses per slot", PAGE)
    assert [float(figure) for figure in said.groups()] == figures
