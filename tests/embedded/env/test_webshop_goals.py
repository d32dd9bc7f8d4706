"""Prices, ceilings, goals and splits are upstream's, draw by draw."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
from webshop_files import choices, many_goals, raw_product, wish, write_files

from ragen_tsr.embedded.env.webshop.goals import draw_ceiling, draw_prices
from ragen_tsr.embedded.env.webshop.shop import ShopSettings, open_shop
from ragen_tsr.embedded.env.webshop.types import NO_CEILING

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "webshop"
needs_records = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="needs the recorded cases, in shared/webshop beside the checkout"
)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def shop(folder, **settings):
    return open_shop(ShopSettings(data="small", folder=str(folder), **settings))


@needs_records
def test_goals_and_prices_equal_the_recorded_ones():
    opened = shop(RECORDED / "data")
    with gzip.open(RECORDED / "data" / "goals_initseed0.jsonl.gz", "rt") as lines:
        recorded = [json.loads(line) for line in lines]
    assert len(opened.goals) == len(recorded) == 6910
    for goal, expected in zip(opened.goals, recorded, strict=True):
        got = {
            "index": goal.index,
            "asin": goal.asin,
            "goal_options": goal.options,
            "price_upper": goal.price_upper,
            "instruction": goal.instruction,
        }
        assert got == expected
        assert list(goal.options) == list(expected["goal_options"])
    for asin, price in json.loads((RECORDED / "data" / "prices_initseed0.json").read_text()).items():
        assert opened.prices[opened.catalogue.place(asin)] == price


@needs_records
def test_every_recorded_episode_has_its_goal():
    for line in (RECORDED / "episodes.jsonl").read_text().splitlines():
        case = json.loads(line)
        opened = shop(RECORDED / "data", init_seed=case["init_seed"], shuffle_seed=case["shuffle_seed"])
        index = opened.goal_index(case["mode"], case["seed"])
        goal = opened.goals[index]
        assert index == case["goal_index"]
        assert opened.prices[opened.catalogue.place(goal.asin)] == case["goal_product_price"]
        assert goal.instruction in case["instruction"]


def test_only_ranges_draw_a_price():
    ranges = np.array([[5, np.nan], [10, 30], [7, 7], [20, 40]])
    expected = random.Random(3)
    drawn = [5, expected.uniform(10, 30), expected.uniform(7, 7), expected.uniform(20, 40)]
    assert draw_prices(ranges, random.Random(3)).tolist() == drawn


@pytest.mark.parametrize(
    ("price", "considered"),
    [(5.0, (10, 20, 30, 40)), (10.0, (20, 30, 40, 50)), (19.99, (20, 30, 40, 50)), (965.0, (970, 980, 990))],
)
def test_the_ceiling_is_the_larger_of_two_of_the_next_multiples_of_ten(price, considered):
    for seed in range(20):
        drawn = draw_ceiling(price, random.Random(seed))
        assert drawn == max(random.Random(seed).sample(considered, 2))


@pytest.mark.parametrize("price", [980.0, 985.5, 990.0, 5000.0])
def test_without_two_ceilings_above_there_is_none_and_nothing_is_drawn(price):
    generator = random.Random(0)
    before = generator.getstate()
    assert draw_ceiling(price, generator) == NO_CEILING
    assert generator.getstate() == before


def test_goals_are_all_combinations_and_share_their_products_ceiling(tmp_path):
    opened = shop(many_goals(tmp_path / "files"))
    assert len(opened.goals) == 1800
    asked = [(goal.options["color"], goal.options["size"]) for goal in opened.goals]
    assert sorted(asked) == sorted((f"shade {c}", f"number {s}") for c in range(60) for s in range(30))
    assert len({goal.price_upper for goal in opened.goals}) == 1
    in_order = [(f"shade {c}", f"number {s}") for c in range(60) for s in range(30)]
    random.Random(233).shuffle(in_order)
    assert asked == in_order
    goal = opened.goals[7]
    color, size = asked[7]
    ceiling = f"{goal.price_upper:.2f}"
    assert goal.instruction == (
        f"Find a chair with color: {color}, and size: {size}, and price lower than {ceiling} dollars"
    )
    assert opened.goals.product_place(7) == 1


def test_dear_products_have_goals_without_a_ceiling(tmp_path):
    products = [raw_product("B1", pricing="$985", customization_options=""), raw_product("B2", pricing="$985")]
    products += [raw_product(f"C{n}") for n in range(20)]
    wishes = {"B1": wish(), "B2": wish()} | {f"C{n}": wish() for n in range(20)}
    opened = shop(write_files(tmp_path / "files", products, wishes))
    dear = [goal for goal in opened.goals if goal.asin == "B1"]
    assert [(goal.price_upper, goal.instruction) for goal in dear] == [(NO_CEILING, "Find a chair")]
    assert isinstance(dear[0].price_upper, int)  # as upstream's; real ceilings are floats
    assert all("lower than" not in goal.instruction for goal in opened.goals if goal.asin == "B2")


def test_an_option_without_values_leaves_no_goal_but_takes_its_draw(tmp_path):
    values = choices(size=[f"n{n}" for n in range(40)], color=[f"c{n}" for n in range(40)])
    empty = raw_product("B1", pricing="$15", customization_options=choices(size=[]))
    full = raw_product("B2", pricing="$15", customization_options=values)
    for seed in range(5):
        opened = shop(write_files(tmp_path / str(seed), [empty, full], {"B1": wish(), "B2": wish()}), init_seed=seed)
        generator = random.Random(seed)
        ceilings = [max(generator.sample((20, 30, 40, 50), 2)) for _ in range(2)]
        assert {goal.asin for goal in opened.goals} == {"B2"}
        assert opened.goals[0].price_upper == ceilings[1]


def test_splits_are_parts_of_one_permutation(tmp_path):
    opened = shop(many_goals(tmp_path / "files"))
    parts = {
        mode: [opened.goal_index(mode, seed) for seed in range(size)]
        for mode, size in (("test", 500), ("val", 1000), ("train", 300))
    }
    expected = list(range(1800))
    random.Random(42).shuffle(expected)
    assert parts["test"] + parts["val"] + parts["train"] == expected
    assert opened.goal_index("train", 10_000) == parts["train"][10_000 % 300]
    with pytest.raises(ValueError, match="mode='eval': allowed are train, val, test"):
        opened.goal_index("eval", 0)


def test_seeds_change_what_they_should_and_the_global_generator_is_left_alone(tmp_path):
    folder = many_goals(tmp_path / "files")
    random.seed(5)
    before = random.getstate()
    shops = [shop(folder, init_seed=i, shuffle_seed=s) for i, s in ((0, 233), (1, 233), (0, 42))]
    assert random.getstate() == before
    first, priced, shuffled = ([g.options for g in one.goals] for one in shops)
    assert first == priced != shuffled
    assert shops[0].prices[0] == shops[2].prices[0] != shops[1].prices[0]
    assert 10 <= shops[0].prices[0] <= 30
