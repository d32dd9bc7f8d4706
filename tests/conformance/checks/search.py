"""WebShop's search: ranked lists exactly, ties included, and scores to the four decimals that are recorded.

The catalogue is in the folder ``data`` beside the file.
"""

from __future__ import annotations

import math
from typing import Any

from checks import Context, close, exact
from checks.rewards import shop_of

STEP = 1e-6
"""What a recorded score is lowered by if it equals the one before it."""


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded list and ours."""
    shop = shop_of(context)
    found = shop.index.search(case["query"].lower())
    hits = [shop.catalogue[place].asin for place, _ in found]
    scores = _as_recorded([score for _, score in found])
    return exact("hits", hits, case["hits"]) + close("scores", scores, case["scores"], absolute=5 * STEP)


def _as_recorded(scores: list[float]) -> list[float]:
    """Rounded to four decimals, halves upward, and apart where they are then equal."""
    recorded: list[float] = []
    rounded, ties = [math.floor(score * 1e4 + 0.5) / 1e4 for score in scores], 0
    for rank, score in enumerate(rounded):
        ties = ties + 1 if rank and score == rounded[rank - 1] else 0
        recorded.append(score - ties * STEP)
    return recorded
