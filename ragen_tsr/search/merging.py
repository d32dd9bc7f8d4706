"""Merging: equal nodes of one search are one node, so that a beam is not filled with copies of itself.

What makes two nodes equal is decided by whoever sets ``merge_key``. Which of them stays is drawn, since they
may differ in what the key leaves out (the text of the response).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from ragen_tsr.search.types import Fate, Node


def merge(nodes: Iterable[Node], rng: np.random.Generator) -> list[Node]:
    """One node of every set of equals, drawn uniformly, in the order of first appearance; the others' fate is
    merged.

    Draws one number for each set of two or more.
    """
    classes: dict[Hashable, list[Node]] = {}
    for node in nodes:
        key = (False, id(node)) if node.merge_key is None else (True, node.merge_key)
        classes.setdefault(key, []).append(node)
    kept = []
    for equals in classes.values():
        stays = equals[rng.integers(len(equals))] if len(equals) > 1 else equals[0]
        for node in equals:
            if node is not stays:
                node.fate = Fate.MERGED
        kept.append(stays)
    return kept
