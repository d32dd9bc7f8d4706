"""A WebShop episode: what a step returns, which texts are actions, and that nothing can break a session."""

import gc
import itertools
import pickle
import random
import re
import tracemalloc

import pytest
from omegaconf import OmegaConf

from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig, WebShopState, session
from ragen_tsr.embedded.env.webshop.actions import read
from ragen_tsr.embedded.env.webshop.wording import load_webshop_wording
from ragen_tsr.embedded.llm_agent.es_manager import EnvStateManager

PURCHASE_KEYS = {
    *("r_type", "query_match", "category_match", "title_score", "r_att", "w_att", "r_option", "w_option"),
    *("r_price", "w_price"),
}
STEP_KEYS = [
    *("reward", "raw_reward", "action_is_effective", "action_is_valid"),
    *("success", "success_purchase", "success_find", "end_of_page"),
]


@pytest.fixture
def env():
    env = WebShopEnv(WebShopEnvConfig())
    env.reset(seed=0)
    return env


def with_options(env):
    """Reset to an episode whose goal has options."""
    seed = next(seed for seed in itertools.count() if env.reset(seed=seed) == "" and env.goal.options)
    env.reset(seed=seed)
    return seed


def open_item(env):
    """Go to the product that the goal was made for."""
    env.step(f"search[{env.goal.title}]")
    while f"click[{env.goal.asin.lower()}]" not in env.get_available_actions():
        env.step("click[next >]")
    return env.step(f"click[{env.goal.asin}]")


def buy(env, options=True):
    """Buy that product, by default with the options asked for."""
    open_item(env)
    for value in env.goal.options.values() if options else ():
        env.step(f"click[{value}]")
    return env.step("click[buy now]")


def same(a, b):
    """Equal, and of equal types."""
    return a == b and [type(v) for v in a.values()] == [type(v) for v in b.values()]


def test_reset_returns_nothing_and_the_prompt_then_has_the_instruction_alone(env):
    assert env.reset(seed=3, mode="val") == ""
    wording = load_webshop_wording()
    instruction = f"Instruction: {env.goal.instruction}"
    assert env.render() == wording.prompt(instruction, ("search[<content>]",))
    env.step("nonsense")
    assert env.render() == wording.prompt(env.observation, ("search[<content>]",))
    assert env.observation.startswith("WebShop [SEP] Instruction: [SEP] ")


def test_the_splits_are_apart_and_a_seed_is_a_goal(env):
    goals = {}
    for mode in ("train", "val", "test"):
        goals[mode] = set()
        for seed in range(200):
            env.reset(seed=seed, mode=mode)
            goals[mode].add(env.goal.index)
    assert len(goals["val"]) == len(goals["test"]) == 200
    assert goals["train"].isdisjoint(goals["val"] | goals["test"])
    assert goals["val"].isdisjoint(goals["test"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"seed": 1, "mode": "dev"}, "mode='dev': allowed are train, val, test"),
        ({"seed": -1}, "seed=-1: allowed"),
        ({"seed": "x"}, "seed='x': allowed"),
    ],
)
def test_other_modes_and_seeds_are_refused(env, arguments, says):
    with pytest.raises(ValueError, match=says):
        env.reset(**arguments)


def test_without_a_seed_a_goal_is_drawn(env):
    drawn = {env.reset() or env.goal.index for _ in range(8)}
    assert len(drawn) > 1


def test_before_the_first_reset_there_is_no_page():
    with pytest.raises(RuntimeError, match="call reset"):
        WebShopEnv(WebShopEnvConfig()).render()


def test_an_ignored_action_is_worth_an_integer_and_any_other_a_float(env):
    ignored = {
        "reward": 0.0,
        "raw_reward": 0,
        "action_is_effective": False,
        "action_is_valid": False,
        "success": 0,
        "success_purchase": 0,
        "success_find": 0,
        "end_of_page": 0,
    }
    page, reward, done, info = env.step("click[buy now]")
    assert (reward, type(reward), done) == (0.0, float, False)
    assert same(info, ignored)
    assert page == env.observation
    *_, info = env.step("search[rain jacket]")
    assert same(info, ignored | {"raw_reward": 0.0, "action_is_effective": True, "action_is_valid": True})


