"""What a purchase is worth: WebShop's reward.

Decides how well a bought product fits a goal. Where the nouns of a title and the list of color words come from is
decided by the catalogue; that RAGEN's adapter pays only for a full score, by the environment.

    reward = r_type * (attributes found + options found + price ok) / (goal attributes + goal options + 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rapidfuzz import fuzz, utils

from .types import Goal, Product

ALIKE = 85
"""Texts are alike if their token-set ratio, rounded to a whole number, is above this."""
FEW_NOUNS = 0.2
"""Titles that share more than this part of their nouns are of one type. It also stands for a title without nouns."""
_LATIN_1 = dict.fromkeys(range(0x80, 0x100))


def purchase(
    goal: Goal,
    product: Product,
    price: float,
    options: Mapping[str, str],
    goal_nouns: Sequence[str],
    product_nouns: Sequence[str],
    color_words: Sequence[str],
) -> tuple[float, dict[str, Any]]:
    """The reward of buying ``product`` at ``price`` with ``options`` chosen, and its parts.

    Args:
        options: the chosen value of each option name.
        goal_nouns: the nouns of the goal's title, repeats kept.
        product_nouns: those of the product's title.
        color_words: the color words, in the order in which they are looked for.

    Returns:
        The reward, from 0 to 1, and upstream's ``info``: ``r_*`` is a part's score, ``w_*`` its share of the sum;
        ``r_option`` and ``w_option`` only if the goal has options. Of no attributes, all are found.
    """
    found = sum(_has_attribute(product, attribute) for attribute in goal.attributes)
    chosen = [_reduced(value, color_words) for value in options.values()]
    wanted = [_reduced(option, color_words) for option in _as_listed(goal.options)]
    fitting = sum(any(alike(value, option) for value in chosen) for option in wanted)
    affordable = bool(price <= goal.price_upper)
    parts = len(goal.attributes) + len(wanted) + 1
    kind = _kind(goal, product, goal_nouns, product_nouns)
    info = {
        "r_type": kind["r_type"],
        "r_att": found / len(goal.attributes) if goal.attributes else 1.0,
        "w_att": len(goal.attributes) / parts,
        "query_match": kind["query_match"],
        "category_match": kind["category_match"],
        "title_score": kind["title_score"],
    }
    if wanted:
        info |= {"r_option": fitting / len(wanted), "w_option": len(wanted) / parts}
    info |= {"r_price": affordable, "w_price": 1 / parts}
    return (found + fitting + affordable) / parts * kind["r_type"], info


def alike(one: object, other: object) -> bool:
    """Whether two texts, as Python prints them, have about the same words.

    The token-set ratio as ``thefuzz`` computes it: without U+0080 to U+00FF, lower-case, letters and digits only.
    """
    one, other = (utils.default_process(str(text).translate(_LATIN_1)) for text in (one, other))
    return round(fuzz.token_set_ratio(one, other)) > ALIKE


def _has_attribute(product: Product, attribute: str) -> bool:
    """Whether the product is listed with something like it, or mentions it."""
    if any(alike(own, attribute) for own in product.attributes):
        return True
    texts = (product.title, " ".join(product.features), product.description)
    return any(attribute in text.lower() for text in texts)


def _as_listed(options: Mapping[str, str] | Sequence[str]) -> Iterable[str | tuple[str, str]]:
    """What the goal asks for: pairs of name and value, or values alone where a person wrote the wish."""
    return options.items() if isinstance(options, Mapping) else options


def _reduced(option: str | tuple[str, str], color_words: Sequence[str]) -> str | tuple[str, str]:
    """The first color word that a value contains, or that a pair has as its name or value; else the option."""
    return next((color for color in color_words if color in option), option)


def _kind(
    goal: Goal, product: Product, goal_nouns: Sequence[str], product_nouns: Sequence[str]
) -> dict[str, float | bool]:
    """Whether it is the kind of product that was asked for: ``r_type`` and what it follows from."""
    same_query = product.query == goal.query
    same_category = len(_category(product) & _category(goal)) >= 2
    shared = len(set(goal_nouns) & set(product_nouns)) / len(goal_nouns) if goal_nouns else FEW_NOUNS
    if shared == 0:
        score = 0.0
    elif shared < 0.1:
        score = 0.1
    else:
        score = 1.0 if same_query or same_category or shared > FEW_NOUNS else 0.5
    return {"r_type": score, "query_match": same_query, "category_match": same_category, "title_score": shared}


def _category(item: Goal | Product) -> set[str]:
    return {part.strip() for part in item.product_category.split("›")}
