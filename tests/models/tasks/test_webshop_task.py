"""WebShop's shopper does what the pages call for and mostly gets what was asked for; copying needs few tokens."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ragen_tsr.embedded.env.webshop import session
from ragen_tsr.models.tasks.base import make_env
from ragen_tsr.models.tasks.webshop import BUY, PREVIOUS, WebShopTask
from ragen_tsr.models.tiny import default_config
from ragen_tsr.models.tokenizer import build_tokenizer

TASK = WebShopTask()


@pytest.fixture(scope="module")
def env():
    return make_env(default_config("webshop"), "WebShop")


def act(env, solver: bool, rng: random.Random) -> tuple[float, bool]:
    position = TASK.position(env)
    (action,) = TASK.solve(position, 1, rng) if solver else TASK.wander(position, 1, rng)
    assert TASK.legal(position, [action]) == [action]
    _, reward, done, info = env.step(action)
    assert info["action_is_valid"]
    return reward, done


@pytest.mark.parametrize(("solver", "least", "most"), [(True, 0.7, 0.97), (False, 0.0, 0.1)])
def test_the_shopper_succeeds_often_but_not_always_and_chance_hardly_ever(env, solver, least, most):
    rng, got = random.Random(0), 0.0
    for seed in range(100):
        env.reset(seed=seed, mode="val")
        for _ in range(9):
            reward, done = act(env, solver, rng)
            got += reward
            if done:
                break
    assert least <= got / 100 <= most


def test_it_searches_for_the_instruction_without_the_price(env):
    env.reset(seed=0)
    (search,) = TASK.solve(TASK.position(env), 1, random.Random(0))
    words = search.removeprefix("search[").removesuffix("]")
    assert env.goal.instruction.startswith(f"{words}, and price")


def test_it_opens_the_first_product_that_is_not_too_dear(env):
    env.reset(seed=0)
    env.step("search[nail polish]")
    position = TASK.position(env)
    prices = [price for _, price in position.products]
    strict = replace(position, goal=replace(position.goal, price_upper=min(prices)))
    cheapest = position.products[prices.index(min(prices))][0]
    assert TASK.solve(strict, 1, random.Random(0)) == [f"click[{cheapest.asin.lower()}]"]
    assert TASK.solve(replace(position, products=()), 1, random.Random(0)) == ["click[back to search]"]


def on_the_goals_page(env) -> None:
    env.reset(seed=next(seed for seed in range(100) if goal_of(env, seed).options))
    env.state = env.state._replace(kind=session.ITEM, asin=env.goal.asin)


def goal_of(env, seed):
    env.reset(seed=seed)
    return env.goal


def test_it_names_and_chooses_what_is_missing_in_order_then_buys(env):
    on_the_goals_page(env)
    said = ""
    for name, value in env.goal.options.items():
        position = TASK.position(env)
        said += TASK.remark(position)
        assert said.endswith(f"{name}: {value}")
        assert TASK.solve(position, 1, random.Random(0)) == [f"click[{value}]"]
        env.step(f"click[{value}]")
    position = TASK.position(env)
    assert TASK.remark(position) == f": {value}, and price"
    assert TASK.solve(position, 1, random.Random(0)) == [BUY]


def test_it_turns_back_where_an_option_is_not_offered(env):
    on_the_goals_page(env)
    position = TASK.position(env)
    ((product, price),) = position.products
    bare = replace(position, products=((replace(product, options={}), price),))
    assert TASK.solve(bare, 1, random.Random(0)) == [PREVIOUS]


def test_only_what_is_on_offer_is_legal(env):
    env.reset(seed=0)
    position = TASK.position(env)
    given = ["search[socks]", "SEARCH[socks]", "search[]", "search[a[b]", "click[buy now]", "buy now"]
    assert TASK.legal(position, given) == ["search[socks]", "SEARCH[socks]"]
    env.step("search[nail polish]")
    position = TASK.position(env)
    (asin,) = [action for action in position.offered if "[b0" in action][:1]
    assert TASK.legal(position, [asin, asin.upper(), "search[socks]", "click[b0zzzzzzzz]"]) == [asin, asin.upper()]


def test_other_environments_are_refused():
    with pytest.raises(TypeError, match="own WebShop"):
        TASK.position(object())


def test_words_have_the_same_tokens_where_they_are_copied_from():
    texts = ["\nInstruction: Looking for vegan nail polish with color: white, and set: duo", "search[]", "click[b0]"]
    tokenizer = build_tokenizer(texts * 9, 2000, 2, 512, TASK.cuts)

    def pieces(text: str) -> list[str]:
        return [tokenizer.decode([token]) for token in tokenizer(text)["input_ids"]]

    words = [" for", " vegan", " nail", " polish"]
    assert pieces("search[Looking for vegan nail polish]") == ["search[", "Looking", *words, "]"]
    assert pieces("\nInstruction: Looking for vegan nail polish with")[-5:-1] == words
    for text in ("color: white, and", " [SEP] white [SEP] ", "], click[white]", "solve color: white</think>"):
        assert "white" in pieces(text)
    assert pieces("click[b0pmzf9njc]").count("click[") == 1
