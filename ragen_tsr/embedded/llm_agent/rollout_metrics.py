"""Numbers about episodes: per slot, per group, and over the whole rollout.

Decides what is counted and how it is averaged, with upstream's names (``tag/success``, ``tag/pass@16``,
``tag/non-zero/...``). Leaves to the trainer how they are logged.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

WEBSHOP_TURN_METRICS = frozenset({"action_is_effective", "action_is_valid", "end_of_page"})
"""Of a web shop's numbers only these are averaged over turns; the others are summed, as ``traj_sum/name``."""


def add_episode_metrics(state: dict[str, Any], status: Any) -> None:
    """Put ``metrics`` into a slot's rollout state, and what they come from into its last history entry.

    Numbers in the turns' ``info`` are summed over the turns that have them and divided by the number of all
    turns; ``success`` is taken from ``status`` instead. What is not a number is left out with a warning.
    ``episodic_return`` sums ``raw_reward``, which is 0.0 for environments that do not report it: it is not
    the return.
    """
    history, tag = state["history"], state["tag"]
    turns = history[:-1]
    by_name: dict[str, list[float]] = {}
    for entry in history:
        for name, value in entry.get("info", {}).items():
            if name != "success":
                _append_number(by_name.setdefault(name, []), name, value, tag)
    metrics: dict[str, Any] = {
        "success": float(status.terminated and not status.truncated),
        "num_actions": status.num_actions,
    }
    if "raw_reward" in by_name:
        metrics["episodic_return"] = float(np.sum(by_name["raw_reward"]))
    web_shop = "webshop" in tag.lower()
    for name, values in by_name.items():
        if web_shop and name not in WEBSHOP_TURN_METRICS:
            metrics[f"traj_sum/{name}"] = float(np.sum(values))
        else:
            metrics[name] = float(np.sum(values) / len(turns))
    if by_name.get("score"):
        metrics["final_score"] = by_name["score"][-1]
    history[-1]["metrics"] = by_name
    state["metrics"] = {f"{tag}/{name}": value for name, value in metrics.items()}


def _append_number(values: list[float], name: str, value: Any, tag: str) -> None:
    try:
        values.append(float(value))
    except (TypeError, ValueError):
        logger.warning("metric %r of env %s is not a number and is left out: %r", name, tag, value)


def add_group_metrics(states: Sequence[dict[str, Any]], group_size: int) -> None:
    """Add ``tag/pass@<group_size>`` to every slot: 1.0 if any slot of its group succeeded, else 0.0."""
    passed: dict[Any, bool] = defaultdict(bool)
    for state in states:
        passed[state["group_id"]] |= bool(state["metrics"][f"{state['tag']}/success"])
    for state in states:
        state["metrics"][f"{state['tag']}/pass@{group_size}"] = float(passed[state["group_id"]])


def batch_metrics(
    states: Sequence[Mapping[str, Any]], slots_of_tag: Mapping[str, int], response_length: float
) -> dict[str, Any]:
    """Metrics of a rollout.

    Args:
        states: Rollout states with ``metrics``.
        slots_of_tag: How many slots each tag has (groups x group size): what sums are divided by, whatever
            was given.
        response_length: Mean number of tokens in the responses of a row; becomes ``response_length``.

    Returns:
        Every metric summed over the states and divided by its tag's slots; under ``tag/non-zero/name`` the
        mean of the values that are not 0, if there are any; ``charts/avg_episode_return``.
    """
    values: dict[str, list[float]] = {}
    for state in states:
        for key, value in state.get("metrics", {}).items():
            values.setdefault(key, []).append(value)
    means: dict[str, Any] = {
        key: np.sum(numbers) / slots_of_tag.get(key.split("/")[0], 1) for key, numbers in values.items()
    }
    returns = [float(mean) for key, mean in means.items() if key.endswith("/episodic_return")]
    if returns:
        means["charts/avg_episode_return"] = float(np.mean(returns))
    for key, numbers in values.items():
        tag, name = key.split("/", 1)
        if non_zero := [number for number in numbers if number != 0]:
            means[f"{tag}/non-zero/{name}"] = np.mean(non_zero)
    means["response_length"] = response_length
    return means
