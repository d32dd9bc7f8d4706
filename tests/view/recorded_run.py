"""Run folders with recorded searches, written by hand: small trees whose every figure can be told by looking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

START = "######\n#P___#\n#_X__#\n#___O#\n######\n######"
NASTY = '</script><img src=x onerror="window.pwned=1"><!-- <script>window.pwned=2</script>'
CUSTOM = {
    "SimpleSokoban": {"env_type": "sokoban", "env_config": {"dim_x": 6}},
    "FrozenLake": {"env_type": "frozen_lake", "env_config": {"size": 4}},
    "WebShop": {"env_type": "webshop"},
    "Mine": {"env_type": "my_task"},
}


def node(
    number: int, parent: int, turn: int, fate: str = "pruned", *, slot: int = 0, reward: float = -0.1, **more: Any
) -> dict[str, Any]:
    """A recorded node that walked right, unless told otherwise."""
    response = more.pop("response", "<think>try</think><answer>Right</answer>")
    values = {
        "id": number,
        "parent": parent,
        "turn": turn,
        "slot": slot,
        "response": response,
        "raw_response": response,
        "redrawn": False,
        "tokens": 7,
        "actions": [4],
        "reward": reward,
        "penalty": 0.0,
        "score": reward,
        "accumulated": reward * turn,
        "done": False,
        "success": False,
        "fate": fate,
        "state": START,
    }
    return {**values, **more}


def record(nodes: list[dict[str, Any]], chosen: list[int], **more: Any) -> dict[str, Any]:
    """A recorded search."""
    return {
        "group": 0,
        "tag": "SimpleSokoban",
        "seed": 500000,
        "start": START,
        "chosen": chosen,
        "ledgers": [],
        "rerolled": None,
        "nodes": nodes,
        **more,
    }


def two_slots(response: str = "<think>solve</think><answer>Down</answer>") -> dict[str, Any]:
    """Slot 0 solves in its second turn, slot 1 stays where it is."""
    solved = {"reward": 10.0, "done": True, "success": True, "actions": [2], "response": response}
    nodes = [
        node(0, -1, 1, "chosen"),
        node(1, -1, 1, "pruned", reward=-0.3, response=response),
        node(2, -1, 1, "merged"),
        node(3, 0, 2, "chosen", **solved, state=START.replace("X", "_").replace("O", "√")),
        node(4, 0, 2, "pruned"),
        node(5, -1, 1, "chosen", slot=1),
        node(6, -1, 1, "pruned", slot=1),
        node(7, 6, 2, "pruned", slot=1),
        node(8, 5, 2, "chosen", slot=1, actions=[]),
    ]
    return record(nodes, [3, 8])


def wide(slots: int = 8, turns: int = 5, candidates: int = 4, beams: int = 2) -> dict[str, Any]:
    """A group of beam searches in which nothing ends early."""
    nodes: list[dict[str, Any]] = []
    chosen = []
    for slot in range(slots):
        beam = [-1]
        for turn in range(1, turns + 1):
            children = []
            for parent in beam:
                for _ in range(candidates):
                    children.append(len(nodes))
                    nodes.append(node(len(nodes), parent, turn, slot=slot))
            beam = children[:beams]
        leaf = beam[0]
        chosen.append(leaf)
        while leaf != -1:
            nodes[leaf]["fate"] = "chosen"
            leaf = nodes[leaf]["parent"]
    return record(nodes, chosen)


def write_run(folder: Path, steps: dict[int, list[dict[str, Any]]], method: str = "beam") -> Path:
    """A run folder with the given searches."""
    (folder / "rollouts").mkdir(parents=True)
    search = {"name": method, "M": 4, "B": 2, "record_groups": 2}
    (folder / "config.yaml").write_text(yaml.safe_dump({"search": search, "custom_envs": CUSTOM}))
    for step, records in steps.items():
        write_step(folder, step, records)
    return folder


def write_step(folder: Path, step: int, records: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(one) + "\n" for one in records)
    (folder / "rollouts" / f"step_{step:06d}.jsonl").write_text(lines)
