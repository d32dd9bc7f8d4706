"""WebShop's episodes: goals, pages, actions on offer, rewards and ``info``, exactly and with the same number types.

The catalogue is in the folder ``data`` beside the file; ``init_seed`` and ``shuffle_seed`` are each episode's own. In
an episode that searches for upstream's markers, those steps are compared with being ignored, and the pages that
upstream then shows are left out until both show the same one again.
"""

from __future__ import annotations

from typing import Any

from checks import Context, Departed, exact
from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig
from ragen_tsr.embedded.env.webshop.actions import read
from ragen_tsr.embedded.env.webshop.index import is_marker

DEPARTURES = {
    "markers are refused": (
        "upstream takes a search that begins with <r>, <q>, <c> or <a> for a command, or raises; here it is an "
        "action that is ignored. The rest of the episode is compared."
    ),
}
(_MARKERS,) = DEPARTURES
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
    together, departed = True, False
    for number, step in enumerate(case["steps"]):
        where = f"steps[{number}]"
        if "reset" in step:
            found += _reset(env, where, step, **step["reset"])
            together = True
            continue
        refused = bool(case.get("upstream_bug")) and _is_marker_search(step["action"])
        page = env.observation
        observation, reward, done, info = env.step(step["action"])
        if refused:
            departed = True
            found += exact(f"{where}.observation (refused)", observation, page)
            found += exact(f"{where}.info (refused)", {key: info[key] for key in _IGNORED}, _IGNORED)
            together &= "raised" in step
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
        raise Departed(_MARKERS)
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
