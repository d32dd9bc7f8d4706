"""A finished episode as a record that a person can read, one JSON line.

Decides what is told of an episode: where it began, every turn with what was answered and what came of it, and what
it cost. Leaves to others which episodes are recorded, and where to: training's validations
(:mod:`ragen_tsr.trainer.agent_trainer`) and :mod:`ragen_tsr.evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragen_tsr.llm_agent.es_manager import Branch
from ragen_tsr.search import Node, path

Record = dict[str, Any]


def episode_records(chosen: Sequence[Sequence[Node]], starts: Sequence[Node]) -> list[Record]:
    """The records of all slots, in slot order.

    Args:
        chosen: Per group the leaves of its slots.
        starts: Per group its root, whose payload is the tuple of its slots.
    """
    return [
        episode_record(root.payload[slot], leaf)
        for root, leaves in zip(starts, chosen, strict=True)
        for slot, leaf in enumerate(leaves)
    ]


def episode_record(start: Branch, leaf: Node) -> Record:
    """What became of the episode that began at ``start`` and ended at ``leaf``.

    Returns:
        ``index`` (place in the prompt set, from 0), ``seed``, ``tag``, ``start`` (what the player is shown first);
        ``success``, ``return`` (the environment's rewards summed), ``score`` (with format penalties: what training
        learns from); ``turns``, ``actions`` (single actions executed), ``valid_turns`` (turns without a format
        penalty), ``prompt_tokens`` and ``response_tokens`` summed over the turns,
        ``neg_log_prob`` (-log p of the responses, summed over their tokens, in nats; null where the worker reports
        none) and ``log_prob_tokens`` (of how many); ``history``, an entry per turn with ``state``, ``response`` (as
        it was generated, with the opening tag that the prompt ended with), ``answer`` (what is kept of it),
        ``actions``, ``reward``, ``penalty``, ``tokens``; ``final_state``.
    """
    turns: list[Branch] = [node.payload for node in path(leaf)[1:]]
    end = turns[-1] if turns else start
    known = [turn for turn in turns if turn.neg_log_prob is not None]
    return {
        "index": int(start.env_id),
        "seed": int(start.status.seed),
        "tag": start.cache["tag"],
        "start": start.state,
        "success": end.success,
        "return": float(sum(end.status.rewards)),
        "score": float(sum(end.status.rewards) + end.cache["penalty"]),
        "turns": len(turns),
        "actions": int(end.status.num_actions),
        "valid_turns": sum(turn.turn_penalty == 0 for turn in turns),
        "prompt_tokens": sum(turn.prompt_tokens for turn in turns),
        "response_tokens": sum(turn.response_tokens for turn in turns),
        "neg_log_prob": sum(turn.neg_log_prob or 0.0 for turn in known) if known else None,
        "log_prob_tokens": sum(turn.response_tokens for turn in known),
        "history": [_turn(before, after) for before, after in zip([start, *turns[:-1]], turns, strict=True)],
        "final_state": end.state,
    }


def _turn(before: Branch, after: Branch) -> Record:
    entry = after.last_turn
    return {
        "state": before.state,
        "response": entry["llm_raw_response"],
        "answer": entry["llm_response"],
        "actions": [int(action) if isinstance(action, int) else str(action) for action in entry["actions"]],
        "reward": float(entry["reward"]),
        "penalty": float(after.turn_penalty),
        "tokens": int(after.response_tokens),
    }
