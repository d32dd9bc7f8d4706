"""What a response says: the text that is kept of it, and its actions.

Decides how a response is cut into thought and answer and the answer into actions. Whether an action exists
is left to :class:`~ragen_tsr.embedded.llm_agent.es_manager.EnvStateManager`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TAGS = ("<think>", "</think>", "<answer>", "</answer>")

_ANSWER = re.compile(r"<answer>(?P<answer>.*?)</answer>", re.DOTALL)
_THOUGHT_AND_ANSWER = re.compile(r"<think>(?P<thought>.*?)</think>\s*" + _ANSWER.pattern, re.DOTALL)
_THOUGHT = re.compile(r"<think>(?P<thought>.*?)</think>", re.DOTALL)


@dataclass(frozen=True)
class ResponseParser:
    """Reads responses (upstream: ``ContextManager._parse_response``)."""

    enable_think: bool
    """Whether a response must hold a thought before its answer."""
    action_sep: str
    """What stands between two actions, exactly as written."""
    max_actions: int
    """How many actions of a response are kept."""
    markers: tuple[str, ...]
    """Texts of the chat template's special tokens, which are taken out of thoughts and answers like
    :data:`TAGS`.
    """

    @property
    def opening(self) -> str:
        """The tag that a prompt ends with, and that a response therefore goes on from."""
        return "<think>" if self.enable_think else "<answer>"

    def parse(self, response: str) -> tuple[str, list[str]]:
        """Return (the text to keep, the actions).

        A response without the expected tags is kept as it is and has no actions. Of others only thought and
        answer are kept, without tags and markers inside them; the answer as it was written unless it had
        too many actions.
        """
        match = (_THOUGHT_AND_ANSWER if self.enable_think else _ANSWER).search(response)
        if match is None:
            return response, []
        answer = self._clean(match["answer"])
        actions = [action for part in answer.split(self.action_sep) if (action := part.strip())]
        if len(actions) > self.max_actions:
            actions = actions[: self.max_actions]
            answer = f" {self.action_sep} ".join(actions)
        thought = f"<think>{self._clean(match['thought'])}</think>" if self.enable_think else ""
        return f"{thought}<answer>{answer}</answer>", actions

    def thought(self, response: str) -> str:
        """The thought in a kept response, without tags and markers; empty if there is none."""
        if not self.enable_think or (match := _THOUGHT.search(response)) is None:
            return ""
        text = match["thought"]
        for mark in (*TAGS, *self.markers):
            text = text.replace(mark, "")
        return text.strip()

    def _clean(self, text: str) -> str:
        # One after the other, stripping in between: taking one out may assemble another, which stays if its
        # turn is over.
        for mark in (*TAGS, *self.markers):
            text = text.replace(mark, "").strip()
        return text
