"""WebShop's reward: upstream's worth of fresh purchases, with all its parts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from recorders import Upstream, webshop
from recorders.webshop import write_data

__all__ = ["CASES", "cases", "write_data"]

CASES = 300
RECORDED = ("asin", "name", "query", "product_category", "attributes", "goal_options", "price_upper")


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """The goal's own product, one like it, or any; options asked for, near to them, or made up."""
    from webshop_minimal.goal import get_reward

    shop = webshop.server(upstream)
    for _ in range(count):
        goal = _goal(draw, shop)
        kind, product = _product(draw, goal, shop)
        options = _options(draw, goal, product)
        price = draw.choice([shop.product_prices[product["asin"]], goal["price_upper"], draw.uniform(0, 300)])
        reward, info = get_reward(product, goal, price=price, options=options, verbose=True)
        bought = {"product": product["asin"], "price": price, "options": options}
        yield {"kind": kind, **bought, "goal": goal, "reward": reward, "info": info}


def _goal(draw: random.Random, shop: Any) -> dict[str, Any]:
    """A goal of the shop's; in three of ten cases with attributes or options that nobody asks for."""
    drawn = draw.choice(shop.goals)
    goal = {key: drawn[key] for key in RECORDED}
    if draw.random() < 0.15:
        other = draw.choice(shop.all_products)
        goal["attributes"] = [_near(draw, text) for text in other["Attributes"][:1] + goal["attributes"]]
    if draw.random() < 0.15:
        goal["goal_options"] = {name: _near(draw, value) for name, value in goal["goal_options"].items()}
        goal["goal_options"] = draw.choice([goal["goal_options"], list(goal["goal_options"].values())])
    return goal


def _product(draw: random.Random, goal: dict[str, Any], shop: Any) -> tuple[str, dict[str, Any]]:
    own = shop.product_item_dict[goal["asin"]]
    alike = {
        "own": [own],
        "same_query": [product for product in shop.all_products if product["query"] == own["query"]],
        "same_category": [product for product in shop.all_products if product["category"] == own["category"]],
        "any": shop.all_products,
    }
    kind = draw.choice(["own", "own", *alike])
    return kind, draw.choice(alike[kind])


def _options(draw: random.Random, goal: dict[str, Any], product: dict[str, Any]) -> dict[str, str]:
    """What is chosen: what was asked for, or any of the product's values, each perhaps written differently."""
    wanted = goal["goal_options"] if isinstance(goal["goal_options"], dict) else {}
    offered = {name: draw.choice(values) for name, values in product["options"].items() if values}
    chosen = draw.choice([wanted, offered, {**offered, **wanted}, {**wanted, **offered}])
    kept = {name: value for name, value in chosen.items() if draw.random() < 0.85}
    return {name: _near(draw, value) if draw.random() < 0.2 else value for name, value in kept.items()}


def _near(draw: random.Random, text: str) -> str:
    """The same text, strewn with signs, with a word less or more, or in another order."""
    words = text.split(" ")
    changed = (
        lambda: webshop.strewn(draw, text),
        lambda: " ".join(draw.sample(words, len(words))),
        lambda: " ".join(words[1:]) or text,
        lambda: f"{text} {draw.choice(['blue', 'dark red', 'large', '10', 'tan leather'])}",
        lambda: text.upper(),
        lambda: "",
    )
    return draw.choice(changed)()
