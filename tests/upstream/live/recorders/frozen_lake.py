"""FrozenLake: upstream's maps, slips, texts and rewards."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from recorders import Upstream

CASES = 150
LONGEST = 40
"""Actions of a walk."""


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Walks on lakes of 2 to 10 rows, slippery or not, at several chances of going where one meant to."""
    for _ in range(count):
        config = {"env_config": _lake(draw), "seed": draw.randrange(2**32), "mode": draw.choice(["train", "val"])}
        config["actions"] = [draw.randint(1, 4) for _ in range(draw.randint(5, LONGEST))]
        beyond = draw.randint(0, 3)
        env = _environment(config["env_config"], upstream)
        walk = _walk(env, config, beyond)
        again = _walk(env, config, beyond)
        yield {"kind": "random", "config": config, **walk, "same_seed_repeats_slips": walk == again}


def _lake(draw: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {"observation_format": draw.choice(["grid", "coord", "grid_coord"])}
    if draw.random() < 0.7:
        settings |= {"size": draw.randint(2, 10), "p": draw.choice([0.6, 0.75, 0.8, 0.9, 1.0])}
    if draw.random() < 0.8:
        settings["success_rate"] = draw.choice([0.0, 1 / 3, 0.5, 0.8, 0.95, 1.0, round(draw.random(), 3)])
    if draw.random() < 0.3:
        settings["is_slippery"] = draw.random() < 0.5
    return settings


def _environment(settings: dict[str, Any], upstream: Upstream) -> Any:
    from ragen.env.frozen_lake.config import FrozenLakeEnvConfig
    from ragen.env.frozen_lake.env import FrozenLakeEnv

    return upstream.own(FrozenLakeEnv)(FrozenLakeEnvConfig(**settings))


def _walk(env: Any, config: dict[str, Any], beyond: int) -> dict[str, Any]:
    """The walk until it is over, and ``beyond`` steps after that."""
    observation = env.reset(seed=config["seed"], mode=config["mode"])
    reset = {"obs": observation, "desc": [b"".join(row).decode() for row in env.desc], **_place(env)}
    walk: dict[str, Any] = {"reset": reset, "steps": [], "after_done": []}
    over = False
    for action in config["actions"]:
        part = walk["after_done"] if over else walk["steps"]
        if len(walk["after_done"]) == beyond and over:
            break
        number = copy.deepcopy(env.np_random).random()
        observation, reward, done, info = env.step(action)
        part.append({"action": action, "u": number, "obs": observation, "reward": reward, "done": done, "info": info})
        part[-1] |= _place(env)
        over = over or done
    return walk


def _place(env: Any) -> dict[str, Any]:
    return {"state": int(env.s), "player_pos": [int(n) for n in env.player_pos]}