def test_buying_what_was_asked_for_is_worth_one(env):
    with_options(env)
    page, reward, done, info = buy(env)
    assert (reward, type(reward), done) == (1.0, float, True)
    assert set(info) == PURCHASE_KEYS | set(STEP_KEYS)
    assert list(info)[-len(STEP_KEYS) :] == STEP_KEYS
    assert {key: info[key] for key in STEP_KEYS} == {
        "reward": 1.0,
        "raw_reward": 1.0,
        "action_is_effective": True,
        "action_is_valid": True,
        "success": 1,
        "success_purchase": 1,
        "success_find": 1,
        "end_of_page": 0,
    }
    assert env.goal.asin in page
    assert env.get_available_actions() == []


def test_part_of_it_is_worth_nothing_here_and_part_of_it_in_raw_reward(env):
    with_options(env)
    _, reward, done, info = buy(env, options=False)
    assert (reward, done) == (0.0, True)
    assert 0 < info["raw_reward"] < 1
    assert (info["success"], info["success_purchase"], info["success_find"]) == (0, 1, 0)


def test_after_the_purchase_clicks_do_nothing_and_a_search_goes_on(env):
    with_options(env)
    bought, *_ = buy(env)
    for action in ("click[buy now]", "click[back to search]", "click[< prev]"):
        page, reward, done, info = env.step(action)
        assert (page, reward, done, info["raw_reward"]) == (bought, 0.0, False, 0)
    page, _, done, info = env.step("search[rain jacket]")
    assert "Page 1 (Total results:" in page
    assert not done
    assert info["action_is_effective"]
    assert not info["action_is_valid"]
    assert env.state.options == ()
    assert env.state.reward == 0.0


def test_a_search_is_carried_out_on_every_page_but_valid_only_on_its_own(env):
    open_item(env)
    for there in ("click[description]", "search[rug]"):
        env.step(there)
        page, *_, info = env.step("search[rain jacket]")
        assert "Page 1 (Total results:" in page
        assert not info["action_is_valid"]


@pytest.mark.parametrize("words", ["<r>", "<r> 5", "<q> rug", "<c> fashion", "<c>", "<a> soft", "<R>"])
def test_a_search_for_a_marker_is_ignored(env, words):
    before = env.observation
    page, reward, done, info = env.step(f"search[{words}]")
    assert (page, reward, done, info["raw_reward"], info["action_is_valid"]) == (before, 0.0, False, 0, False)


def test_a_marker_further_on_is_a_word(env):
    page, *_ = env.step("search[rug <r>]")
    assert "Page 1 (Total results:" in page


@pytest.mark.parametrize("name", ["search_results", "item_page"])
def test_going_back_does_not_depend_on_the_words_searched_for(env, name):
    """Upstream looks for the names of its pages in an address that holds those words, too."""
    results, *_ = env.step(f"search[{env.goal.title} {name}]")
    product = next(action for action in env.get_available_actions() if action.startswith("click[b0"))
    item, *_ = env.step(product)
    env.step("click[features]")
    assert env.step("click[< prev]")[0] == item
    assert env.step("click[< prev]")[0] == results


def test_option_clicks_are_valid_and_without_effect(env):
    with_options(env)
    page, *_ = open_item(env)
    value = next(iter(env.goal.options.values()))
    after, _, _, info = env.step(f"click[{value.upper()}]")
    assert after == page
    assert info["action_is_valid"]
    assert not info["action_is_effective"]
    *_, info = env.step(f"click[{value} ]")
    assert not info["action_is_valid"]


