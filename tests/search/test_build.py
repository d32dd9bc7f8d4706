"""From configuration to strategy: what is built, and how everything else is refused."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from ragen_tsr.search import STRATEGIES, Beam, BestOfN, Lookahead, Mixed, Node, NoSearch, build

BEAM = {"name": "beam", "M": 4, "B": 2, "rank_by": None, "invalid": "last", "scorer": None, "at_val": False}
LOOKAHEAD = {**BEAM, "name": "lookahead", "D": 2, "inner": None, "redraw": False}
BEST = {"name": "best_of_n", "N": 28, "invalid": "last"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_configuration_files_give_every_field(name):
    config = OmegaConf.load(Path(__file__).parents[2] / "config" / "search" / f"{name}.yaml")
    if name == "best_of_n":
        config.N = 28  # in the file it follows the group size, which another file gives
    assert isinstance(build(config, rank_by="last"), STRATEGIES[name])


def test_builds_each_strategy():
    assert build({"name": "none"}) == NoSearch()
    assert build(BEST) == BestOfN(N=28, invalid="last")
    assert build(BEAM, rank_by="accumulated") == Beam(M=4, B=2, rank_by="accumulated", invalid="last")
    assert build({**LOOKAHEAD, "rank_by": "last"}, rank_by="accumulated") == Lookahead(
        M=4, B=2, D=2, inner=None, rank_by="last", invalid="last", redraw=False
    )
    assert build({**BEAM, "rank_by": "last", "slots": 3}) == Mixed(Beam(4, 2, "last", "last"), NoSearch(), 3)
    assert build({**BEAM, "rank_by": "last", "slots": None}) == Beam(4, 2, "last", "last")
    assert build({**BEST, "slots": 3}) == Mixed(BestOfN(28, "last"), NoSearch(), 3)
    assert build({"name": "none", "slots": 3}) == Mixed(NoSearch(), NoSearch(), 3)
    assert build(OmegaConf.create(BEST)) == build(BEST)
    assert set(STRATEGIES) == {"none", "best_of_n", "beam", "lookahead"}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"name": "beams"}, r"search\.name='beams'.*none, best_of_n, beam, lookahead"),
        ({}, r"search\.name=None"),
        ({**BEAM, "N": 28}, r"search\.N=28.*beam.*M, B"),
        ({"name": "none", "slots": 0}, r"search\.slots=0.*at least 1"),
        ({**BEST, "slots": 2.5}, r"search\.slots=2\.5"),
        ({"name": "best_of_n", "N": 28}, r"search\.invalid is missing.*N, invalid"),
        ({**BEAM, "M": 0}, r"search\.M=0.*at least 1"),
        ({**BEAM, "B": 2.5}, r"search\.B=2\.5"),
        ({**BEAM, "B": True}, r"search\.B=True"),
        ({**BEAM, "rank_by": "best"}, r"search\.rank_by='best'.*accumulated, last"),
        ({**BEAM, "invalid": "first"}, r"search\.invalid='first'.*last, as_scored"),
        ({**BEAM, "slots": -1}, r"search\.slots=-1"),
        ({**BEST, "N": 0}, r"search\.N=0"),
        ({**BEST, "invalid": None}, r"search\.invalid=None"),
        ({**LOOKAHEAD, "D": 0}, r"search\.D=0"),
        ({**LOOKAHEAD, "M": -1}, r"search\.M=-1"),
        ({**LOOKAHEAD, "inner": 0}, r"search\.inner=0"),
        ({**LOOKAHEAD, "rank_by": 1}, r"search\.rank_by=1"),
        ({**LOOKAHEAD, "invalid": 1}, r"search\.invalid=1"),
        ({**LOOKAHEAD, "redraw": "yes"}, r"search\.redraw='yes'.*true or false"),
        ({**LOOKAHEAD, "redraw": None}, r"search\.redraw=None"),
        ({**BEAM, "redraw": True}, r"search\.redraw=True.*no key of beam"),
        ({**BEAM, "outcome_samples": -1}, r"search\.outcome_samples=-1.*at least 0"),
        ({**LOOKAHEAD, "outcome_samples": True}, r"search\.outcome_samples=True"),
        ({**BEST, "outcome_samples": 2}, r"search\.outcome_samples=2.*no key of best_of_n"),
        ({"name": "none", "outcome_samples": 2}, r"search\.outcome_samples=2.*no key of none"),
        ({"name": "none", "rerolls": 0.5}, r"search\.rerolls=0\.5.*at least 0"),
    ],
)
def test_refuses_what_cannot_work(config, says):
    with pytest.raises(ValueError, match=says):
        build(config, rank_by="last")


def test_a_null_rank_by_needs_the_scorers():
    with pytest.raises(ValueError, match=r"search\.rank_by=None"):
        build(BEAM)


@pytest.mark.parametrize(
    ("strategy", "L", "says"),
    [
        (BestOfN(N=3, invalid="last"), 4, r"search\.N=3.*L=4"),
        (Mixed(Beam(1, 1, "last", "last"), NoSearch(), 5), 4, r"search\.slots=5.*L=4"),
        (Mixed(BestOfN(N=2, invalid="last"), NoSearch(), 3), 4, r"search\.N=2.*L=3"),
        (NoSearch(), 0, r"L=0"),
    ],
)
def test_group_sizes_are_checked_when_a_search_starts_and_on_request(strategy, L, says):
    with pytest.raises(ValueError, match=says):
        strategy.check(L)
    with pytest.raises(ValueError, match=says):
        strategy.search(Node.root(), L, 3, np.random.default_rng(0))


@pytest.mark.parametrize("strategy", [NoSearch(), BestOfN(N=3, invalid="last"), Beam(1, 1, "last", "last")])
def test_a_horizon_of_no_turns_is_refused(strategy):
    with pytest.raises(ValueError, match="horizon=0"):
        strategy.search(Node.root(), 2, 0, np.random.default_rng(0))
