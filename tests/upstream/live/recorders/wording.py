"""Upstream's sentences as a wording of this project, read off what upstream builds.

The context manager and its memory are given marks for everything that a sentence is filled with; the text around the
marks is the sentence. So no sentence of upstream stands in this repository, and one that changes is noticed.
"""

from __future__ import annotations

import re
from typing import Any

from omegaconf import OmegaConf

from recorders import Upstream

_PAST = re.compile(
    r"(?P<single_turn_summary>.*?)"
    r"(?P<single_turn_past_state>[^\n]*70001[^\n]*\nSTATE1\n)"
    r"(?P<single_turn_past_action>[^\n]*70001[^\n]*RESPONSE1\n)"
    r"(?P<single_turn_past_reward>[^\n]*70001[^\n]*REWARD1\n)"
    r"(?P<single_turn_past_end>.*?)"
    r"[^\n]*70002[^\n]*\nSTATE2\n.*REWARD2\n(?P=single_turn_past_end)"
    r"(?P<current>.*)",
    re.DOTALL,
)
"""What a prompt of mode ``single_turn`` tells of turns 70001 and 70002, and its present turn."""


def wording(upstream: Upstream) -> dict[str, str]:
    """A sentence for every key of a wording (``ragen_tsr.embedded.llm_agent.wording``).

    Raises:
        ValueError: What upstream builds is not laid out as the wording's keys are.
    """
    think, plain = _manager(upstream, True), _manager(upstream, False)
    format_think, length = think._build_format_prompt(0)
    format_answer, _ = plain._build_format_prompt(0)
    prefix = think.prefix_lookup
    symbols = _after(prefix[0], "INSTRUCTION")
    pair = between("SYMBOL1", symbols, "MEANING1")
    joiner = between("MEANING1", symbols, "SYMBOL2")
    pairs = f"SYMBOL1{pair}MEANING1{joiner}SYMBOL2{pair}MEANING2"
    names, limit = _split(_after(prefix[2], "INSTRUCTION"), "ACTION2")
    turn = {"state": "STATE", "actions_left": "LEFT", "manager_invalid_action": True}
    told = think._build_turn_state_content(turn, "TURN", 0, include_warning=True)
    quiet = think._build_turn_state_content(turn, "TURN", 0, include_warning=False)
    warning = _added(told, quiet)
    fills = {"TURN": "turn", "STATE": "state", "LEFT": "actions_left", warning: "warning"}
    fills |= {format_think: "format", length: "length"}
    texts = {
        "system": template(think._build_system_content(0), {prefix[0]: "instruction"}),
        "grid_vocab": template(symbols, {pairs: "pairs"}),
        "grid_vocab_pair": f"{{symbol}}{template(pair, {})}{{meaning}}",
        "grid_vocab_joiner": joiner,
        "coord_hint": template(_after(prefix[1], "INSTRUCTION"), {}),
        "actions": template(names.partition("ACTION1")[0], {}) + "{names}",
        "actions_joiner": names.partition("ACTION1")[2],
        "actions_limit": template(limit, {"70077": "max_actions", think.action_sep: "separator"}),
        "format_think": format_think,
        "format_answer": format_answer,
        "length": template(length, {"70099": "max_tokens"}),
        "warning": warning,
        "turn": template(told, fills),
        "reward": template(_reward_message(think), {"REWARD": "reward"}),
    }
    return texts | _single_turn(think, fills)


def _manager(upstream: Upstream, enable_think: bool) -> Any:
    """A context manager whose three slots have a task with symbols, one with coordinates and one with actions."""
    from ragen.llm_agent.ctx_manager import ContextManager

    task = {"env_type": "sokoban", "env_instruction": "INSTRUCTION", "max_actions_per_traj": 70077, "max_tokens": 70099}
    bare = task | {"grid_vocab": None, "action_lookup": None}
    tasks = {
        "Symbols": bare | {"grid_vocab": {"SYMBOL1": "MEANING1", "SYMBOL2": "MEANING2"}},
        "Coordinates": bare | {"observation_format": "coord"},
        "Actions": bare | {"action_lookup": {"1": "ACTION1", "2": "ACTION2"}},
    }
    config = {
        "agent_proxy": {"action_sep": "SEPARATOR", "enable_think": enable_think, "context_window_mode": "full"},
        "actor_rollout_ref": {"rollout": {"response_length": 1}},
        "es_manager": {"train": {"group_size": 1, "env_configs": {"tags": list(tasks), "n_groups": [1, 1, 1]}}},
        "custom_envs": tasks,
    }
    return upstream.own(ContextManager)(OmegaConf.create(config), upstream.tokenizer)


