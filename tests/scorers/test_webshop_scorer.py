"""WebShop's scorer, equation 15: milestones, words on the page, and what that means for a search."""

import itertools

import numpy as np
import pytest

from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig, WebShopState
from ragen_tsr.scorers import EnvView, Turn, WebShopScorer, resolve
from ragen_tsr.scorers.webshop import facts, keywords, progress, similarity
from ragen_tsr.search import Node
from ragen_tsr.search.preference import RANK_BY, Preference

TURN = Turn(actions=("click[x]",), reward=0.0, penalty=0.0, info={}, response="")


@pytest.fixture
def env():
    """An episode whose goal has two options or more."""
    env = WebShopEnv(WebShopEnvConfig())
    for seed in itertools.count():
        env.reset(seed=seed)
        if len(env.goal.options) >= 2:
            return env


def view(env, done=False, success=False):
    return EnvView("webshop", env.render(), env.state, done, success)


def score(env, scorer=None):
    return (scorer or WebShopScorer())(view(env), TURN, view(env))


def open_item(env, asin=None):
    asin = asin or env.goal.asin
    env.step(f"search[{env.pages.product(asin).title}]")
    while f"click[{asin.lower()}]" not in env.get_available_actions():
        env.step("click[next >]")
    env.step(f"click[{asin}]")


def choose(env):
    for value in env.goal.options.values():
        env.step(f"click[{value}]")


def another_product(env):
    """The first product found for the goal's own search that is not the goal's."""
    return next(
        product.asin
        for product in (env.pages.shop.catalogue[place] for place in env.pages.shop.search(env.goal.query))
        if product.asin != env.goal.asin
    )


def test_progress_is_the_share_of_milestones_reached(env):
    milestones = len(env.goal.options) + 2
    assert progress(facts(env.state)) == 0
    env.step(f"search[{env.goal.query}]")
    assert progress(facts(env.state)) == 0
    open_item(env)
    assert progress(facts(env.state)) == 1 / milestones
    for number, value in enumerate(env.goal.options.values(), start=2):
        env.step(f"click[{value}]")
        assert progress(facts(env.state)) == number / milestones
    env.step("click[features]")
    assert progress(facts(env.state)) == (milestones - 1) / milestones
    env.step("click[< prev]")
    *_, info = env.step("click[buy now]")
    assert info["raw_reward"] == 1.0
    assert progress(facts(env.state)) == 1


def test_a_product_page_stays_reached_and_a_cleared_option_does_not(env):
    open_item(env)
    reached = progress(facts(env.state))
    choose(env)
    assert progress(facts(env.state)) > reached
    for action in ("click[< prev]", "click[back to search]", "nonsense"):
        env.step(action)
        assert progress(facts(env.state)) == reached


def test_an_option_that_is_not_asked_for_is_no_milestone(env):
    open_item(env)
    reached = progress(facts(env.state))
    product = env.pages.product(env.goal.asin)
    wrong = [value for values in product.options.values() for value in values]
    for value in set(wrong) - set(env.goal.options.values()):
        env.step(f"click[{value}]")
        assert progress(facts(env.state)) == reached


def test_keywords_leave_out_price_and_common_words():
    text = "I'm looking for a soft-touch women's rug, with color: Dark Blue, and price lower than 40.00 dollars"
    assert keywords(text) == {"soft", "touch", "women's", "rug", "color", "dark", "blue"}
    assert keywords("find me the one") == frozenset()


def test_sim_counts_the_instructions_keywords_on_the_page_but_not_in_the_instruction(env):
    assert similarity(facts(env.state)) == 0
    env.step("search[zeppelin]")
    assert similarity(facts(env.state)) == 0
    open_item(env)
    wanted = keywords(env.goal.instruction)
    page = set(env.pages.page(env.state).body.lower().replace(":", " ").replace("-", " ").split())
    assert similarity(facts(env.state)) == pytest.approx(len(wanted & page) / len(wanted))
    assert 0.3 < similarity(facts(env.state)) <= 1


