"""Checks ``es_manager.jsonl``: a script of resets and steps applied to one manager."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, OmegaConf

from checks import Context, NotRun, exact
from ragen_tsr.embedded.env import REGISTERED_ENVS
from ragen_tsr.embedded.llm_agent.es_manager import EnvStateManager


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Compare exactly, types included."""
    for env in case["config"]["custom_envs"].values():
        if env["env_type"] not in REGISTERED_ENVS:
            raise NotRun(f"env type {env['env_type']} is not registered")
    manager = EnvStateManager(manager_config(case["config"]), mode=case["config"]["mode"])
    found: list[str] = []
    for i, step in enumerate(case["script"]):
        where = f"script[{i}]({step['op']})"
        if step["op"] == "get_rollout_states":
            found += exact(f"{where}.rollout_states", manager.get_rollout_states(), step["rollout_states"])
            continue
        if step["op"] == "reset":
            outputs = manager.reset(seed=step["seed"])
            found += exact(f"{where}.seed_counter", manager.seed_counter, step["seed_counter_after"])
            found += exact(f"{where}.base_seed", manager.base_seed, step["base_seed"])
        else:
            outputs = manager.step(step["inputs"])
        statuses = [{"env_id": entry["env_id"], **asdict(entry["status"])} for entry in manager.envs]
        found += exact(f"{where}.env_outputs", outputs, step["env_outputs"])
        found += exact(f"{where}.statuses", statuses, step["statuses"])
    manager.close()
    return found


def manager_config(config: dict[str, Any]) -> DictConfig:
    """A recorded ``config`` as the managers take it: JSON's string keys of ``grid_lookup`` are integers
    again.
    """
    tags = {
        tag: env
        | (
            {"env_config": env["env_config"] | {"grid_lookup": {int(k): v for k, v in lookup.items()}}}
            if (lookup := (env.get("env_config") or {}).get("grid_lookup"))
            else {}
        )
        for tag, env in config["custom_envs"].items()
    }
    return OmegaConf.create(config | {"custom_envs": tags})