def _reward_message(manager: Any) -> str:
    history = [{"reward": "REWARD"}]
    return manager._build_infer_multi_turn_messages({"env_id": 0}, history, 0)[-1]["content"]


def _single_turn(manager: Any, fills: dict[str, str]) -> dict[str, str]:
    """The sentences of mode ``single_turn``; ``fills`` says what stands for what in a turn's."""
    format_prompt, length_prompt = (text for text, name in fills.items() if name in ("format", "length"))
    turns = [{"state": f"STATE{n}", "llm_response": f"RESPONSE{n}", "reward": f"REWARD{n}"} for n in (1, 2)]
    turns += [{"state": "STATE", "actions_left": "LEFT", "manager_invalid_action": True}]
    build = {"turn_idx": 2, "turn_offset": 70000, "include_warning": True}
    build |= {"format_prompt": format_prompt, "length_prompt": length_prompt, "env_output": {}, "history": turns}
    memory = manager._get_memory_manager(0)
    text = memory.build_user_content(history_start=0, **build)
    alone = memory.build_user_content(history_start=2, **build)
    found = _PAST.fullmatch(text)
    if found is None:
        raise ValueError(f"upstream's single_turn prompt is not laid out as expected: {text!r}")
    current = found["current"]
    if not (current.startswith("\n") and current.endswith(alone)):
        raise ValueError(f"upstream's present turn is {current!r} after others, but {alone!r} alone")
    past = {"70001": "turn", "STATE1": "state", "RESPONSE1": "response", "REWARD1": "reward"}
    sentences = {name: template(part, past) for name, part in found.groupdict().items() if "_past_" in name}
    shown = {"70002": "completed", re.sub(r"70002|\D", "", found["single_turn_summary"]): "shown"}
    return sentences | {
        "single_turn_summary": template(found["single_turn_summary"], shown),
        "single_turn_current_prefix": template(current[1 : -len(alone)], {}),
        "single_turn_current": "{separator}{prefix}" + template(alone, fills | {"70003": "turn"}),
    }


def template(text: str, fills: dict[str, str]) -> str:
    """``text`` with its braces escaped and what stands in ``fills`` as placeholders; the longest go first."""
    text = text.replace("{", "{{").replace("}", "}}")
    for part in sorted(fills, key=len, reverse=True):
        text = text.replace(part, f"{{{fills[part]}}}")
    return text


def _after(text: str, start: str) -> str:
    if not text.startswith(start):
        raise ValueError(f"upstream's {text!r} does not begin with {start!r}")
    return text.removeprefix(start)


def between(start: str, text: str, end: str) -> str:
    """What stands in ``text`` between ``start`` and the next ``end``; ``ValueError`` if there is no such place."""
    found = re.search(re.escape(start) + "(.*?)" + re.escape(end), text, re.DOTALL)
    if found is None:
        raise ValueError(f"upstream's {text!r} has no {start!r} before {end!r}")
    return found[1]


def _split(text: str, end: str) -> tuple[str, str]:
    before, found, after = text.partition(end)
    if not found:
        raise ValueError(f"upstream's {text!r} has no {end!r}")
    return before, after


def _added(longer: str, shorter: str) -> str:
    """What ``longer`` has more than ``shorter``, in one place; whole lines where there is a choice."""
    at = next(i for i, (a, b) in enumerate(zip(longer, shorter + "\0", strict=False)) if a != b)
    start = longer.rfind("\n", 0, at) + 1
    more = longer[start : start + len(longer) - len(shorter)]
    if longer.replace(more, "", 1) != shorter:
        raise ValueError(f"upstream's {longer!r} is not {shorter!r} with something in between")
    return more
