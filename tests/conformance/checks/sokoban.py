"""Sokoban: rooms, texts, rewards and shortest paths, exactly and with the same number types.

Of a seed that gives no room at the first attempt only that attempt's error is compared: what upstream does
next depends on the process (``hash(str)``). That ours then gives a room, and always the same, is checked too.
"""

from __future__ import annotations

import re
from typing import Any

from checks import Context, exact
from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS, REGISTERED_ENVS
from ragen_tsr.embedded.env.sokoban import SokobanEnv, get_shortest_action_path
from ragen_tsr.embedded.env.sokoban.room import RoomError, TooFewFloorsError, generate_level

NUMBERED = ("grid_lookup", "action_lookup")
"""Settings whose keys are numbers, which JSON has written as text."""


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded case and the embedded environment."""
    if "error" in case:
        return _check_error(case)
    env = _environment(case["config"])
    if case["kind"] == "fallback_seed":
        return _check_fallback(env, case)
    return _check_episode(env, case)


def _environment(config: dict[str, Any]) -> SokobanEnv:
    arguments = dict(config["env_config"])
    for name in NUMBERED:
        if name in arguments:
            arguments[name] = {int(code): text for code, text in arguments[name].items()}
    return REGISTERED_ENVS["sokoban"](REGISTERED_ENV_CONFIGS["sokoban"](**arguments))


def _check_episode(env: SokobanEnv, case: dict[str, Any]) -> list[str]:
    config = case["config"]
    observation = env.reset(seed=config["seed"], mode=config["mode"])
    found = _compare("reset", _seen(env, obs=observation, room_fixed=env.room_fixed), case["reset"])
    if "shortest_path" in case:
        path = get_shortest_action_path(env.room_fixed, env.room_state)
        found += exact("shortest_path", path, case["shortest_path"])
    for number, step in enumerate(case["steps"]):
        observation, reward, done, info = env.step(step["action"])
        seen = _seen(env, action=step["action"], obs=observation, reward=reward, done=done, info=info)
        found += _compare(f"steps[{number}]", seen, step)
    return found


def _seen(env: SokobanEnv, **more: Any) -> dict[str, Any]:
    return {
        "room_state": env.room_state,
        "player_position": env.player_position,
        "boxes_on_target": env.boxes_on_target,
        "num_env_steps": env.num_env_steps,
        **more,
    }


def _compare(where: str, seen: dict[str, Any], recorded: dict[str, Any]) -> list[str]:
    return [line for key, value in recorded.items() for line in exact(f"{where}.{key}", seen[key], value)]


def _check_fallback(env: SokobanEnv, case: dict[str, Any]) -> list[str]:
    seed = case["config"]["seed"]
    recorded_type, _, message = case["first_attempt_error"].partition(": ")
    try:
        generate_level(env.rules, seed)
    except RoomError as error:
        types = [base.__name__ for base in type(error).__mro__]
        found = [] if recorded_type in types else [f"first_attempt_error: {types}, recorded {recorded_type}"]
        if isinstance(error, TooFewFloorsError):
            counts = [error.floors, 1, error.num_boxes]
            found += exact("first_attempt_error", counts, [int(n) for n in re.findall(r"\d+", message)])
    else:
        return [f"first_attempt_error: a room, recorded {case['first_attempt_error']}"]
    if env.reset(seed=seed) != _environment(case["config"]).reset(seed=seed):
        found.append("reset: two environments retry this seed differently")
    return found


def _check_error(case: dict[str, Any]) -> list[str]:
    try:
        _check_episode(_environment(case["config"]), {"reset": {}, "steps": [], **case})
    except Exception as error:  # noqa: BLE001 (the type is what is compared)
        types = [base.__name__ for base in type(error).__mro__]
        return [] if case["error"] in types else [f"error: {types[0]}, recorded {case['error']}"]
    return [f"error: none, recorded {case['error']}"]
