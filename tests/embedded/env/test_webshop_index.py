"""The ranking of the search engine."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragen_tsr.embedded.env.webshop import index
from ragen_tsr.embedded.env.webshop.backends import load_index, write_index
from ragen_tsr.embedded.env.webshop.index import K1, B, Bm25Index, is_marker

NAMES = [f"w{number}q" for number in range(30)]
"""Words that stay as they are."""


def catalogue(products: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """ASINs in no order, and texts of 1 to 200 words, some frequent and some rare."""
    draw = random.Random(seed)
    asins = [f"B{number:09d}" for number in draw.sample(range(10**9), products)]
    weights = [1 / (rank + 1) for rank in range(len(NAMES))]
    return asins, [" ".join(draw.choices(NAMES, weights, k=draw.randint(1, 200))) for _ in range(products)]


def stored_length(length: int) -> int:
    """What Lucene's one byte keeps of a length, bit by bit."""
    if length < 24:
        return length
    bits = bin(length - 24)[2:]
    return 24 + int(bits[:4].ljust(len(bits), "0"), 2)


def brute_force(texts: list[str], query: str) -> dict[int, float]:
    """Every product's score by the formula, in double precision."""
    bags = [Counter(text.split()) for text in texts]
    lengths = [len(text.split()) for text in texts]
    mean = sum(lengths) / len(lengths)
    scores = {}
    for place, bag in enumerate(bags):
        score = 0.0
        for word in query.split():
            holding = sum(word in other for other in bags)
            idf = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
            score += idf * bag[word] / (bag[word] + K1 * (1 - B + B * stored_length(lengths[place]) / mean))
        scores[place] = score
    return {place: score for place, score in scores.items() if score > 0}


@pytest.mark.parametrize("query", ["w0q", "w29q w1q", "w3q w3q w3q w7q", " ".join(NAMES), "w5q unheard", "w28q w28q"])
def test_scores_are_those_of_the_formula(query):
    asins, texts = catalogue(300)
    found = Bm25Index.build(asins, texts).search(query, limit=300)
    expected = brute_force(texts, query)
    assert {place for place, _ in found} == set(expected)
    for place, score in found:
        assert score == pytest.approx(expected[place], rel=1e-5)
    assert found == sorted(found, key=lambda hit: (-hit[1], asins[hit[0]]))


def test_equal_products_come_by_asin_also_where_the_list_is_cut():
    asins = [f"B{number:09d}" for number in random.Random(1).sample(range(1000), 200)]
    built = Bm25Index.build(asins, ["red shoe"] * 200)
    found = [asins[place] for place, _ in built.search("shoes")]
    assert found == sorted(asins)[:50]
    assert len(built) == 200


def test_at_most_so_many_and_none_without_a_common_word():
    asins, texts = catalogue(120)
    built = Bm25Index.build(asins, texts)
    assert len(built.search("w0q")) == 50
    assert len(built.search("w0q", limit=7)) == 7
    for query in ("", "the", "unheard", "!!", "\ud800", "\x00"):
        assert built.search(query) == []


def test_how_the_texts_are_divided_while_building_does_not_matter(monkeypatch):
    asins, texts = catalogue(50)
    whole = Bm25Index.build(asins, iter(texts))
    monkeypatch.setattr(index, "_CHUNK", 7)
    parts = Bm25Index.build(asins, iter(texts))
    assert whole.vocabulary == parts.vocabulary
    for name in ("weights", "starts", "places", "gains", "rank"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_lengths_are_kept_as_lucene_keeps_them():
    lengths = np.array([0, 1, 23, 24, 31, 39, 40, 41, 42, 56, 58, 100, 257, 1000, 123_456])
    assert index._rounded(lengths).tolist() == [stored_length(length) for length in lengths.tolist()]


def test_an_index_on_disk_finds_the_same(tmp_path):
    asins, texts = catalogue(80)
    write_index("numpy", asins, texts, tmp_path)
    built, loaded = Bm25Index.build(asins, texts), load_index("numpy", tmp_path)
    for query in ("w0q w4q", "w17q", "unheard"):
        assert loaded.search(query) == built.search(query)
    assert isinstance(loaded.places.base, np.memmap)


def test_an_empty_text_is_never_found_and_does_not_count():
    with_empty = Bm25Index.build(["B2", "B1", "B3"], ["red shoe", "", "red hat"])
    without = Bm25Index.build(["B2", "B3"], ["red shoe", "red hat"])
    assert [score for _, score in with_empty.search("red hat")] == [score for _, score in without.search("red hat")]
    assert Bm25Index.build(["B1"], ["the"]).search("the") == []
    assert Bm25Index.build([], []).search("shoe") == []


@pytest.mark.parametrize(
    ("asins", "texts", "message"),
    [
        (["B1", "B2"], ["red"], "texts: 1, but there are 2 ASINs"),
        (["B1"], ["red", "shoe"], "texts: 2, but there are 1 ASINs"),
        (["B1", "B2", "B1"], ["red"] * 3, "ASIN B1 stands for products 0 and 2"),
    ],
)
def test_texts_and_asins_that_do_not_fit_are_refused(asins, texts, message):
    with pytest.raises(ValueError, match=message):
        Bm25Index.build(asins, texts)


def test_unknown_backends_are_refused(tmp_path):
    with pytest.raises(ValueError, match="search_backend='solr': allowed are numpy, pyserini"):
        load_index("solr", tmp_path)


BUILT = Bm25Index.build(*catalogue(60))


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters()) | st.lists(st.sampled_from([*NAMES, "the", "'s", "_", "👍"])).map(" ".join))
def test_any_query_gives_a_list_in_order(query):
    found = BUILT.search(query)
    scores = [score for _, score in found]
    assert len(found) <= 50
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert len({place for place, _ in found}) == len(found)


@pytest.mark.parametrize(
    ("query", "marker"),
    [("<r>", True), ("<Q> shoes", True), ("<c>", True), ("<a> solid wood", True), ("<content>", False), ("", False),
     ("shoes <r>", False), ("<r>shoes", False), ("< r>", False)],
)  # fmt: skip
def test_a_marker_is_a_query_s_first_word(query, marker):
    assert is_marker(query) is marker
