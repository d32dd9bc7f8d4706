"""Configurations and made-up responses that the recorders of managers, prompts and parsing share."""

from __future__ import annotations

import copy
import random
from typing import Any

from recorders import TOKENIZER, Upstream

THOUGHTS = ("", "go left", "the box is\nbelow me", "  spaces  ", "思考 √", "2 < 3 and 5 > 4", "a {brace} %s", "\t")
NOISE = ("<think>", "</think>", "<answer>", "</answer>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "\n", " ")
SEPARATORS = ("||", "||", "||", "|", ",", ";;")


def manager_config(
    draw: random.Random, upstream: Upstream, *, mode: str, rollouts: int = 1, most_slots: int = 8
) -> dict[str, Any]:
    """Everything that the two managers read, with one to three of upstream's tasks.

    Args:
        rollouts: So many rollouts' seeds, from the base seed on, give a room without a retry.
        most_slots: Upper bound on the slots, unless every tag's one group has more.
    """
    tags = draw.sample(sorted(upstream.tags), draw.randint(1, 3))
    tasks = {tag: _task(draw, upstream.tags[tag]) for tag in tags}
    size = draw.randint(1, 4)
    counts = [draw.randint(1, max(1, min(3, most_slots // (size * len(tags))))) for _ in tags]
    groups = {"env_groups": sum(counts), "group_size": size, "env_configs": {"tags": tags, "n_groups": counts}}
    seed = upstream.seed_without_retry(draw, list(tasks.values()), rollouts * sum(counts))
    window = draw.choice([-1, 1, 2, 3])
    return {
        "mode": mode,
        "seed": {mode: seed},
        "es_manager": {"format_penalty": draw.choice([-0.1, -0.1, 0, -0.25]), mode: groups},
        "agent_proxy": {
            "context_window_mode": draw.choice(["full", "limited_multi_turn", "single_turn"]),
            "max_context_window": window,
            "action_sep": draw.choice(SEPARATORS),
            "max_actions_per_turn": draw.randint(1, 6),
            "use_turn_scores": False,
            "enable_think": draw.random() < 0.7,
            "reward_normalization": {
                "grouping": draw.choice(["state", "inductive", "batch"]),
                "method": draw.choice(["identity", "mean", "mean_std", "asym_clip"]),
            },
        },
        "actor_rollout_ref": {"rollout": {"max_model_len": None, "response_length": draw.randint(10, 400)}},
        "enable_response_mask": draw.random() < 0.7,
        "collapse_detection": {"first_turn_enabled": False, "multi_turn_enabled": False},
        "custom_envs": tasks,
        "tokenizer": TOKENIZER,
    }


def _task(draw: random.Random, entry: dict[str, Any]) -> dict[str, Any]:
    task = copy.deepcopy(entry) | {"max_actions_per_traj": draw.randint(2, 12)}
    if draw.random() < 0.3:
        del task["max_tokens"]
    if entry["env_type"] == "sokoban" and draw.random() < 0.3:
        task["env_config"]["max_steps"] = draw.randint(1, 8)
    if entry["env_type"] == "frozen_lake" and draw.random() < 0.5:
        task["env_config"] |= {"size": draw.randint(2, 6), "success_rate": draw.choice([1 / 3, 1.0])}
    return task


def action_names(draw: random.Random, most: int = 7) -> list[str]:
    """Names of moves in several spellings, and words that are none."""
    words = ("Up", "Down", "Left", "Right")
    names = [draw.choice(words) for _ in range(draw.randint(0, most))]
    for index, name in enumerate(names):
        if draw.random() < 0.15:
            names[index] = draw.choice([name.lower(), name.upper(), f" {name}", f"{name}.", "jump", "1", "", "Ünder"])
    return names


def response(draw: random.Random, config: dict[str, Any], *, wild: float) -> str:
    """What a policy might write after the opening tag; with probability ``wild`` tags and special tokens stray in."""
    proxy = config["agent_proxy"]
    separator = draw.choice([f" {proxy['action_sep']} ", proxy["action_sep"]])
    answer = separator.join(action_names(draw))
    text = f"{answer}</answer>"
    if proxy["enable_think"]:
        text = f"{draw.choice(THOUGHTS)}</think>{draw.choice(['', ' ', chr(10)])}<answer>{text}"
    if draw.random() < wild:
        for _ in range(draw.randint(1, 4)):
            at = draw.randint(0, len(text))
            text = text[:at] + draw.choice(NOISE) + text[at:]
    if draw.random() < 0.08:
        text = text[: draw.randint(0, len(text))]
    return text + draw.choice(["", "", "", " and more"])
