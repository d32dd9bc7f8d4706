"""The search engines to choose from, ``search_backend``, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from .index import Bm25Index
from .lucene import LuceneIndex

SEARCH_BACKENDS = ("numpy", "pyserini")
"""Our own, and Lucene where it is installed."""


class SearchIndex(Protocol):
    """An opened index over the texts of a catalogue."""

    def __len__(self) -> int:
        """How many products it holds."""

    def search(self, query: str, limit: int = 50) -> list[tuple[int, float]]:
        """At most ``limit`` pairs of place and score, best first."""


def write_index(backend: str, asins: Sequence[str], texts: Iterable[str], folder: Path) -> None:
    """Index one text per product into ``folder``, which exists; ``ImportError`` if the engine is not installed."""
    if _known(backend) == "numpy":
        Bm25Index.build(asins, texts).save(folder)
    else:
        LuceneIndex.write(asins, texts, folder)


def load_index(backend: str, folder: Path) -> SearchIndex:
    """Open what :func:`write_index` has written with the same backend."""
    return Bm25Index.load(folder) if _known(backend) == "numpy" else LuceneIndex.load(folder)


def _known(backend: str) -> str:
    if backend not in SEARCH_BACKENDS:
        raise ValueError(f"search_backend={backend!r}: allowed are {', '.join(SEARCH_BACKENDS)}")
    return backend