def test_end_of_page_where_only_back_and_previous_are_on_offer(env):
    *_, info = open_item(env)
    assert info["end_of_page"] == 0
    for sub_page in ("description", "features", "reviews"):
        *_, info = env.step(f"click[{sub_page}]")
        assert info["end_of_page"] == 1
        *_, info = env.step("click[no such button]")
        assert info["end_of_page"] == 1
        env.step("click[< prev]")
    env.step("search[zeppelin]")
    *_, info = env.step("click[next >]")
    assert info["end_of_page"] == 1
    *_, info = env.step("click[next >]")
    assert info["action_is_valid"]


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("search[Red Shoes]", "search", "red shoes"),
        ("search[red] because it fits", "search", "red"),
        ("click[a] click[b]", "click[a] click", "b"),
        ("search[a [b] c]", "search[a ", "b] c"),
        ("I will search[a]", "I will search", "a"),
        ("Search[a]", "Search", "a"),
        ("search[a]\nclick[b]", "search", "a"),
        ("search[a\nb]", "search[a\nb]", None),
        ("search[]", "search[]", None),
        ("[a]", "[a]", None),
        ("search", "search", None),
        ("", "", None),
        ("a[[b]", "a[", "b"),
        ("a[]]", "a", "]"),
        ("a[b]]", "a", "b]"),
    ],
)
def test_reading_an_action(text, name, argument):
    assert read(text) == (name, argument)


def test_reading_is_what_the_pattern_of_the_specification_says():
    pattern = re.compile(r"(.+)\[(.+)\]")
    for length in range(8):
        for letters in itertools.product("aB[]\n", repeat=min(length, 6)):
            text = "".join(letters) + "]" * (length - min(length, 6))
            match = pattern.match(text)
            assert read(text) == ((match[1], match[2].lower()) if match else (text, None)), text


MALFORMED = [
    *("", " ", "[", "]", "[]", "[[]]", "search", "search[]", "search[ ]", "search[<content>]", "click[]", "click[ ]"),
    *("search[\n]", "search[a]\n", "\nsearch[a]", "SEARCH[a]", "Click[buy now]", "click[BUY NOW]", "click[search]"),
    *("search[<r>]", "search[<c>]", "search[<a> x]", "search[<q>]", "click[<r>]", "click[click[a]]", "click[next >"),
    *("click[" * 500, "[" * 3000, "]" * 3000, "search[" + "[" * 1000 + "]" * 1000, "search[" + "rug " * 1000 + "]"),
    *("search[\x00]", "search[\ud800]", "search[漢字 😀 ½ ①]", "search['’‘.:·_]", "click[\u2028]", "search[%s%n{0}]"),
    *("<think>x</think><answer>click[buy now]</answer>", "click[buy now]" * 50, "buy now", "click[b000000000]"),
    *(
        "click[attributes]",
        "click[rating]",
        "click[< PREV]",
        "click[next  >]",
        "search[../../etc/passwd]",
        "search[-1e309]",
    ),
]


def random_action(generator, env):
    """A legal action, a malformed text, or a legal one damaged."""
    kind = generator.random()
    offered = env.get_available_actions()
    legal = generator.choice(offered) if offered else "click[buy now]"
    if kind < 0.55:
        return legal.replace("<content>", generator.choice([env.goal.title, env.goal.instruction, "rug", "zeppelin"]))
    if kind < 0.8:
        return generator.choice(MALFORMED)
    cut = generator.randrange(len(legal) + 1)
    return (
        legal[:cut] + generator.choice(["", "]", "[", "\n", "x", "É", "\x00"]) + legal[cut + generator.randrange(2) :]
    )


def check_rules(env):
    """The state is within the rules, and is what its page says."""
    state = env.state
    assert isinstance(state, WebShopState)
    assert state.kind in session.KINDS
    shows_product = state.kind in (session.ITEM, *session.SUB_PAGES, session.DONE)
    assert bool(state.asin) == shows_product
    assert state.opened or not shows_product
    assert (state.number >= 1) == (state.kind in (session.RESULTS, session.ITEM, *session.SUB_PAGES))
    if state.options:
        options = env.pages.product(state.asin).options
        assert shows_product
        assert all(value in options[name] for name, value in state.options)
        assert [name for name, _ in state.options] == sorted({name for name, _ in state.options})
    assert 0.0 <= state.reward <= 1.0
    assert state.reward == 0.0 or state.kind == session.DONE
    assert env.goal.instruction in env.render() or state.kind == session.DONE


