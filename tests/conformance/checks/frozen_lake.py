"""FrozenLake: maps, slips, texts and rewards, exactly and with the same number types."""

from __future__ import annotations

from typing import Any

from checks import Context, exact
from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS, REGISTERED_ENVS
from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv

FIELDS = {
    "desc": lambda env: [b"".join(row).decode() for row in env.desc],
    "state": lambda env: env.s,
    "player_pos": lambda env: env.player_pos,
}


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded case and the embedded environment."""
    config = case["config"]
    env = REGISTERED_ENVS["frozen_lake"](REGISTERED_ENV_CONFIGS["frozen_lake"](**config["env_config"]))
    found = _play(env, case)
    if case["same_seed_repeats_slips"]:
        found += [f"again on the same object: {line}" for line in _play(env, case)]
    return found


def _play(env: FrozenLakeEnv, case: dict[str, Any]) -> list[str]:
    config = case["config"]
    observation = env.reset(seed=config["seed"], mode=config["mode"])
    found = _compare("reset", env, case["reset"], {"obs": observation})
    for part in ("steps", "after_done"):
        for number, step in enumerate(case.get(part, [])):
            before = env.state
            observation, reward, done, info = env.step(step["action"])
            seen = {"action": step["action"], "u": before.noise[before.draws]}
            seen |= {"obs": observation, "reward": reward, "done": done, "info": info}
            found += _compare(f"{part}[{number}]", env, step, seen)
    return found


def _compare(where: str, env: FrozenLakeEnv, recorded: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    return [
        line
        for key, value in recorded.items()
        for line in exact(f"{where}.{key}", seen[key] if key in seen else FIELDS[key](env), value)
    ]
