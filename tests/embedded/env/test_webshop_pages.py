"""Every page of WebShop: its texts in order, what is on offer, and where each click leads."""

import corner_shop
import pytest
from corner_shop import BRASS, CAR, NAMELESS, PLAIN, SOFA

from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig
from ragen_tsr.embedded.env.webshop.pages import options_as_json


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        folder = corner_shop.write(tmp_path_factory.mktemp("shop"))
        config = WebShopEnvConfig(dataset="small", folder=str(folder))
        WebShopEnv(config)  # opens the shop while the cache is here
        yield config


@pytest.fixture
def env(config):
    env = WebShopEnv(config)
    env.reset(seed=0)
    return env


def page_of(env, *actions):
    """What the last of some actions shows, without the instruction."""
    for action in actions:
        observation, *_ = env.step(action)
    head = f"Instruction: [SEP] {env.goal.instruction} [SEP] "
    assert observation.startswith(head)
    return observation.removeprefix(head).split(" [SEP] ")


def test_the_instruction_names_options_and_price(env):
    options = ", and ".join(f"{name}: {value}" for name, value in env.goal.options.items())
    assert env.goal.instruction.startswith(f"Find me a soft sofa set with {options}, and price lower than ")


def test_the_search_page_has_the_shop_before_the_instruction(env):
    assert env.observation == f"WebShop [SEP] Instruction: [SEP] {env.goal.instruction} [SEP] Search"
    assert env.get_available_actions() == ["search[<content>]"]


def test_results_ten_a_page_with_lower_case_asins_on_offer(env):
    first = page_of(env, "search[plain LAMP]")
    assert first[:3] == ["Back to Search", "Page 1 (Total results: 12)", "Next >"]
    assert first[3:9] == [PLAIN[0], "Plain Lamp", "$20.0", PLAIN[1], "Plain Lamp", "$20.0"]
    assert len(first) == 3 + 10 * 3
    assert env.get_available_actions() == [
        "click[back to search]",
        "click[next >]",
        *(f"click[{asin.lower()}]" for asin in PLAIN[:10]),
    ]
    second = page_of(env, "click[Next >]")
    assert second == [
        *("Back to Search", "Page 2 (Total results: 12)", "< Prev", "Next >"),
        *(PLAIN[10], "Plain Lamp", "$20.0", BRASS, "Brass Desk Lamp", "$10.5 to $12.0"),
    ]
    assert env.get_available_actions()[:3] == ["click[back to search]", "click[< prev]", "click[next >]"]


def test_pages_past_the_end_hide_next_but_count_on(env):
    page_of(env, "search[lamp]", "click[next >]")
    for number in (3, 4, 5):
        empty = page_of(env, "click[next >]")
        assert empty == ["Back to Search", f"Page {number} (Total results: 12)", "< Prev", "Next >"]
        assert env.get_available_actions() == ["click[back to search]", "click[< prev]"]
    assert page_of(env, "click[< prev]", "click[< prev]")[1] == "Page 3 (Total results: 12)"


def test_an_empty_first_page_still_offers_next(env):
    assert page_of(env, "search[zeppelin]") == ["Back to Search", "Page 1 (Total results: 0)", "Next >"]
    assert env.get_available_actions() == ["click[back to search]", "click[next >]"]


def test_an_item_lists_options_before_its_title_and_shared_values_once(env):
    assert page_of(env, "search[brass]", f"click[{BRASS}]") == [
        *("Back to Search", "< Prev", "color", "red", "dark blue", "shade", "red", "paper | cloth"),
        *("Brass Desk Lamp", "Price: $10.5 to $12.0", "Rating: N.A."),
        *("Description", "Features", "Reviews", "Buy Now"),
    ]
    assert env.get_available_actions() == [
        f"click[{text}]"
        for text in (
            *("back to search", "< prev", "description", "features", "reviews", "buy now"),
            *("red", "dark blue", "paper | cloth"),
        )
    ]