def test_ten_thousand_random_and_malformed_actions(env):
    generator = random.Random(0)
    seen, bought = set(), 0
    for number in range(10_000):
        if number % 25 == 0:
            env.reset(seed=generator.randrange(2**32), mode=generator.choice(["train", "val", "test"]))
        before = env.observation
        page, reward, done, info = env.step(random_action(generator, env))
        check_rules(env)
        assert page == env.observation
        assert info["action_is_effective"] == (page != before)
        assert done == (info["success_purchase"] == 1)
        assert not done or env.state.kind == session.DONE
        assert (reward == 1.0) == (info["raw_reward"] >= 1.0)
        seen.add(env.state.kind)
        bought += done
    assert seen == set(session.KINDS) - {session.START}
    assert bought > 50


def manager_config(groups, size):
    return OmegaConf.create(
        {
            "seed": {"train": 10000, "val": 123},
            "es_manager": {
                "format_penalty": -0.1,
                "train": {
                    "env_groups": groups,
                    "group_size": size,
                    "env_configs": {"tags": ["WebShop"], "n_groups": [groups]},
                },
            },
            "custom_envs": {"WebShop": {"env_type": "webshop", "max_actions_per_traj": 9, "env_config": {}}},
        }
    )


def test_ten_thousand_actions_through_the_manager():
    generator = random.Random(1)
    manager = EnvStateManager(manager_config(groups=8, size=4), mode="train")
    played, open_slots = 0, []
    while played < 10_000:
        if not open_slots:
            open_slots = manager.reset()
        turns = [
            {
                "env_id": cache["env_id"],
                "actions": [
                    random_action(generator, manager.envs[cache["env_id"]]["env"])
                    for _ in range(generator.choice([0, 1, 1, 1, 2, 12]))
                ],
                "llm_response": "",
                "llm_raw_response": "",
            }
            for cache in open_slots
        ]
        played += sum(max(1, len(turn["actions"])) for turn in turns)
        open_slots = manager.step(turns)
        for entry in manager.envs:
            check_rules(entry["env"])
            assert entry["status"].num_actions <= 9
    metrics = manager.get_rollout_states()[0]["metrics"]
    assert {"WebShop/success", "WebShop/traj_sum/raw_reward", "WebShop/action_is_valid"} <= metrics.keys()


def test_actions_that_are_texts_reach_the_environment_as_they_are_and_in_their_mode():
    config = manager_config(groups=1, size=2)
    config.es_manager.val = config.es_manager.train
    manager = EnvStateManager(config, mode="val")
    manager.reset()
    expected = WebShopEnv(WebShopEnvConfig())
    expected.reset(seed=123, mode="val")
    assert [entry["env"].state for entry in manager.envs] == [expected.state] * 2
    turn = {"env_id": 1, "actions": ["search[RUG] !"], "llm_response": "", "llm_raw_response": ""}
    [cache] = manager.step([turn])
    expected.step("search[RUG] !")
    assert cache["history"][0]["actions"] == ["search[RUG] !"]
    assert cache["history"][1] == {"state": expected.render(), "actions_left": 8}
    assert cache["penalty"] == 0


def test_sessions_share_one_shop_and_never_meet():
    one, two = (WebShopEnv(WebShopEnvConfig()) for _ in range(2))
    assert one.pages is two.pages
    assert one.pages.shop is two.pages.shop
    one.reset(seed=1)
    two.reset(seed=1)
    start = two.state
    open_item(one)
    assert two.state == start
    assert WebShopEnv(WebShopEnvConfig(init_seed=1)).pages.shop is not one.pages.shop


def test_hundreds_of_sessions_take_next_to_no_memory_over_the_catalogue():
    first = WebShopEnv(WebShopEnvConfig())
    first.reset(seed=0)
    buy(first)
    gc.collect()
    tracemalloc.start()
    sessions = [WebShopEnv(WebShopEnvConfig()) for _ in range(500)]
    for seed, one in enumerate(sessions):
        one.reset(seed=seed)
        open_item(one)
        one.render()
    current, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sessions) == 500
    assert peak < 100 * 2**20, f"{current / 2**20:.0f} MB now, {peak / 2**20:.0f} MB at most"


def test_a_state_is_small_and_says_nothing_of_the_catalogue(env):
    open_item(env)
    assert len(pickle.dumps(env.state)) < 1000
