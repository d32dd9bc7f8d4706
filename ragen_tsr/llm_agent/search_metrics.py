"""What a rollout with search reports: its ledger, and how far the chosen trajectories are from the policy's
samples.

Selected actions are no longer samples of the policy. Each ``*/sampled`` figure therefore stands beside its
``*/committed`` one: "sampled" is what an agent would see that, at each turn, took one of the sampled turns
at random; for ``none`` the two are equal. Nor are they samples of the noise: ``*/rerolled`` is what the
committed trajectories' turns gave when they were played again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ragen_tsr.llm_agent.reroll import Rerolled
from ragen_tsr.search import Ledger, Node, distinct_trajectories, path
from ragen_tsr.search.sampled import running_sums

PREFIX = "search/"


def search_metrics(
    chosen: Sequence[Sequence[Node]], sampled: Sequence[Sequence[Node]], ledger: Ledger
) -> dict[str, float]:
    """Metrics of one rollout, keys beginning with ``search/``.

    Args:
        chosen: Per group the committed leaves.
        sampled: Per group all nodes that were sampled.
        ledger: The rollout's ledger.
    """
    leaves = [leaf for group in chosen for leaf in group]
    committed_turns = [node for leaf in leaves for node in path(leaf)[1:]]
    sampled_turns = [node for group in sampled for node in group]
    committed_return = _mean(leaf.return_ for leaf in leaves)
    sampled_return = _mean(_at_random(group, lambda node: node.reward) for group in sampled)
    metrics = {
        "return/committed": committed_return,
        "return/sampled": sampled_return,
        "return/gap": committed_return - sampled_return,
        "success/committed": _mean(leaf.success for leaf in leaves),
        "success/sampled": _mean(_at_random(group, lambda node: node.success) for group in sampled),
        "valid_rate/committed": _mean(_is_valid(node) for node in committed_turns),
        "valid_rate/sampled": _mean(_is_valid(node) for node in sampled_turns),
        "actions_per_turn/committed": _mean(_actions(node) for node in committed_turns),
        "actions_per_turn/sampled": _mean(_actions(node) for node in sampled_turns),
        "turns/committed": _mean(leaf.depth for leaf in leaves),
        "distinct_trajectories": _mean(distinct_trajectories(group) for group in chosen),
    }
    return {PREFIX + key: value for key, value in metrics.items()} | ledger.metrics(PREFIX)


def reroll_metrics(rerolled: Sequence[Sequence[Rerolled]] | None, seconds: float) -> dict[str, float]:
    """Metrics of playing the committed trajectories again; none if that was not done or cannot be.

    Args:
        rerolled: Per slot its outcomes: means are over outcomes, then over slots.
        seconds: What it took.
    """
    if rerolled is None:
        return {}
    metrics = {
        "return/rerolled": _mean(_mean(outcome.return_ for outcome in slot) for slot in rerolled),
        "success/rerolled": _mean(_mean(outcome.success for outcome in slot) for slot in rerolled),
        "reroll_env_steps": sum(outcome.env_steps for slot in rerolled for outcome in slot),
        "seconds/reroll": seconds,
    }
    return {PREFIX + key: value for key, value in metrics.items()}


def _at_random(nodes: Sequence[Node], value: Callable[[Node], float]) -> float:
    """What an agent sees that takes one of the sampled turns at random; 0 where none was sampled."""
    return next(reversed(running_sums((node.depth, node.done, float(value(node))) for node in nodes)), 0.0)


def _is_valid(node: Node) -> bool:
    """The turn incurred no format penalty."""
    return bool(node.payload.turn_penalty == 0)


def _actions(node: Node) -> int:
    return len(node.payload.last_turn["actions"])


def _mean(values: Iterable[Any]) -> float:
    numbers = [float(value) for value in values]
    return sum(numbers) / len(numbers) if numbers else 0.0


def search_record(
    group: int,
    chosen: Sequence[Node],
    nodes: Sequence[Node],
    ledgers: Mapping[int, Ledger],
    rerolled: Sequence[Sequence[Rerolled]] | None,
) -> dict[str, Any]:
    """One group's search as a JSON-serialisable tree: every node with its turn, score, costs and fate.

    ``nodes[i]["parent"]`` is the ``id`` of the parent, -1 the start state; ``chosen[i]`` the leaf committed
    to slot i; ``ledgers[i]`` what the search of slot i cost; ``rerolled[i]`` the mean return and success of
    slot i's trajectory when it was played again (null: it was not).
    """
    ids = {id(node): number for number, node in enumerate(nodes)}
    root = nodes[0].payload
    return {
        "group": group,
        "tag": root.cache["tag"],
        "seed": root.status.seed,
        "start": root.cache["history"][0]["state"],
        "chosen": [ids[id(leaf)] for leaf in chosen],
        "ledgers": [ledgers[slot].counts() for slot in sorted(ledgers)],
        "rerolled": None if rerolled is None else [_rerolled_record(slot) for slot in rerolled],
        "nodes": [_node_record(node, ids) for node in nodes],
    }


def _rerolled_record(outcomes: Sequence[Rerolled]) -> dict[str, float]:
    return {
        "return": _mean(outcome.return_ for outcome in outcomes),
        "success": _mean(outcome.success for outcome in outcomes),
    }


def _node_record(node: Node, ids: dict[int, int]) -> dict[str, Any]:
    turn = node.payload.last_turn
    return {
        "id": ids[id(node)],
        "parent": ids.get(id(node.parent), -1),
        "turn": node.depth,
        "slot": node.slot,
        "response": turn["llm_response"],
        "raw_response": turn["llm_raw_response"],
        "redrawn": node.payload.redrawn,
        "tokens": node.payload.response_tokens,
        "actions": [int(action) if isinstance(action, int) else str(action) for action in turn["actions"]],
        "reward": float(node.reward),
        "penalty": float(node.payload.turn_penalty),
        "score": node.score,
        "accumulated": node.accumulated,
        "done": node.done,
        "success": node.success,
        "fate": node.fate.value,
        "state": node.payload.state,
    }
