"""What a page shows and what can be clicked on it.

Decides the texts of every page, their order, its buttons and the list of actions on offer, as upstream's
WebShop and RAGEN's adapter have them. A page is a pure function of the session's state, so pages are kept
and shared by all sessions of a process. What a click does to the state is left to :mod:`.actions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from . import session
from .reward import purchase
from .session import WebShopState
from .shop import Shop, ShopSettings, open_shop
from .types import Product

SEPARATOR = " [SEP] "
PER_PAGE = 10
"""Products on a page of results."""
BACK, PREVIOUS, NEXT, BUY = "Back to Search", "< Prev", "Next >", "Buy Now"
KEPT_PAGES = 2048
"""Pages of each sort that a process keeps; a few kilobytes each, more where a product has very many options."""

UNSEEN = ("", "\n")
"""Texts that upstream's pages show as nothing, where white space is shown as an empty text."""
END_OF_RESULTS = ("click[back to search]", "click[< prev]", "click[next >]")
DEAD_END = END_OF_RESULTS[:2]


class Click(NamedTuple):
    """What stands behind something that can be clicked."""

    target: str
    """``back``, ``previous``, ``next``, ``buy``, ``product``, ``option``, or the kind of a sub-page."""
    name: str = ""
    """Of an option its name."""
    value: str = ""
    """Of an option its value, of a product its ASIN."""


class Page(NamedTuple):
    """A page without the instruction, which stands before it (on the last page there is none)."""

    body: str
    """The texts, stripped and joined."""
    clicks: dict[str, Click]
    """What can be clicked, by lower-case text. Never changed."""
    offered: tuple[str, ...]
    """The actions on offer, in order. A next button alone among back and previous is not offered, though
    it works."""

    @property
    def end_of_page(self) -> bool:
        """Exactly back to search and previous are on offer."""
        return self.offered == DEAD_END


_BUTTONS = {
    BACK: Click("back"),
    PREVIOUS: Click("previous"),
    NEXT: Click("next"),
    "Description": Click(session.DESCRIPTION),
    "Features": Click(session.FEATURES),
    "Reviews": Click(session.REVIEWS),
    BUY: Click("buy"),
}


def _page(texts: Iterable[str], buttons: Iterable[str] = (), more: Iterable[tuple[str, Click]] = ()) -> Page:
    clicks = {label.lower(): _BUTTONS[label] for label in buttons}
    for text, click in more:
        is_button = clicks.get(text, click).target not in ("option", "product")
        if not is_button and text != "search":  # that word never is a click, for upstream's adapter
            clicks[text] = click
    offered = tuple(f"click[{text}]" for text in clicks)
    if offered == END_OF_RESULTS:
        offered = DEAD_END
    shown = (text.strip() for text in texts if text not in UNSEEN)
    return Page(SEPARATOR.join(shown), clicks, offered)


SEARCH_PAGE = _page(["Search"])._replace(offered=("search[<content>]",))


class Pages:
    """The pages of one shop; get them with :func:`pages_of`."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._results = lru_cache(KEPT_PAGES)(self._make_results)
        self._item = lru_cache(KEPT_PAGES)(self._make_item)
        self._sub_page = lru_cache(KEPT_PAGES)(self._make_sub_page)

    def page(self, state: WebShopState) -> Page:
        """The page that a session shows; of the last page (``done``) only that it offers nothing."""
        kind = state.kind
        if kind == session.RESULTS:
            return self._results(state.words, state.number)
        if kind == session.ITEM:
            return self._item(state.asin)
        if kind in session.SUB_PAGES:
            return self._sub_page(state.asin, kind)
        if kind == session.DONE:
            return LAST_PAGE
        return SEARCH_PAGE

    def product(self, asin: str) -> Product:
        """The product of an ASIN as a page prints it."""
        return self.shop.catalogue[self.shop.catalogue.place(asin)]

    def purchase(self, state: WebShopState) -> tuple[float, dict]:
        """What buying the product that ``state`` looks at is worth, 0 to 1, and the parts of it."""
        shop, goal = self.shop, self.shop.goals[state.goal]
        place, wanted = shop.catalogue.place(state.asin), shop.catalogue.place(goal.asin)
        return purchase(
            goal,
            shop.catalogue[place],
            float(shop.prices[place]),
            dict(state.options),
            shop.nouns(wanted),
            shop.nouns(place),
            shop.color_words,
        )

    def _make_results(self, words: str, number: int) -> Page:
        found = self.shop.search(words)
        shown = [self.shop.catalogue[place] for place in found[(number - 1) * PER_PAGE : number * PER_PAGE]]
        buttons = [BACK, PREVIOUS, NEXT] if number > 1 else [BACK, NEXT]
        texts = [BACK, f"Page {number} (Total results: {len(found)})", *buttons[1:]]
        for product in shown:
            texts += [product.asin, product.title, product.price_tag]
        return _page(texts, buttons, [(p.asin.lower(), Click("product", value=p.asin)) for p in shown])

    def _make_item(self, asin: str) -> Page:
        product = self.product(asin)
        sections = ["Description", "Features", "Reviews", BUY]
        texts = [BACK, PREVIOUS]
        options = []
        for name, values in product.options.items():
            texts += [name, *values]
            options += [(value, Click("option", name, value)) for value in values]
        texts += [product.title, f"Price: {product.price_tag}", "Rating: N.A.", *sections]
        return _page(texts, [BACK, PREVIOUS, *sections], options)

    def _make_sub_page(self, asin: str, kind: str) -> Page:
        product = self.product(asin)
        texts = {
            session.DESCRIPTION: [product.description],
            session.FEATURES: [f" {feature}" for feature in product.features],  # never unseen
            session.REVIEWS: [],
        }[kind]
        return _page([BACK, PREVIOUS, *texts], [BACK, PREVIOUS])


LAST_PAGE = _page([])


@lru_cache
def pages_of(settings: ShopSettings) -> Pages:
    """The pages of a shop, one object a process."""
    return Pages(open_shop(settings))


_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"})


def options_as_json(options: Iterable[tuple[str, str]]) -> str:
    """Chosen options as the last page prints them."""
    return json.dumps(dict(options), sort_keys=True).translate(_ESCAPES)
