"""Where an episode stands: all of it, in one small immutable value.

Decides which facts an episode goes on from. Pages are a pure function of them (:mod:`.pages`); how an action
changes them is left to :mod:`.actions`.
"""

from __future__ import annotations

from typing import NamedTuple

from .shop import ShopSettings

START = "start"
"""The search page before the first action; the prompt then shows the instruction alone."""
SEARCH = "search"
RESULTS = "results"
ITEM = "item"
DESCRIPTION = "description"
FEATURES = "features"
REVIEWS = "reviews"
DONE = "done"

SUB_PAGES = (DESCRIPTION, FEATURES, REVIEWS)
KINDS = (START, SEARCH, RESULTS, ITEM, *SUB_PAGES, DONE)


class WebShopState(NamedTuple):
    """Everything that a WebShop episode goes on from. Fields that a page does not use have their defaults,
    so that equal pages of equal sessions are equal values.
    """

    shop: ShopSettings
    """Which shop this is a session of; the shop itself stays with the process."""
    goal: int
    """Place in the goal list."""
    kind: str = START
    """One of :data:`KINDS`."""
    words: str = ""
    """What was searched, in lower case."""
    number: int = 0
    """The page of the result list, from 1."""
    asin: str = ""
    """The product that is looked at, or was bought."""
    options: tuple[tuple[str, str], ...] = ()
    """Chosen options of that product, (name, value), sorted by name."""
    reward: float = 0.0
    """What the purchase was worth, 0 to 1, before the adapter makes it 0 or 1."""
    opened: bool = False
    """A product page has been opened in this episode. No page shows it; the scorer reads it."""
