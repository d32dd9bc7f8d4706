"""WebShop's search: upstream's ranked lists and scores for fresh queries, from sensible to strange."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from recorders import Upstream, webshop
from recorders.webshop import write_data

__all__ = ["CASES", "cases", "write_data"]

CASES = 400
MOST_HITS = 50


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Words of the catalogue; every third query is strewn with signs of many scripts."""
    shop = webshop.server(upstream)
    for number in range(count):
        query = webshop.search_words(draw, shop)
        for _ in range(draw.randint(1, 12) if number % 3 == 2 else 0):
            query = webshop.strewn(draw, query)
        hits = shop.search_engine.search(query.lower(), k=MOST_HITS)
        found = {"hits": [hit.docid for hit in hits], "scores": [hit.score for hit in hits]}
        yield {"kind": "strange" if number % 3 == 2 else "words", "query": query, **found}
