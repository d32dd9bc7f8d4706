"""Searching with Lucene itself, through pyserini (``search_backend=pyserini``).

Decides how products get into Lucene and results out of it. Lucene's analyser and ranking are what :mod:`.analysis`
and :mod:`.index` reproduce, so both backends find the same. The searcher is taken from pyserini's Java package, because
its Python wrapper also imports neural encoders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from .index import K1, B

_ASINS = "asins.json"
_LUCENE = "lucene"
_WORDS = 1 << 20
"""How many different words a query may have; Lucene's own limit is 1024."""


class LuceneIndex:
    """An opened index on disk. Lucene reads it as queries need it."""

    def __init__(self, asins: Sequence[str], searcher: Any) -> None:
        self._places = {asin: place for place, asin in enumerate(asins)}
        self._searcher = searcher

    def __len__(self) -> int:
        return len(self._places)

    @classmethod
    def write(cls, asins: Sequence[str], texts: Iterable[str], folder: Path) -> None:
        """Index one text per product, read one after the other, into ``folder``, which exists.

        Raises:
            ImportError: pyserini is missing.
            ValueError: There are more or fewer texts than ASINs.
        """
        indexer = _pyserini("index.lucene").LuceneIndexer(str(folder / _LUCENE), threads=1)
        try:
            for asin, text in zip(asins, texts, strict=True):
                indexer.add_doc_dict({"id": asin, "contents": text})
        finally:
            indexer.close()
        (folder / _ASINS).write_text(json.dumps(list(asins)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LuceneIndex:
        """An index that :meth:`write` has written; ``ImportError`` if pyserini is missing."""
        java = _pyserini("pyclass").autoclass
        java("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(_WORDS)
        searcher = java("io.anserini.search.SimpleSearcher")(str(folder / _LUCENE))
        searcher.set_bm25(K1, B)
        return cls(json.loads((folder / _ASINS).read_text(encoding="utf-8")), searcher)

    def search(self, query: str, limit: int = 50) -> list[tuple[int, float]]:
        """The best products for ``query``, as :meth:`.index.Bm25Index.search` gives them.

        pyserini rounds scores to four decimals, and lowers those that are then equal by a millionth each.
        """
        sent = query.lower().encode("utf-8", "replace").decode("utf-8")
        return [(self._places[hit.docid], hit.score) for hit in self._searcher.search(sent, limit)]


def _pyserini(module: str) -> ModuleType:
    try:
        return import_module(f"pyserini.{module}")
    except (ImportError, RuntimeError) as error:  # the latter where there is no Java
        raise ImportError(
            "search_backend='pyserini' needs pyserini (pip install 'ragen_tsr[webshop]') and a Java runtime; "
            f"search_backend='numpy' needs neither and finds the same products. What is missing: {error}"
        ) from error
