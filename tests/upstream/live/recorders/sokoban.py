"""Sokoban: upstream's rooms, texts, rewards and shortest paths, on its tasks' boards and on larger ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from recorders import Upstream

CASES = 120
LONGEST = 30
"""Actions of an episode."""
SOLVED_CELLS = 64
"""Boards up to this size, with at most two boxes, are given to upstream's breadth-first solver."""


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Half on the boards of upstream's tasks, half on boards of 4 to 12 rows and columns."""
    tags = {tag: entry for tag, entry in upstream.tags.items() if entry["env_type"] == "sokoban"}
    for number in range(count):
        tag = draw.choice(sorted(tags))
        overrides = {} if number % 2 else _workable_board(draw, upstream)
        if draw.random() < 0.2:
            overrides |= {"max_steps": draw.randint(1, 12)}
        env_config = {**(tags[tag]["env_config"] if number % 2 else {}), **overrides}
        config = {"tag": tag, "env_config": env_config, "overrides": overrides}
        config |= {"seed": draw.randrange(2**32), "mode": draw.choice(["train", "val"])}
        if error := upstream.first_error(env_config, config["seed"]):
            yield {"kind": "fallback_seed", "config": config, "first_attempt_error": error}
        else:
            yield _episode(draw, config, upstream)


def _workable_board(draw: random.Random, upstream: Upstream) -> dict[str, Any]:
    """A board on which upstream finds a room for some of ten seeds."""
    while True:
        board = _board(draw)
        if any(upstream.first_error(board, draw.randrange(2**32)) is None for _ in range(10)):
            return board


def _board(draw: random.Random) -> dict[str, Any]:
    rows, columns = draw.randint(4, 12), draw.randint(4, 12)
    boxes = draw.randint(1, 4)
    return {
        "dim_x": rows,
        "dim_y": columns,
        "num_boxes": boxes,
        "search_depth": draw.choice([5, 10, 30] if boxes > 1 else [5, 30, 100, 300]),
        "observation_format": draw.choice(["grid", "coord", "grid_coord"]),
    }


def _episode(draw: random.Random, config: dict[str, Any], upstream: Upstream) -> dict[str, Any]:
    from ragen.env.sokoban.config import SokobanEnvConfig
    from ragen.env.sokoban.env import SokobanEnv
    from ragen.env.sokoban.utils import get_shortest_action_path

    env = upstream.own(SokobanEnv)(SokobanEnvConfig(**config["env_config"]))
    observation = env.reset(seed=config["seed"], mode=config["mode"])
    case: dict[str, Any] = {"kind": "random", "config": config}
    case["reset"] = {"obs": observation, "room_fixed": env.room_fixed.copy(), "num_env_steps": env.num_env_steps}
    case["reset"] |= _state(env)
    path: list[int] = []
    if env.room_fixed.size <= SOLVED_CELLS and env.num_boxes <= 2:
        path = upstream.own(get_shortest_action_path)(env.room_fixed, env.room_state)
        case["shortest_path"] = path
    actions = _actions(draw, path)
    beyond = draw.randint(0, 4) if draw.random() < 0.3 else 0
    case["steps"] = []
    for action in actions:
        observation, reward, done, info = env.step(action)
        seen = {"action": action, "obs": observation, "reward": reward, "done": done, "info": info, **_state(env)}
        case["steps"].append(seen)
        if done and not beyond:
            break
        beyond -= done
    return case


def _actions(draw: random.Random, path: list[int]) -> list[int]:
    """The solution, followed or strayed from, or any actions: pushes and moves (1 to 4), moves only (5 to 8), none."""
    style = draw.random()
    if path and style < 0.4:
        return path + [draw.randint(1, 4) for _ in range(6)]
    if path and style < 0.6:
        strays = [draw.randint(1, 4) for _ in range(draw.randint(1, 3))]
        return (path[: draw.randint(0, len(path))] + strays + path)[:LONGEST]
    names = range(9) if style > 0.9 else range(1, 5)
    return [draw.choice(names) for _ in range(draw.randint(5, LONGEST))]


def _state(env: Any) -> dict[str, Any]:
    return {
        "room_state": env.room_state.copy(),
        "player_position": env.player_position.copy(),
        "boxes_on_target": env.boxes_on_target,
    }
