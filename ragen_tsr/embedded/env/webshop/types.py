"""What flows between the parts of the WebShop environment.

Decides the shape of a product and of a goal. Where they come from is decided in :mod:`.catalogue` and
:mod:`.goals`, what a purchase is worth in :mod:`.reward`, what a page shows in :mod:`.pages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NO_CEILING = 1_000_000
"""Price ceiling of a goal that names none."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the pages, the search and the reward know it (raw fields already read)."""

    asin: str
    title: str
    description: str
    features: tuple[str, ...]
    query: str
    """The search that it was crawled for, lower-cased."""
    category: str
    """The department, one word."""
    product_category: str
    """The path of categories, parts separated by ``›``."""
    options: Mapping[str, tuple[str, ...]]
    """Option names (lower-case) and their values, in catalogue order."""
    price_range: tuple[float, ...]
    """One price, or the lowest and the highest."""
    price_tag: str
    """The price as a page prints it."""
    attributes: tuple[str, ...]
    instruction: str | None
    """What a synthetic wish for it begins with; None: no wishes are made for it."""
    instruction_attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """What an episode asks for."""

    index: int
    """Place in the goal list."""
    asin: str
    title: str
    query: str
    category: str
    product_category: str
    attributes: tuple[str, ...]
    options: Mapping[str, str]
    """Option names and the values asked for, in name order."""
    price_upper: float
    """In dollars; :data:`NO_CEILING` where no price is named."""
    instruction: str
    """The sentence shown to the policy, price included."""
