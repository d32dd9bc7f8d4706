"""WebShop's episodes: goals, pages, actions on offer, rewards and ``info``, exactly and with the same number types.

The catalogue is in the folder ``data`` beside the file; ``init_seed`` and ``shuffle_seed`` are each episode's own. In
an episode that searches for upstream's markers, those steps are compared with being ignored, and the pages that
upstream then shows are left out until both show the same one again; so are those after a step back that upstream
takes from another page than it shows.
"""

from __future__ import annotations

from typing import Any

from checks import Context, Departed, exact
from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig, session
from ragen_tsr.embedded.env.webshop.actions import read
from ragen_tsr.embedded.env.webshop.index import is_marker

DEPARTURES = {
    "markers are refused": (
        "upstream takes a search that begins with <r>, <q>, <c> or <a> for a command, or raises; here it is an "
        "action that is ignored. The rest of the episode is compared."
    ),
    "words are no addresses": (
        "after a search for search_results or item_page, upstream takes a product's page for another one and goes back "
        "too far, even to a page 0 of the list; here one goes back as always. The rest of the episode is compared."
    ),
}
_MARKERS, _ADDRESSES = DEPARTURES
_FOUND_FIRST = {session.ITEM: ("search_results",)} | dict.fromkeys(session.SUB_PAGES, ("search_results", "item_page"))
"""Names of pages that upstream looks for, in a page's address, before the page's own."""
_IGNORED = {
    "reward": 0.0,
    "raw_reward": 0,
    "action_is_effective": False,
    "action_is_valid": False,
    "success": 0,
    "success_purchase": 0,
    "success_find": 0,
}


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded episode and the embedded environment."""
    data = context.data / "data"
    env = WebShopEnv(
        WebShopEnvConfig(
            dataset="small",
            folder=str(data),
            init_seed=case["init_seed"],
            shuffle_seed=case["shuffle_seed"],
            wording=str(data / "wording.json"),
        )
    )
    found = _reset(env, "reset", case["reset"], case["seed"], case["mode"]) + _goal(env, case)
    together, departed = True, ""
    for number, step in enumerate(case["steps"]):
        where = f"steps[{number}]"
        if "reset" in step:
            found += _reset(env, where, step, **step["reset"])
            together = True
            continue
        refused = bool(case.get("upstream_bug")) and _is_marker_search(step["action"])
        misread = bool(case.get("upstream_bug")) and _is_misread(env, step["action"])
        page = env.observation
        observation, reward, done, info = env.step(step["action"])
        if refused:
            departed = _MARKERS
            found += exact(f"{where}.observation (refused)", observation, page)
            found += exact(f"{where}.info (refused)", {key: info[key] for key in _IGNORED}, _IGNORED)
            together &= "raised" in step
            continue
        if misread:
            departed, together = _ADDRESSES, False
            continue
        seen = {
            "action": step["action"],
            "reward": reward,
            "raw_reward": info["raw_reward"],
            "done": done,
            "info": info,
        }
        seen |= _seen(env) | {"observation": observation}
        if together:
            found += [line for key, value in step.items() for line in exact(f"{where}.{key}", seen[key], value)]
        together |= all(seen[key] == step[key] for key in ("observation", "available_actions"))
    if departed and not found:
        raise Departed(departed)
    return found


def _seen(env: WebShopEnv) -> dict[str, Any]:
    return {"available_actions": env.get_available_actions(), "render": env.render()}


def _reset(env: WebShopEnv, where: str, recorded: dict[str, Any], seed: int, mode: str) -> list[str]:
    seen = {"returned": env.reset(seed=seed, mode=mode), "reset": {"seed": seed, "mode": mode}, **_seen(env)}
    seen["observation"] = env.observation
    return [line for key, value in recorded.items() for line in exact(f"{where}.{key}", seen[key], value)]


def _goal(env: WebShopEnv, case: dict[str, Any]) -> list[str]:
    goal, shop = env.goal, env.pages.shop
    seen = {
        "asin": goal.asin,
        "name": goal.title,
        "category": goal.category,
        "query": goal.query,
        "product_category": goal.product_category,
        "attributes": goal.attributes,
        "goal_options": dict(goal.options),
        "price_upper": goal.price_upper,
    }
    return [
        *exact("goal_index", goal.index, case["goal_index"]),
        *exact("goal", seen, case["goal"]),
        *exact("goal_product_price", shop.prices[shop.catalogue.place(goal.asin)], case["goal_product_price"]),
        *exact("instruction", goal.instruction, case["instruction"]),
    ]


def _is_marker_search(text: str) -> bool:
    name, argument = read(text)
    return name == "search" and argument is not None and is_marker(argument)


def _is_misread(env: WebShopEnv, text: str) -> bool:
    """Whether upstream, going back, takes the page for another one, since its address holds the words searched for."""
    going_back = read(text) == ("click", "< prev")
    return going_back and any(name in env.state.words for name in _FOUND_FIRST.get(env.state.kind, ()))
