"""The scorers read the snapshots of upstream's environments as they read this project's own."""

import sys
from pathlib import Path

import pytest

from ragen_tsr.scorers import EnvView, FrozenLakeScorer, Turn, WebShopScorer
from ragen_tsr.scorers.webshop import facts, progress, similarity
from ragen_tsr.snapshots import snapshot_for

sys.path.append(str(Path(__file__).resolve().parents[1] / "snapshots"))
from upstream_look_alikes import Shop, lake_class

TURN = Turn(actions=(1,), reward=0, penalty=0, info={}, response="")


def score(scorer, env):
    view = EnvView("", env.render(), snapshot_for(env).save(env), done=False, success=False)
    return scorer(view, TURN, view)


def test_distance_and_holes_of_a_lake():
    pytest.importorskip("gymnasium", reason="needs gymnasium (the dev extra)", minversion="1.2")
    env = lake_class()()
    env.reset(seed=0)  # the goal is in the last cell, a hole in the middle
    scored = []
    for env.s in range(9):
        scored.append(score(FrozenLakeScorer(), env))
    assert scored == [-4, -3, -2, -3, -2 - 4, -1, -2, -1, 0]


def test_milestones_and_words_of_a_session():
    env, scorer = Shop(), WebShopScorer(alpha=1.0, beta=0.25)
    env.reset(seed=0)  # a red one is asked for
    seen = []
    for action in (None, 0, 1, 3, 2, 5, 0):
        if action is not None:
            env.step(action)
        seen.append(progress(facts(snapshot_for(env).save(env))))
    assert not env.record["asins"], "the server forgets the product page on the way back; the pages seen do not"
    assert seen == [0, 0, 1 / 3, 1 / 3, 2 / 3, 1 / 3, 1 / 3]
    assert score(scorer, env) == pytest.approx(1 / 3 + 0.25 * 2 / 4)


def test_keywords_are_sought_on_the_page_without_the_instruction():
    env = Shop()
    env.reset(seed=0)
    assert similarity(facts(snapshot_for(env).save(env))) == 0
    env.step(0)
    assert similarity(facts(snapshot_for(env).save(env))) == 2 / 4  # tall, mug; not color, red
    env.step(1)
    assert similarity(facts(snapshot_for(env).save(env))) == 1


@pytest.mark.parametrize(("color", "expected"), [(2, 1.25), (3, 0.0)])
def test_the_right_purchase_scores_most_and_a_wrong_one_nothing(color, expected):
    env = Shop()
    env.reset(seed=0)
    for action in (0, 1, color, 4):
        env.step(action)
    assert score(WebShopScorer(), env) == expected