def test_an_empty_description_adds_nothing_and_an_empty_feature_an_empty_text(env):
    assert page_of(env, "search[brass]", f"click[{BRASS}]", "click[description]") == ["Back to Search", "< Prev"]
    features = page_of(env, "click[< prev]", "click[features]")
    assert features == ["Back to Search", "< Prev", "", "warm <light> & more"]
    assert page_of(env, "click[< prev]", "click[reviews]") == ["Back to Search", "< Prev"]
    assert env.get_available_actions() == ["click[back to search]", "click[< prev]"]


def test_a_product_without_a_title_shows_none(env):
    listed = page_of(env, "search[anonymous]")
    assert listed == ["Back to Search", "Page 1 (Total results: 1)", "Next >", NAMELESS, "$20.0"]
    sections = ("Description", "Features", "Reviews", "Buy Now")
    assert page_of(env, f"click[{NAMELESS}]") == ["Back to Search", "< Prev", "Price: $20.0", "Rating: N.A.", *sections]
    assert page_of(env, "click[description]") == ["Back to Search", "< Prev"]
    assert page_of(env, "click[< prev]", "click[features]")[2:] == ["Anonymous", ""]


def test_descriptions_and_features_show_their_texts(env):
    opened = ("search[sofa]", f"click[{SOFA}]")
    assert page_of(env, *opened, "click[description]")[2:] == ["All about Sofa Set."]
    assert page_of(env, *opened, "click[features]")[2:] == ["Sofa Set feature"]


def test_a_choice_is_invisible_and_a_later_value_of_the_option_replaces_it(env):
    shown = page_of(env, "search[sofa]", f"click[{SOFA}]")
    assert page_of(env, "click[size 3]") == shown
    assert page_of(env, "click[COLOR 1]") == shown
    assert env.state.options == (("color", "color 1"), ("size", "size 3"))
    page_of(env, "click[size 4]")
    assert env.state.options == (("color", "color 1"), ("size", "size 4"))


def test_a_value_of_two_options_is_the_later_ones(env):
    page_of(env, "search[brass]", f"click[{BRASS}]", "click[red]")
    assert env.state.options == (("shade", "red"),)


def test_sub_pages_keep_the_choice_and_leaving_the_item_clears_it(env):
    opened = ("search[sofa]", f"click[{SOFA}]", "click[size 3]")
    for sub_page in ("description", "features", "reviews"):
        page_of(env, *opened, f"click[{sub_page}]", "click[< prev]")
        assert env.state.options == (("size", "size 3"),)
    for left in ("click[< prev]", "click[back to search]", "search[sofa]"):
        env.reset(seed=0)
        page_of(env, *opened)
        env.step(left)
        assert env.state.options == ()


def test_previous_leads_from_an_item_to_its_page_of_the_list(env):
    page_of(env, "search[lamp]", "click[next >]", f"click[{BRASS}]")
    assert page_of(env, "click[< prev]")[1] == "Page 2 (Total results: 12)"


def test_a_button_goes_before_an_option_of_its_name_and_search_is_no_click(env):
    page_of(env, "search[car]", f"click[{CAR}]")
    assert env.get_available_actions()[5:] == ["click[buy now]", "click[<b>'ü'&]"]
    page_of(env, "click[reviews]", "click[< prev]", "click[search]")
    assert env.state.options == ()
    page_of(env, "click[< prev]")
    assert env.state.kind == "results"


def test_the_last_page_has_the_options_as_escaped_json(env):
    page_of(env, "search[car]", f"click[{CAR}]", "click[<b>'ü'&]")
    observation, *_ = env.step("click[buy now]")
    assert r'Options {"style": "\u003cb\u003e\u0027\u00fc\u0027\u0026"}' in observation.split(" [SEP] ")
    assert env.get_available_actions() == []


def test_options_are_printed_in_name_order():
    assert options_as_json([("size", "1"), ("color", "b")]) == '{"color": "b", "size": "1"}'
