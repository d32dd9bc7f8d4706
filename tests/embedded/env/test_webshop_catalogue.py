"""Raw products become what WebShop's loader makes of them; broken files are refused by name."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from webshop_files import choices, raw_product, wish, write_files

from ragen_tsr.embedded.env.webshop import catalogue
from ragen_tsr.embedded.env.webshop.catalogue import Catalogue, CatalogueError, Sources


def load(folder, products, wishes=None):
    write_files(folder / "files", products, wishes or {})
    (folder / "built").mkdir(exist_ok=True)
    catalogue.write(Sources.in_folder(folder / "files", "_1000"), folder / "built")
    return Catalogue(folder / "built")


def product(**changes):
    return catalogue.read_product(raw_product(**changes), wish(), "file")


def test_texts_are_kept_and_the_query_is_tidied(tmp_path):
    loaded = load(tmp_path, [raw_product(name=" Größe 7″ ")], {"B000000001": wish()})[0]
    assert (loaded.title, loaded.description, loaded.query) == (" Größe 7″ ", "A chair.", "chairs")
    assert loaded.product_category == "Home › Furniture › Chairs"
    assert loaded.attributes == ("solid wood", "easy clean")
    assert (loaded.instruction, loaded.instruction_attributes) == ("Find a chair", ("solid wood",))


@pytest.mark.parametrize(
    ("pricing", "prices", "tag"),
    [
        ("$12.5", (12.5,), "$12.5"),
        ("$877.80", (877.8,), "$877.8"),
        ("$16.82 to $35.0", (16.82, 35.0), "$16.82 to $35.0"),
        ("$1,299.00", (1299.0,), "$1299.0"),
        ("$1.0 $2.0 $3.0", (1.0, 2.0), "$1.0 to $2.0"),
        ("", (100.0,), "$100.0"),
        ("12.5", (100.0,), "$100.0"),
    ],
)
def test_prices_are_the_numbers_after_a_dollar_sign(pricing, prices, tag):
    assert (product(pricing=pricing).price_range, product(pricing=pricing).price_tag) == (prices, tag)


def test_options_are_lower_cased_and_stripped_and_empty_ones_dropped():
    given = {"Size": [{"value": " Large/XL "}, {"value": "S"}], "Color": None, **choices(Fit=[])}
    assert product(customization_options=given).options == {"size": ("large | xl", "s"), "fit": ()}
    assert product(customization_options="").options == {}


def test_a_lone_feature_becomes_a_list_of_one():
    assert product(small_description="strong").features == ("strong",)
    assert product(small_description=["strong", "light"]).features == ("strong", "light")


def test_products_are_found_by_asin_in_either_case(tmp_path):
    loaded = load(tmp_path, [raw_product("B0ZZ"), raw_product("B0AA")])
    assert [loaded.place(asin) for asin in ("B0ZZ", "b0aa", "B0AA")] == [0, 1, 1]
    assert [p.asin for p in loaded] == ["B0ZZ", "B0AA"]
    for unknown in ("B0", "B0ZZZ", "", "ß"):
        with pytest.raises(KeyError):
            loaded.place(unknown)
    with pytest.raises(IndexError):
        loaded[2]


def test_repeated_overlong_and_nan_asins_are_left_out_as_upstream_does(tmp_path):
    products = [raw_product("B1"), raw_product("nan"), raw_product("B1", name="again"), raw_product("B2345678901")]
    loaded = load(tmp_path, [*products, raw_product("B2")], {"B2345678901": wish()})
    assert [p.asin for p in loaded] == ["B1", "B2"]
    assert loaded[0].title == "Plain wooden chair"


def test_arrays_say_prices_and_number_of_goals(tmp_path):
    none = raw_product("B3", customization_options="", pricing="$5")
    loaded = load(tmp_path, [raw_product(), raw_product("B2"), none], {"B000000001": wish(), "B3": wish()})
    assert loaded.wishes.tolist() == [80, -1, 1]
    np.testing.assert_array_equal(loaded.price_ranges, [[10, 30], [10, 30], [5, np.nan]])


def test_nouns_come_from_the_folder_where_it_lists_them(tmp_path):
    write_files(tmp_path / "files", [], {})
    (tmp_path / "files" / "product_nouns.json").write_text(json.dumps({"B2": ["chair", "chair"], "B9": ["other"]}))
    loaded = load(tmp_path, [raw_product(), raw_product("B2")])
    assert [loaded.nouns(0), loaded.nouns(1)] == [None, ("chair", "chair")]


def test_reading_does_not_hold_the_products(tmp_path):
    """A catalogue of 9 MB is read in a tenth of that."""
    products = [raw_product(f"B{n}", full_description="x" * 30_000, customization_options="") for n in range(300)]
    write_files(tmp_path / "files", products, {})
    (tmp_path / "built").mkdir()
    tracemalloc.start()
    try:
        catalogue.write(Sources.in_folder(tmp_path / "files", "_1000"), tmp_path / "built")
        assert tracemalloc.get_traced_memory()[1] < 900_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("changes", "item"),
    [
        ({"name": None}, "name is missing"),
        ({"name": 7}, "name is 7"),
        ({"pricing": None}, "pricing is missing"),
        ({"pricing": 12.5}, "pricing is 12.5"),
        ({"full_description": ["x"]}, "full_description"),
        ({"query": None}, "query is missing"),
        ({"small_description": None}, "small_description is missing"),
        ({"small_description": ["x", 1]}, "small_description"),
        ({"customization_options": ["x"]}, "customization_options"),
        ({"customization_options": {"Size": "x"}}, "customization_options.Size"),
        ({"customization_options": {"Size": [{"label": "x"}]}}, "customization_options.Size"),
        ({"asin": None}, "asin is missing"),
        ({"asin": 5}, "asin is 5"),
        ({"asin": ""}, "asin is ''"),
    ],
)
def test_a_broken_product_is_named(tmp_path, changes, item):
    broken = {key: value for key, value in (raw_product("B2") | changes).items() if value is not None}
    with pytest.raises(CatalogueError, match=item) as refused:
        load(tmp_path, [raw_product(), broken])
    assert "items_shuffle_1000.json: product 1" in str(refused.value)


@pytest.mark.parametrize(
    ("wishes", "item"),
    [
        ({"B9": wish()}, "B9: a goal for a product that .* lacks"),
        ({"B2": wish(attributes="x")}, "B2: attributes"),
        ({"B2": wish(instruction=3)}, "B2: instruction is 3"),
        ({"B2": {"attributes": [], "instruction": "Find"}}, "B2: instruction_attributes is missing"),
        ({"B2": []}, "B2: entry is"),
    ],
)
def test_a_broken_wish_is_named(tmp_path, wishes, item):
    with pytest.raises(CatalogueError, match=item) as refused:
        load(tmp_path, [raw_product(), raw_product("B2")], wishes)
    assert "items_ins_v2_1000.json" in str(refused.value)


def test_attributes_of_unknown_products_are_not_missed(tmp_path):
    assert len(load(tmp_path, [raw_product()], {"B9": {"attributes": ["x"]}})) == 1


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["items_shuffle_1000.json", "items_ins_v2_1000.json", "product_nouns.json"])
def test_a_truncated_file_is_named(tmp_path, name, kept):
    write_files(tmp_path / "files", [raw_product("B1"), raw_product("B2")], {"B1": wish(), "B2": wish()})
    (tmp_path / "files" / "product_nouns.json").write_text(json.dumps({"B1": ["chair"], "B2": ["chair"]}))
    path = tmp_path / "files" / name
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    (tmp_path / "built").mkdir()
    with pytest.raises(CatalogueError, match="broken or cut off") as refused:
        catalogue.write(Sources.in_folder(tmp_path / "files", "_1000"), tmp_path / "built")
    assert name in str(refused.value)


@pytest.mark.parametrize("text", ["{}", "[]", '{"a": 1}'])
def test_a_file_without_products_is_refused(tmp_path, text):
    write_files(tmp_path, [], {})
    (tmp_path / "items_shuffle_1000.json").write_text(text)
    with pytest.raises(CatalogueError, match="there is no product in it"):
        catalogue.write(Sources.in_folder(tmp_path, "_1000"), tmp_path)
