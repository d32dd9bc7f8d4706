"""FrozenLake's scorer: equation 14, and holes below every safe cell."""

import pytest

from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig, FrozenLakeState
from ragen_tsr.embedded.env.frozen_lake.lake import Lake, rules_of
from ragen_tsr.embedded.env.frozen_lake.maps import lake_for
from ragen_tsr.embedded.env.frozen_lake.noise import noise_stream
from ragen_tsr.scorers import EnvView, FrozenLakeScorer, Turn, resolve

TURN = Turn(actions=(1,), reward=0, penalty=0, info={}, response="")


def view(lake, cell):
    state = FrozenLakeState(lake, cell, noise_stream((0,)), 0)
    ended = lake.tiles[cell] in "HG"
    return EnvView("frozen_lake", state="", snapshot=state, done=ended, success=lake.tiles[cell] == "G")


def scores(scorer, lake):
    """Of every cell: what a turn that ends there scores, whatever came before."""
    start = view(lake, lake.start)
    return [scorer(start, TURN, view(lake, cell)) for cell in range(len(lake.tiles))]


def three_by_three():
    return Lake(rules_of(FrozenLakeEnvConfig(size=3)), "SFFHFHFFG")


def test_minus_the_manhattan_distance_and_minus_lambda_in_a_hole():
    assert scores(FrozenLakeScorer(hole_penalty=0.5), three_by_three()) == [-4, -3, -2, -3.5, -2, -1.5, -2, -1, 0]
    assert scores(FrozenLakeScorer(), three_by_three()) == [-4, -3, -2, -7, -2, -5, -2, -1, 0]


@pytest.mark.parametrize("size", [2, 3, 4, 6, 9])
def test_by_default_every_hole_ranks_below_every_safe_cell(size):
    rules = rules_of(FrozenLakeEnvConfig(size=size, p=0.6))
    holes_seen = 0
    for seed in range(60):
        lake = lake_for(rules, seed)
        of_cell = dict(enumerate(scores(FrozenLakeScorer(), lake)))
        holes = [score for cell, score in of_cell.items() if lake.tiles[cell] == "H"]
        safe = [score for cell, score in of_cell.items() if lake.tiles[cell] != "H"]
        holes_seen += len(holes)
        assert not holes or max(holes) < min(safe)
        assert max(safe) == of_cell[lake.goal] == 0
    assert holes_seen > 0


def test_a_hole_beside_the_goal_ranks_below_the_farthest_corner():
    lake = Lake(rules_of(FrozenLakeEnvConfig()), "SFFF" + "FFFF" * 2 + "FFHG")
    of_cell = scores(FrozenLakeScorer(), lake)
    assert of_cell[14] == -7 < of_cell[0] == -6


def test_the_latest_score_stands_for_the_state_and_lambda_is_an_option():
    assert resolve(None, "frozen_lake") == FrozenLakeScorer()
    assert resolve({"name": "frozen_lake", "hole_penalty": 2}, "frozen_lake") == FrozenLakeScorer(2)
    assert FrozenLakeScorer.rank_by == "last"
    with pytest.raises(ValueError, match=r"search\.scorer\.lam=2.*hole_penalty"):
        resolve({"name": "frozen_lake", "lam": 2}, "frozen_lake")


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "6"])
def test_lambda_must_be_a_positive_number(value):
    with pytest.raises(ValueError, match=r"hole_penalty=.*: allowed are None .* and finite numbers above 0"):
        FrozenLakeScorer(value)


def test_it_says_what_it_needs_of_an_environment_it_does_not_know():
    stranger = EnvView("frozen_lake", state="", snapshot=object(), done=False, success=False)
    with pytest.raises(TypeError, match="needs a FrozenLakeState or UpstreamFrozenLakeState"):
        FrozenLakeScorer()(stranger, TURN, stranger)


def test_the_score_of_a_played_turn():
    env = FrozenLakeEnv(FrozenLakeEnvConfig(is_slippery=False))
    env.reset(seed=10000)  # the goal is left of the start
    before = EnvView("frozen_lake", env.render(), env.state, done=False, success=False)
    env.step(4)
    after = EnvView("frozen_lake", env.render(), env.state, done=False, success=False)
    assert FrozenLakeScorer()(before, TURN, after) == -2
