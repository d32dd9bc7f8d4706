"""Environment manager: seeds, histories, statuses and metrics over several rollouts of upstream's tasks."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from omegaconf import OmegaConf

from recorders import Upstream
from recorders.scripts import action_names, manager_config

CASES = 40
TURNS = 6
ROLLOUTS = 3


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Two or three rollouts of one manager: in any order of slots, not always all of those that are live."""
    from ragen.llm_agent.es_manager import EnvStateManager

    for _ in range(count):
        mode = draw.choice(["train", "train", "val"])
        config = manager_config(draw, upstream, mode=mode, rollouts=ROLLOUTS, most_slots=10)
        config.pop("tokenizer")
        manager = upstream.own(EnvStateManager)(OmegaConf.create(config), mode=mode)
        script = []
        for rollout in range(draw.randint(2, ROLLOUTS)):
            seed = config["seed"][mode] + draw.randint(0, 1) if rollout and draw.random() < 0.3 else None
            script += _rollout(draw, manager, seed)
        manager.close()
        yield {"config": config, "script": script}


def _rollout(draw: random.Random, manager: Any, seed: int | None) -> Iterator[dict[str, Any]]:
    outputs = manager.reset(seed=seed)
    counters = {"seed_counter_after": manager.seed_counter, "base_seed": manager.base_seed}
    yield {"op": "reset", "seed": seed, **_seen(manager, outputs), **counters}
    live = [output["env_id"] for output in outputs]
    for _ in range(draw.randint(1, TURNS)):
        if not live:
            break
        chosen = draw.sample(live, draw.randint(1, len(live)) if draw.random() < 0.3 else len(live))
        inputs = [_turn(draw, env_id) for env_id in chosen]
        outputs = manager.step(copy.deepcopy(inputs))
        yield {"op": "step", "inputs": inputs, **_seen(manager, outputs)}
        live = [env_id for env_id in live if env_id not in chosen] + [output["env_id"] for output in outputs]
    if all(len(state["history"]) > 1 for state in manager.rollout_cache):
        yield {"op": "get_rollout_states", "rollout_states": copy.deepcopy(manager.get_rollout_states())}


def _turn(draw: random.Random, env_id: int) -> dict[str, Any]:
    actions = action_names(draw)
    text = f"<answer>{' || '.join(actions)}</answer>"
    return {"env_id": env_id, "llm_raw_response": text, "llm_response": text.lower(), "actions": actions}


def _seen(manager: Any, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    statuses = [{"env_id": entry["env_id"], **asdict(entry["status"])} for entry in manager.envs]
    return {"env_outputs": copy.deepcopy(outputs), "statuses": statuses}
