"""Messages to tokens, as batches padded on the left.

Decides how much is tokenised: each distinct text once, however many rows have it (a search asks for many
equal rows), and what is left out where a row would be too long. What the messages say is left to
:mod:`prompts`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ragen_tsr.embedded.llm_agent.prompts import Message

logger = logging.getLogger(__name__)

_SLACK = 32
"""More tokens than a text can lose when the opening tag (at most eight characters) is taken off its end."""


@dataclass(frozen=True)
class Draft:
    """A row to be: its messages with the turns from any of ``first`` to ``last`` on."""

    messages: Callable[[int], list[Message]]
    first: int
    last: int


@dataclass(frozen=True)
class Encoded:
    """Rows of tokens: ``input_ids``, ``attention_mask`` and ``position_ids``, each int64 (rows, length)."""

    messages: list[list[Message]]
    starts: list[int]
    """The turn that each row begins with."""
    texts: list[str]
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    position_ids: torch.Tensor


class Encoder:
    """Renders and tokenises messages.

    The chat template writes every special token, so the tokenizer adds none of its own.

    Args:
        tokenizer: With a chat template and a padding token.
        max_length: Tokens that a row may have, or ``None``.

    Raises:
        ValueError: The tokenizer has no padding token.
    """

    def __init__(self, tokenizer: Any, max_length: int | None) -> None:
        if tokenizer.pad_token_id is None:
            raise ValueError("the tokenizer has no padding token; set tokenizer.pad_token")
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._warned = False

    def encode(self, drafts: Sequence[Draft], *, generate: bool, opening: str, count_opening: bool = False) -> Encoded:
        """Tokenise a batch, each row with as many turns as fit, but at least its last one.

        Args:
            drafts: The rows; the same object may stand there several times and costs nothing the second time.
            generate: End with the generation prompt.
            opening: Put after the generation prompt (the tag that a response goes on from).
            count_opening: Whether ``opening`` counts towards the greatest length.
        """
        distinct = list({id(draft): draft for draft in drafts}.values())
        messages = {id(draft): draft.messages(draft.first) for draft in distinct}
        starts = {id(draft): draft.first for draft in distinct}
        texts = dict(zip(messages, self._render(list(messages.values()), generate), strict=True))
        ids = self.token_ids([text + opening for text in texts.values()])
        for draft in distinct:
            key = id(draft)
            uncounted = "" if count_opening else opening
            if not self._too_long(texts[key], opening, ids[texts[key] + opening], uncounted):
                continue
            texts[key], starts[key] = self._shorten(draft, generate, opening if count_opening else "")
            messages[key] = draft.messages(starts[key])
            ids |= self.token_ids([texts[key] + opening])
        whole = [texts[id(draft)] + opening for draft in drafts]
        return Encoded(
            [messages[id(draft)] for draft in drafts],
            [starts[id(draft)] for draft in drafts],
            whole,
            *self._pad([ids[text] for text in whole]),
        )

    def token_ids(self, texts: Sequence[str]) -> dict[str, list[int]]:
        """Token ids of each distinct text."""
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        return dict(zip(distinct, self._tokenizer(distinct, add_special_tokens=False)["input_ids"], strict=True))

    def _render(self, conversations: list[list[Message]], generate: bool) -> list[str]:
        return self._tokenizer.apply_chat_template(conversations, add_generation_prompt=generate, tokenize=False)

    def _too_long(self, text: str, opening: str, ids: Sequence[int], uncounted: str) -> bool:
        if self._max_length is None or len(ids) <= self._max_length - _SLACK:
            return False
        return (len(self._count(text)) if uncounted else len(ids)) > self._max_length

    def _count(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _shorten(self, draft: Draft, generate: bool, counted: str) -> tuple[str, int]:
        """Leave out the oldest turns, whole, until the row fits: (text, first turn kept)."""
        assert self._max_length is not None
        text, length, start = "", 0, draft.first
        for start in range(min(draft.first + 1, draft.last), draft.last + 1):
            text = self._render([draft.messages(start)], generate)[0]
            length = len(self._count(text + counted))
            if length <= self._max_length:
                return text, start
        if not self._warned:
            logger.warning(
                "a turn by itself has %d tokens, more than actor_rollout_ref.rollout.max_model_len=%d (said once)",
                length,
                self._max_length,
            )
            self._warned = True
        return text, start

    def _pad(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        width = max(map(len, rows), default=0)
        input_ids = np.full((len(rows), width), self._tokenizer.pad_token_id, dtype=np.int64)
        attention = np.zeros((len(rows), width), dtype=np.int64)
        for index, row in enumerate(rows):
            if row:
                input_ids[index, -len(row) :] = row
                attention[index, -len(row) :] = 1
        mask = torch.from_numpy(attention)
        return torch.from_numpy(input_ids), mask, (mask.cumsum(dim=-1) - 1).clamp(min=0)
