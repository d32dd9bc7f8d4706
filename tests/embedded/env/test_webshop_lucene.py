"""Searching through pyserini: refused clearly where it is missing, and the same lists where it is not."""

from __future__ import annotations

import os
import sys

import pytest
from test_webshop_index import NAMES, catalogue

from ragen_tsr.embedded.env.webshop.backends import load_index, write_index
from ragen_tsr.embedded.env.webshop.index import Bm25Index


def test_without_pyserini_the_error_says_what_to_install(monkeypatch, tmp_path):
    for module in ("pyserini", "pyserini.index.lucene", "pyserini.pyclass"):
        monkeypatch.setitem(sys.modules, module, None)
    message = r"search_backend='pyserini' needs pyserini \(pip install 'ragen_tsr\[webshop\]'\) and a Java runtime"
    with pytest.raises(ImportError, match=message):
        write_index("pyserini", ["B1"], ["red shoe"], tmp_path)
    with pytest.raises(ImportError, match=message):
        load_index("pyserini", tmp_path)


def test_lucene_finds_the_same(tmp_path):
    if "JAVA_HOME" not in os.environ:
        pytest.skip("needs Java (JAVA_HOME) and pyserini")
    pytest.importorskip("pyserini", reason="needs pyserini")
    asins, texts = catalogue(200)
    texts[:40] = ["Men's trekking-shoes ★ 👍🏽 12.5oz technology possibly"] * 40
    write_index("pyserini", asins, texts, tmp_path)
    lucene, ours = load_index("pyserini", tmp_path), Bm25Index.build(asins, texts)
    assert len(lucene) == len(ours)
    queries = [
        "w0q",
        "w1q w1q w9q",
        "mens shoe w3q",
        "★",
        "👍🏽 12.5OZ",
        "technologies possible",
        "the",
        "",
        "\ud800 w2q",
    ]
    for query in [*queries, " ".join(NAMES), " ".join(f"x{number}" for number in range(1500))]:
        found, expected = lucene.search(query), ours.search(query)
        assert [place for place, _ in found] == [place for place, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=2e-4)
