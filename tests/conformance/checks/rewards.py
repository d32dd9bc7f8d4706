"""WebShop's reward: the value and its parts exactly, with the same types.

The catalogue and the nouns of its titles are in the folder ``data`` beside the file.
"""

from __future__ import annotations

from typing import Any

from checks import Context, exact
from ragen_tsr.embedded.env.webshop import Shop, ShopSettings, open_shop
from ragen_tsr.embedded.env.webshop.reward import purchase
from ragen_tsr.embedded.env.webshop.types import Goal


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded purchase and ours."""
    shop = shop_of(context)
    wanted, bought = (shop.catalogue.place(asin) for asin in (case["goal"]["asin"], case["product"]))
    reward, info = purchase(
        _goal(case["goal"], shop),
        shop.catalogue[bought],
        case["price"],
        case["options"],
        shop.nouns(wanted),
        shop.nouns(bought),
        shop.color_words,
    )
    found = exact("reward", reward, case["reward"]) + exact("info", info, case["info"])
    return found or exact("order of info", list(info), list(case["info"]))


def shop_of(context: Context) -> Shop:
    """The shop of the catalogue that the cases were recorded with."""
    return open_shop(ShopSettings(data="small", folder=str(context.data / "data")))


def _goal(recorded: dict[str, Any], shop: Shop) -> Goal:
    product = shop.catalogue[shop.catalogue.place(recorded["asin"])]
    return Goal(
        index=0,
        asin=recorded["asin"],
        title=recorded["name"],
        query=recorded["query"],
        category=product.category,
        product_category=recorded["product_category"],
        attributes=tuple(recorded["attributes"]),
        options=recorded["goal_options"],
        price_upper=recorded["price_upper"],
        instruction="",
    )
