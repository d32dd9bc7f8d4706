"""The search engine: BM25 over one text per product, with the ranking of Lucene, ties included.

Decides what a query finds and in which order. What the words of a text are is decided in :mod:`.analysis`.

A posting (a word's occurrence in a product) is kept as the product's place and ``1 + tf / norm``, where
``norm = k1 * (1 - b + b * L / mean L)`` is the product's. A word of weight ``w`` then adds ``w - w / (1 + tf / norm)``,
which is BM25 in the form and in the single precision in which Lucene computes it: products that tie there tie here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path

import numpy as np

from .analysis import words

K1 = 0.9
"""How soon further occurrences of a word stop counting."""
B = 0.4
"""How much a long text discounts its words."""
MARKERS = frozenset({"<r>", "<q>", "<c>", "<a>"})
"""Back doors of upstream's search, recognised as the first word of a query."""
_CHUNK = 5_000
"""Products whose postings are sorted together while an index is built."""
_ARRAYS = ("weights", "starts", "places", "gains", "rank")


def is_marker(query: str) -> bool:
    """Whether upstream would not search for ``query`` but take its first word as a command (:data:`MARKERS`)."""
    return query.lower().split(" ", 1)[0] in MARKERS


@dataclass(frozen=True, eq=False)
class Bm25Index:
    """An immutable index. The arrays may be memory-mapped: a query reads only the postings of its words."""

    vocabulary: dict[str, int]
    """Word to its number."""
    weights: np.ndarray
    """float32 [words]; the idf, ``ln(1 + (N - df + 0.5) / (df + 0.5))``, N the number of products that have words."""
    starts: np.ndarray
    """int64 [words + 1]; the postings of word ``w`` are ``starts[w]:starts[w + 1]``."""
    places: np.ndarray
    """int32 [postings]; the product's place, ascending within a word."""
    gains: np.ndarray
    """float32 [postings]; ``1 + tf / norm``."""
    rank: np.ndarray
    """int32 [products]; the product's place in ASIN order, which breaks ties."""

    def __len__(self) -> int:
        return len(self.rank)

    @classmethod
    def build(cls, asins: Sequence[str], texts: Iterable[str]) -> Bm25Index:
        """Index one text per product, read one after the other; only numbers are kept of them.

        Memory: about 16 bytes a posting while building, 8 after.

        Raises:
            ValueError: There are more or fewer texts than ASINs, or an ASIN occurs twice.
        """
        rank = _ranks(asins)
        vocabulary: dict[str, int] = {}
        lengths: list[int] = []
        chunks = [_sorted_chunk(counts) for counts in _chunks(texts, vocabulary, lengths)]
        if len(lengths) != len(asins):
            raise ValueError(f"texts: {len(lengths)}, but there are {len(asins)} ASINs; one text per product is needed")
        inverse_norm = _inverse_norms(np.array(lengths, dtype=np.int64))
        starts = np.zeros(len(vocabulary) + 1, dtype=np.int64)
        for word_numbers, _, _ in chunks:
            starts[1:] += np.bincount(word_numbers, minlength=len(vocabulary))
        starts = np.cumsum(starts)
        places = np.empty(starts[-1], dtype=np.int32)
        gains = np.empty(starts[-1], dtype=np.float32)
        filled = starts[:-1].copy()
        while chunks:
            word_numbers, chunk_places, frequencies = chunks.pop(0)
            present, first, count = np.unique(word_numbers, return_index=True, return_counts=True)
            target = np.repeat(filled[present] - first, count) + np.arange(len(word_numbers))
            places[target] = chunk_places
            gains[target] = np.float32(1) + frequencies.astype(np.float32) * inverse_norm[chunk_places]
            filled[present] += count
        occurrences = np.diff(starts)
        weights = np.log(1 + (np.count_nonzero(lengths) - occurrences + 0.5) / (occurrences + 0.5)).astype(np.float32)
        return cls(vocabulary, weights, starts, places, gains, rank)

    def search(self, query: str, limit: int = 50) -> list[tuple[int, float]]:
        """The best products for ``query``: at most ``limit`` pairs of place and score, best first.

        Of equal scores the lower ASIN comes first. Products that share no word with the query are not found, so the
        list may be empty; no text is an error.
        """
        wanted = Counter(number for word in words(query) if (number := self.vocabulary.get(word)) is not None)
        if not wanted:
            return []
        numbers = np.fromiter(wanted, dtype=np.int64)
        repeats = np.fromiter(wanted.values(), dtype=np.float32)
        first, end = self.starts[numbers], self.starts[numbers + 1]
        postings = [slice(*span) for span in zip(first.tolist(), end.tolist(), strict=True)]
        places = np.concatenate([self.places[span] for span in postings])
        gains = np.concatenate([self.gains[span] for span in postings])
        weights = np.repeat(repeats * self.weights[numbers], end - first)
        sums = np.bincount(places, weights - weights / gains)
        scores = sums.astype(np.float32)
        hits = np.flatnonzero(scores)
        if len(hits) > limit:
            threshold = np.partition(scores[hits], len(hits) - limit)[len(hits) - limit]
            hits = hits[scores[hits] >= threshold]
        order = np.lexsort((self.rank[hits], -scores[hits]))[:limit]
        return list(zip(hits[order].tolist(), scores[hits[order]].tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write the index into ``folder``, which exists."""
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        (folder / "vocabulary.json").write_text(json.dumps(list(self.vocabulary), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Bm25Index:
        """An index that :meth:`save` has written. The arrays stay on disk and are read as queries need them."""
        names = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS}
        return cls({word: number for number, word in enumerate(names)}, **arrays)


def _ranks(asins: Sequence[str]) -> np.ndarray:
    """Each product's place in ASIN order, int32 [products]."""
    order = sorted(range(len(asins)), key=asins.__getitem__)
    for one, other in pairwise(order):
        if asins[one] == asins[other]:
            raise ValueError(f"ASIN {asins[one]} stands for products {one} and {other}; it must be unique")
    rank = np.empty(len(asins), dtype=np.int32)
    rank[order] = np.arange(len(asins), dtype=np.int32)
    return rank


def _chunks(
    texts: Iterable[str], vocabulary: dict[str, int], lengths: list[int]
) -> Iterator[list[tuple[int, Counter[int]]]]:
    """The products' places and word counts, a chunk at a time; numbers new words and notes the lengths."""
    numbered = enumerate(texts)
    while chunk := list(islice(numbered, _CHUNK)):
        counts = []
        for place, text in chunk:
            found = words(text)
            lengths.append(len(found))
            counts.append((place, Counter(vocabulary.setdefault(word, len(vocabulary)) for word in found)))
        yield counts


def _sorted_chunk(counts: list[tuple[int, Counter[int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Word numbers, places and frequencies of a chunk's postings, by word and within a word by place."""
    sizes = [len(count) for _, count in counts]
    word_numbers = np.fromiter(chain.from_iterable(count for _, count in counts), dtype=np.int32)
    frequencies = np.fromiter(chain.from_iterable(count.values() for _, count in counts), dtype=np.int32)
    places = np.repeat(np.array([place for place, _ in counts], dtype=np.int32), sizes)
    order = np.argsort(word_numbers, kind="stable")
    return word_numbers[order], places[order], frequencies[order]


def _inverse_norms(lengths: np.ndarray) -> np.ndarray:
    """``1 / norm`` of each product, float32 [products]. The mean is over the products that have words."""
    mean = np.float32(lengths.sum() / max(1, np.count_nonzero(lengths)))
    k1, b, one = np.float32(K1), np.float32(B), np.float32(1)
    return one / (k1 * ((one - b) + b * _rounded(lengths).astype(np.float32) / max(mean, one)))


def _rounded(lengths: np.ndarray) -> np.ndarray:
    """Lengths as Lucene keeps them, in one byte: exact below 24, above with four significant bits of what is over."""
    over = np.maximum(lengths - 24, 0)
    dropped = np.maximum(np.frexp(over)[1] - 4, 0)
    return np.where(lengths < 24, lengths, 24 + (over >> dropped << dropped))
