"""The project's own catalogue: large enough, always the same, every goal within reach, none given away."""

from __future__ import annotations

import hashlib
import json
from itertools import combinations

import pytest

from ragen_tsr.embedded.env.webshop import synthetic
from ragen_tsr.embedded.env.webshop.colors import COLOR_WORDS
from ragen_tsr.embedded.env.webshop.reward import alike, purchase
from ragen_tsr.embedded.env.webshop.shop import ShopSettings, open_shop
from ragen_tsr.embedded.env.webshop.synthetic_words import DEPARTMENTS, KINDS, OPTIONS


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return open_shop(ShopSettings(init_seed=1))


def bought(shop, goal, place):
    """What buying this product earns if every option asked for is chosen where it is offered."""
    product = shop.catalogue[place]
    chosen = {name: value for name, value in goal.options.items() if value in product.options.get(name, ())}
    nouns = shop.nouns(shop.catalogue.place(goal.asin)), shop.nouns(place)
    return purchase(goal, product, float(shop.prices[place]), chosen, *nouns, shop.color_words)[0]


def test_it_is_large_enough(shop):
    assert len(shop.catalogue) == 1000
    assert len({product.query for product in shop.catalogue}) == len(KINDS) >= 20
    assert len({product.product_category for product in shop.catalogue}) >= 20
    assert len(shop.goals) > 3000
    assert any(len(product.price_range) == 2 for product in shop.catalogue)
    assert {len(product.options) for product in shop.catalogue} == {0, 1, 2, 3}
    assert all(len(product.title.split()) <= 8 for product in shop.catalogue)


def test_the_same_bytes_every_time(tmp_path):
    def digest(folder):
        folder.mkdir()
        synthetic.write(1000, "_1000", folder)
        contents = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
        return hashlib.sha256(contents).hexdigest()

    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "color_words.json",
        "items_human_ins_1000.json",
        "items_ins_v2_1000.json",
        "items_shuffle_1000.json",
        "product_nouns.json",
    ]


def test_asins_have_webshops_form_and_tell_products_of_a_kind_apart_early(shop):
    asins = [product.asin for product in shop.catalogue]
    assert len(set(asins)) == len(asins)
    assert all(len(asin) == 10 and asin.startswith("B0") and asin.isalnum() and asin.isupper() for asin in asins)
    assert len({(product.query, product.asin[2:6]) for product in shop.catalogue}) == len(asins)


def test_every_goal_is_within_reach(shop):
    missed = [goal.index for goal in shop.goals if bought(shop, goal, shop.goals.product_place(goal.index)) != 1]
    assert missed == []


def test_the_search_narrows_down_without_giving_the_answer_away(shop):
    """Of a query of attributes, kind and options the first page has a right product, the first place often not."""
    first, page, sampled = 0, 0, range(0, len(shop.goals), 20)
    for index in sampled:
        goal = shop.goals[index]
        hits = shop.search(" ".join([*goal.attributes, goal.query, *goal.options.values()]))[:10]
        right = [bought(shop, goal, place) == 1 for place in hits]
        first += right[0]
        page += any(right)
    assert 0.45 < first / len(sampled) < 0.75
    assert page / len(sampled) > 0.95


def test_no_word_stands_for_another():
    for values in [*OPTIONS.values(), *(department.attributes for department in DEPARTMENTS.values())]:
        assert not any(
            alike(one, other) or set(one.split()) & set(other.split()) for one, other in combinations(values, 2)
        )
    for name, values in OPTIONS.items():
        if name != "color":
            assert not [(value, color) for value in values for color in COLOR_WORDS if color in value]


def test_a_product_mentions_no_attribute_that_it_lacks(shop):
    for product in shop.catalogue:
        text = " ".join([product.title, *product.features, product.description]).lower()
        for attributes in DEPARTMENTS[product.category].attributes:
            assert (attributes in text) == (attributes in product.attributes)


def test_wishes_copy_words_of_their_product(shop):
    for goal in list(shop.goals)[:200]:
        product = shop.catalogue[shop.catalogue.place(goal.asin)]
        assert goal.instruction.startswith(f"Looking for {', '.join(goal.attributes)} {product.query}")
        assert set(goal.attributes) < set(product.attributes)


def test_raw_files_are_webshops(tmp_path):
    synthetic.write(1000, "", tmp_path)
    products = json.loads((tmp_path / "items_shuffle.json").read_text())
    assert {key for product in products for key in product} == {
        "asin", "name", "category", "query", "product_category", "page", "pricing", "average_rating",
        "small_description", "full_description", "customization_options", "images",
    }  # fmt: skip
    assert set(json.loads((tmp_path / "items_ins_v2.json").read_text())) == {product["asin"] for product in products}
