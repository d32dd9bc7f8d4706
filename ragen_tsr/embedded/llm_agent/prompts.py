"""The messages that a history becomes.

Decides the order of what a prompt says; the sentences come from the wording (:mod:`wording`), how messages
become text and tokens is left to the tokenizer's chat template and :mod:`encoding`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ragen_tsr.embedded.llm_agent.context_settings import TagSettings

Message = dict[str, str]
Turn = Mapping[str, Any]


class Prompts:
    """Builds messages for environments of some tags.

    Args:
        wording: Checked sentences, from :func:`ragen_tsr.embedded.llm_agent.wording.load_wording`.
        tags: What is said about each tag.
        enable_think: Whether a reply has a thought before its answer.
        action_sep: What stands between two actions.
    """

    def __init__(
        self, wording: Mapping[str, str], tags: Mapping[str, TagSettings], enable_think: bool, action_sep: str
    ) -> None:
        self._wording = wording
        self._format = wording["format_think" if enable_think else "format_answer"]
        self._length = {tag: wording["length"].format(max_tokens=about.max_tokens) for tag, about in tags.items()}
        self.instructions = {tag: _instruction(wording, about, action_sep) for tag, about in tags.items()}

    def conversation(
        self, tag: str, turns: Sequence[Turn], *, number: int, warn: bool, last_reward: bool
    ) -> list[Message]:
        """System, user, assistant, user, ...: a user message has the last turn's reward and the new state.

        Args:
            turns: History entries; those without ``llm_response`` or ``reward`` only show their state.
            number: What the first of ``turns`` is called; the first turn of an episode is 1.
            warn: Say so in turns that follow one without a legal action. Training rows never do.
            last_reward: Whether the last turn's reward is shown, in a message after its response.
        """
        messages = self._opening(tag)
        for index, turn in enumerate(turns):
            if "state" in turn:
                messages[-1]["content"] += self._wording["turn"].format(
                    turn=number + index, **self._present(tag, turn, warn)
                )
            if "llm_response" in turn:
                messages.append({"role": "assistant", "content": turn["llm_response"]})
            if "reward" in turn and (last_reward or index < len(turns) - 1):
                messages.append({"role": "user", "content": self._wording["reward"].format(reward=turn["reward"])})
        return messages

    def told(
        self, tag: str, turns: Sequence[Turn], *, number: int, completed: int, warn: bool, respond: bool
    ) -> list[Message]:
        """System and user, where the user message tells all but the last of ``turns`` and shows the last.

        Args:
            turns: History entries, at least one.
            number: What the first of ``turns`` is called.
            completed: How many turns of the episode are over.
            warn: As in :meth:`conversation`.
            respond: Whether the last turn's response follows as an assistant message.
        """
        *past, present = turns
        words, text = self._wording, ""
        if past:
            text = words["single_turn_summary"].format(completed=completed, shown=len(past))
        for index, turn in enumerate(past):
            shown = number + index
            text += words["single_turn_past_state"].format(turn=shown, state=turn.get("state", ""))
            text += words["single_turn_past_action"].format(turn=shown, response=turn.get("llm_response", ""))
            if "reward" in turn:
                text += words["single_turn_past_reward"].format(turn=shown, reward=turn["reward"])
            text += words["single_turn_past_end"]
        messages = self._opening(tag)
        messages[-1]["content"] = text + words["single_turn_current"].format(
            separator="\n" if past else "",
            prefix=words["single_turn_current_prefix"] if past else "",
            turn=number + len(past),
            **self._present(tag, present, warn),
        )
        if respond:
            messages.append({"role": "assistant", "content": present["llm_response"]})
        return messages

    def _opening(self, tag: str) -> list[Message]:
        system = self._wording["system"].format(instruction=self.instructions[tag])
        return [{"role": "system", "content": system}, {"role": "user", "content": ""}]

    def _present(self, tag: str, turn: Turn, warn: bool) -> dict[str, Any]:
        return {
            "state": turn["state"],
            "actions_left": turn["actions_left"],
            "warning": self._wording["warning"] if warn and turn.get("manager_invalid_action") else "",
            "format": self._format,
            "length": self._length[tag],
        }


def _instruction(wording: Mapping[str, str], about: TagSettings, action_sep: str) -> str:
    """The task, with the symbols or coordinates that its observations use, and its actions."""
    text = about.instruction
    if about.observation_format == "grid" and about.grid_vocab:
        pairs = wording["grid_vocab_joiner"].join(
            wording["grid_vocab_pair"].format(symbol=symbol, meaning=meaning)
            for symbol, meaning in about.grid_vocab.items()
        )
        text += wording["grid_vocab"].format(pairs=pairs)
    if about.observation_format == "coord":
        text += wording["coord_hint"].format()
    if about.action_names:
        text += wording["actions"].format(names=wording["actions_joiner"].join(about.action_names))
        text += wording["actions_limit"].format(max_actions=about.max_actions, separator=action_sep)
    return text
