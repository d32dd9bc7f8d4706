"""One shop per process and settings; what is missing or broken is refused and leaves nothing behind."""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from webshop_files import many_goals, raw_product, wish, write_files

from ragen_tsr.embedded.env.webshop import catalogue
from ragen_tsr.embedded.env.webshop.catalogue import CatalogueError
from ragen_tsr.embedded.env.webshop.colors import COLOR_WORDS
from ragen_tsr.embedded.env.webshop.nouns import words_of
from ragen_tsr.embedded.env.webshop.shop import ShopSettings, open_shop


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The folder that holds what was built."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ragen_tsr" / "webshop"


def small(folder, **settings):
    return ShopSettings(data="small", folder=str(folder), **settings)


def left_in(cache):
    """Everything but the locks."""
    return [path.name for path in cache.iterdir() if path.suffix != ".lock"] if cache.is_dir() else []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "medium"}, "data='medium': allowed are synthetic, small, full"),
        ({"data": "small"}, "folder=None: data=small needs the folder that holds items_shuffle_1000.json"),
        ({"data": "full"}, "folder=None: data=full needs the folder that holds items_shuffle.json"),
        ({"folder": "x"}, "folder='x': data=synthetic has none"),
        ({"search_backend": "solr"}, "search_backend='solr': allowed are numpy, pyserini"),
        ({"init_seed": -1}, "init_seed=-1: allowed are whole numbers of at least 0"),
        ({"shuffle_seed": "42"}, "shuffle_seed='42'"),
        ({"products": 10}, "products=10: allowed are whole numbers of at least 1000"),
        ({"noun_model": 3}, "noun_model=3"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ShopSettings(**settings)


def test_the_same_settings_open_the_same_shop_also_at_once(tmp_path, monkeypatch):
    reads = []
    read = catalogue.write
    monkeypatch.setattr(catalogue, "write", lambda *arguments: (reads.append(1), read(*arguments)))
    settings = small(many_goals(tmp_path / "files"))
    with ThreadPoolExecutor(8) as threads:
        shops = list(threads.map(open_shop, [settings] * 8))
    assert len(set(map(id, shops))) == len(reads) == 1
    other = open_shop(small(tmp_path / "files", init_seed=1))
    assert other is not shops[0]
    assert other.catalogue is shops[0].catalogue
    assert other.index is shops[0].index


def test_copies_and_pickles_are_the_shop_itself(tmp_path):
    shop = open_shop(small(many_goals(tmp_path / "files")))
    assert copy.deepcopy(shop) is shop
    assert copy.copy(shop) is shop
    assert len(pickle.dumps(shop)) < 1000
    assert pickle.loads(pickle.dumps(shop)) is shop


def test_search_nouns_and_colours(tmp_path):
    folder = many_goals(tmp_path / "files")
    shop = open_shop(small(folder))
    assert sorted(shop.search("Wooden chairs")) == [0, 1]
    assert shop.search("shade") == (1,)
    assert shop.search("nothing") == ()
    assert shop.nouns(0) == ("plain", "wooden", "chair")
    assert shop.color_words == COLOR_WORDS
    (folder / "color_words.json").write_text('["red", "blue"]')
    (folder / "product_nouns.json").write_text('{"B000000001": ["chair"]}')
    again = open_shop(small(folder, init_seed=1))
    assert again.color_words == ("red", "blue")
    assert [again.nouns(0), again.nouns(1)] == [("chair",), ("plain", "wooden", "chair")]


def test_words_of_a_title_stand_in_for_its_nouns():
    assert words_of("The Women's T-Shirt for work, 2.5 oz (Tan & Tan)") == (
        "women's", "t-shirt", "work", "2.5", "oz", "tan", "tan"
    )  # fmt: skip


def test_a_noun_model_tags_titles_without_given_nouns(tmp_path, monkeypatch):
    def load(model):
        assert model == "tags_by_length"
        tags = {5: "ADJ", 6: "NOUN", 7: "PROPN"}
        return lambda title: [SimpleNamespace(text=word, pos_=tags.get(len(word), "X")) for word in title.split()]

    monkeypatch.setitem(sys.modules, "spacy", SimpleNamespace(load=load))
    folder = many_goals(tmp_path / "files")
    products = json.loads((folder / "items_shuffle_1000.json").read_text())
    products[0]["name"] = "Plain Wooden garden Chairs outdoor"
    (folder / "items_shuffle_1000.json").write_text(json.dumps(products))
    (folder / "product_nouns.json").write_text('{"B000000002": ["chair"]}')
    shop = open_shop(small(folder, noun_model="tags_by_length"))
    assert shop.nouns(0) == ("wooden", "garden", "chairs", "outdoor")
    assert shop.nouns(1) == ("chair",)


def test_a_noun_model_that_is_not_there_is_refused(tmp_path):
    shop = open_shop(small(many_goals(tmp_path / "files"), noun_model="no_such_model"))
    with pytest.raises(ValueError, match="noun_model='no_such_model' cannot be loaded"):
        shop.nouns(0)


def test_lucene_where_it_is_not_installed_is_refused(tmp_path, cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyserini", None)
    with pytest.raises(ImportError, match="search_backend='pyserini'"):
        open_shop(small(many_goals(tmp_path / "files"), search_backend="pyserini"))
    assert sorted(name.split("-")[0] for name in left_in(cache)) == ["catalogue", "goals"]


def test_a_changed_file_is_read_again(tmp_path):
    folder = many_goals(tmp_path / "files")
    old = open_shop(small(folder))
    path = folder / "items_shuffle_1000.json"
    path.write_text(path.read_text().replace("Plain wooden chair", "Plain wooden bench"))
    os.utime(path, ns=(1, 1))
    new = open_shop(small(folder, init_seed=1))
    assert (old.catalogue[0].title, new.catalogue[0].title) == ("Plain wooden chair", "Plain wooden bench")
    assert new.search("bench") == (0, 1)


def no_folder(folder):
    os.rename(folder, folder.parent / "moved")


def no_products(folder):
    (folder / "items_shuffle_1000.json").unlink()


def no_wishes(folder):
    (folder / "items_ins_v2_1000.json").unlink()


def truncated(folder):
    path = folder / "items_shuffle_1000.json"
    path.write_text(path.read_text()[:-40])


def no_price(folder):
    product = raw_product()
    del product["pricing"]
    (folder / "items_shuffle_1000.json").write_text(json.dumps([product]))


def unknown_product(folder):
    (folder / "items_ins_v2_1000.json").write_text(json.dumps({"B0NOWHERE0": wish()}))


def wrong_colours(folder):
    (folder / "color_words.json").write_text('["red", 5]')


def few_goals(folder):
    write_files(folder, [raw_product()], {"B000000001": wish()})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_folder, "files: there is no such folder; it has to hold items_shuffle_1000.json"),
        (no_products, "items_shuffle_1000.json: there is no such file"),
        (no_wishes, "items_ins_v2_1000.json: there is no such file"),
        (truncated, "items_shuffle_1000.json: broken or cut off"),
        (no_price, r"items_shuffle_1000.json: product 0 \(B000000001\): pricing is missing"),
        (unknown_product, "items_ins_v2_1000.json: B0NOWHERE0: a goal for a product that .*items_shuffle_1000.json"),
        (wrong_colours, "color_words.json: word 1: entry is 5"),
        (few_goals, "items_ins_v2_1000.json: 80 goals; at least 1501 are needed"),
    ],
)
def test_broken_data_is_refused_and_nothing_half_built_stays(tmp_path, cache, spoil, message):
    folder = many_goals(tmp_path / "files")
    spoil(folder)
    for _ in range(2):  # no memory of the failure either
        with pytest.raises(CatalogueError, match=message):
            open_shop(small(folder))
        left = left_in(cache)
        assert [name.split("-")[0] for name in left] == (["catalogue"] if spoil is few_goals else [])
    if folder.is_dir():
        (folder / "color_words.json").unlink(missing_ok=True)
    many_goals(folder)
    assert len(open_shop(small(folder)).goals) == 1800
    assert sorted(name.split("-")[0] for name in left_in(cache) if name not in left) == ["catalogue", "goals", "index"]
