"""What a purchase is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragen_tsr.embedded.env.webshop.reward import alike, purchase
from ragen_tsr.embedded.env.webshop.types import NO_CEILING, Goal, Product

COLORS = ("black", "blue", "red", "tan")
NOUNS = ("shoe", "lace", "sole", "shoe")
PRODUCT = Product(
    asin="B000000001", title="Trail Shoe", description="A shoe with a Rubber Sole.", features=("Wide fit.", "Vegan"),
    query="men's shoes", category="fashion", product_category="Clothing › Men › Shoes",
    options={"color": ("dark blue", "red"), "size": ("9", "10 wide")}, price_range=(30.0,), price_tag="$30.0",
    attributes=("machine wash",), instruction=None, instruction_attributes=(),
)  # fmt: skip
GOAL = Goal(
    index=0, asin="B000000001", title="Trail Shoe", query="men's shoes", category="fashion",
    product_category="Clothing › Men › Shoes", attributes=("machine wash", "rubber sole"),
    options={"color": "dark blue", "size": "10 wide"}, price_upper=30.0, instruction="",
)  # fmt: skip
CHOSEN = {"color": "dark blue", "size": "10 wide"}


def buy(goal=GOAL, product=PRODUCT, price=30.0, options=CHOSEN, goal_nouns=NOUNS, product_nouns=NOUNS):
    return purchase(goal, product, price, options, goal_nouns, product_nouns, COLORS)


def test_exactly_what_was_asked_for():
    reward, info = buy()
    assert reward == 1.0
    assert info == {
        "r_type": 1.0, "r_att": 1.0, "w_att": 0.4, "query_match": True, "category_match": True, "title_score": 0.75,
        "r_option": 1.0, "w_option": 0.4, "r_price": True, "w_price": 0.2,
    }  # fmt: skip
    assert list(info)[:6] == ["r_type", "r_att", "w_att", "query_match", "category_match", "title_score"]


def test_without_options_in_the_goal_there_is_no_part_for_them():
    reward, info = buy(goal=replace(GOAL, options={}), options={})
    assert reward == 1.0
    assert list(info)[-2:] == ["r_price", "w_price"]
    assert info["w_price"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("price", "ceiling", "fits"), [(30.0, 30.0, True), (30.01, 30.0, False), (9e5, NO_CEILING, True)]
)
def test_the_price_may_equal_the_ceiling(price, ceiling, fits):
    reward, info = buy(goal=replace(GOAL, price_upper=ceiling), price=price)
    assert info["r_price"] is fits
    assert reward == (5 if fits else 4) / 5


@pytest.mark.parametrize(
    ("attribute", "found"),
    [
        ("machine wash", True),  # listed
        ("machine washable", True),  # almost listed
        ("trail", True),  # in the title
        ("rubber sole", True),  # in the description
        ("fit. vegan", True),  # across features
        ("shoe wide", False),  # not across texts
        ("waterproof", False),
    ],
)
def test_attributes(attribute, found):
    assert buy(goal=replace(GOAL, attributes=(attribute,)))[1]["r_att"] == float(found)


@pytest.mark.parametrize(
    ("wanted", "chosen", "found"),
    [
        ({"color": "red"}, {"color": "red"}, True),
        ({"color": "light blue"}, {"color": "dark blue"}, True),  # "blue" is left of it, and is in the pair
        (("light blue",), {"color": "dark blue"}, True),  # a value alone is its colour
        ({"color": "blue"}, {"color": "navy blue"}, True),
        ({"color": "coloured"}, {"color": "red"}, False),
        ({"shape": "rectangular"}, {"shape": "rectangular"}, False),  # holds "tan", which the pair does not
        ({"size": "10"}, {"width": "size"}, True),  # the name counts as a word
        ({"size": "10 wide"}, {"other": "10 wide"}, True),  # of whichever option
        ({"size": "10"}, {}, False),
        ({"size": "10"}, {"size": ""}, False),
        ({"red": "9"}, {"size": "red"}, True),  # a name that is a colour
    ],
)
def test_options(wanted, chosen, found):
    assert buy(goal=replace(GOAL, options=wanted), options=chosen)[1]["r_option"] == float(found)


@pytest.mark.parametrize(
    ("query", "category", "nouns", "r_type", "share"),
    [
        ("men's shoes", "Home › Garden", ("shoe",), 1.0, 0.25),
        ("sofa", "Sale › Men › Clothing", ("shoe",), 1.0, 0.25),
        ("sofa", "Home › Garden", ("shoe",), 1.0, 0.25),
        ("men's shoes", "Clothing › Men", ("sofa",), 0.0, 0.0),
    ],
)
def test_the_kind_of_product(query, category, nouns, r_type, share):
    info = buy(product=replace(PRODUCT, query=query, product_category=category), product_nouns=nouns)[1]
    assert (info["r_type"], info["title_score"]) == (r_type, share)


@pytest.mark.parametrize(
    ("shared", "of", "same_query", "r_type"),
    [(1, 5, False, 0.5), (1, 5, True, 1.0), (1, 10, False, 0.5), (1, 11, True, 0.1), (0, 3, True, 0.0),
     (0, 0, False, 0.5), (2, 9, False, 1.0)],
)  # fmt: skip
def test_the_share_of_nouns_decides_where_query_and_category_do_not(shared, of, same_query, r_type):
    nouns = tuple(f"noun{number}" for number in range(of))
    product = replace(PRODUCT, query="men's shoes" if same_query else "sofa", product_category="Home")
    reward, info = buy(product=product, goal_nouns=nouns, product_nouns=nouns[:shared])
    assert info["r_type"] == r_type
    assert reward == pytest.approx(r_type)


def test_one_category_in_common_is_not_enough_and_blanks_do_not_count():
    for category, same in (("Men › Home", False), ("Men ›Clothing", True), (" Shoes › Men ", True), ("", False)):
        assert buy(product=replace(PRODUCT, product_category=category))[1]["category_match"] is same


def test_alike_as_words_in_any_order_without_accents_of_latin_1():
    assert alike("Wide, 10", "10 wide")
    assert alike("a-01 | black+white", "A 01 black white")
    assert alike("é mug", "mug")
    assert not alike("mug\u0301s", "bags")
    assert not alike("", "")
    assert not alike("é", "è")


@settings(deadline=None, max_examples=100)
@given(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_texts_give_a_reward_from_0_to_1(attribute, value, chosen):
    goal = replace(GOAL, attributes=(attribute,), options={"size": value})
    reward, info = buy(goal=goal, options=chosen)
    assert 0.0 <= reward <= 1.0
    assert type(reward) is float
    assert info["w_att"] + info["w_option"] + info["w_price"] == pytest.approx(1)


def test_a_goal_without_attributes_is_about_the_rest():
    reward, info = buy(goal=replace(GOAL, attributes=(), options={}))
    assert (reward, info["r_att"], info["w_att"]) == (1.0, 1.0, 0.0)