def test_the_score_weighs_both(env):
    open_item(env)
    expected = 2 * progress(facts(env.state)) + 3 * similarity(facts(env.state))
    assert score(env, WebShopScorer(alpha=2, beta=3)) == pytest.approx(expected)
    assert score(env) == pytest.approx(progress(facts(env.state)) + 0.25 * similarity(facts(env.state)))


def test_each_step_of_a_good_episode_scores_higher_than_the_one_before(env):
    scores = [score(env)]
    env.step(f"search[{env.goal.title}]")
    scores.append(score(env))
    open_item(env)
    scores.append(score(env))
    for value in env.goal.options.values():
        env.step(f"click[{value}]")
        scores.append(score(env))
    env.step("click[buy now]")
    scores.append(score(env))
    assert scores == sorted(set(scores))
    assert scores[-1] == 1.25


def node(env, *, done=False, success=False):
    value = WebShopScorer()(view(env), TURN, view(env, done, success))
    return Node.root().child(slot=0, score=value, reward=float(success), done=done, success=success, executed=True)


def preferred(*nodes):
    order = Preference(RANK_BY[WebShopScorer.rank_by], invalid="last")
    return order.ranked(nodes, np.random.default_rng(0))


def at(env, state):
    env.state = state
    return env


def test_a_beam_that_bought_the_right_product_outranks_one_that_dawdles(env):
    open_item(env)
    choose(env)
    ready = env.state
    *_, done, info = env.step("click[buy now]")
    bought = node(env, done=done, success=bool(info["success"]))
    assert bought.success
    for dawdling in ("click[features]", "click[< prev]", "click[back to search]", "nonsense", "search[rug]"):
        at(env, ready).step(dawdling)
        live = node(env)
        assert bought.score > live.score
        assert preferred(live, bought)[0] is bought


@pytest.mark.parametrize("chosen", [True, False], ids=["wrong product", "right product, no options"])
def test_a_wrong_purchase_does_not_outrank_a_live_node(env, chosen):
    start = env.state
    open_item(env, another_product(env) if chosen else None)
    if chosen:
        choose(env)
    before = env.state
    *_, done, info = env.step("click[buy now]")
    assert (done, info["success"]) == (True, 0)
    wrong = node(env, done=done)
    for state in (start, before):
        live = node(at(env, state))
        assert wrong.score <= live.score
        assert preferred(wrong, live)[0] is live
    at(env, start).step("search[zeppelin]")
    assert wrong.score <= score(env)


def test_among_live_nodes_the_one_that_got_further_is_preferred(env):
    env.step(f"search[{env.goal.title}]")
    listed = node(env)
    env.step("nonsense")
    idle = node(env)
    open_item(env)
    opened = node(env)
    choose(env)
    ready = node(env)
    assert preferred(listed, opened, ready)[:2] == [ready, opened]
    assert idle.score == listed.score


def test_it_is_found_by_name_with_its_weights():
    assert resolve(None, "webshop") == WebShopScorer()
    assert resolve({"name": "webshop", "alpha": 2.0, "beta": 0.5}, "sokoban") == WebShopScorer(2.0, 0.5)
    assert WebShopScorer.rank_by == "last"


@pytest.mark.parametrize("weights", [{"alpha": 0}, {"beta": -1}, {"alpha": "1"}, {"beta": float("inf")}])
def test_weights_must_be_positive_numbers(weights):
    [key] = weights
    with pytest.raises(ValueError, match=rf"search\.scorer\.{key}=.*must be a number > 0"):
        resolve({"name": "webshop", **weights}, "webshop")


def test_other_snapshots_are_refused_by_name():
    stranger = EnvView("webshop", "", {"page": 1}, False, False)
    with pytest.raises(TypeError, match=rf"type dict.*{WebShopState.__name__}"):
        WebShopScorer()(stranger, TURN, stranger)
