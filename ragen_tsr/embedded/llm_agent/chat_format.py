"""How a tokenizer's chat template marks the turns of a conversation.

Decides which token starts a message, which one ends it and how many follow that one, by rendering a
conversation and looking at what came out. A model's name is never looked at. Leaves to :mod:`scores` what is
done with the markers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROLES = ("system", "user", "assistant", "user", "assistant")
_CONTENTS = tuple(f"content{number}" for number in ("one", "two", "three", "four", "five"))


class ChatFormatError(ValueError):
    """The chat template's marks are not understood; the message says what was looked for."""


@dataclass(frozen=True)
class ChatFormat:
    """The marks that a chat template puts around every message."""

    start: str
    """Text of the special token that opens every message, whatever its role."""
    end: str
    """Text of the special token that closes every message."""
    start_id: int
    end_id: int
    tokens_after_end: int
    """Tokens of a message after ``end`` (the newline of ChatML: 1)."""


def chat_format(tokenizer: Any) -> ChatFormat:
    """Find the marks of ``tokenizer``'s chat template.

    ChatML (``<|im_start|>role ... <|im_end|>``) and Llama 3 (``<|start_header_id|>role ... <|eot_id|>``)
    are examples.

    Raises:
        ChatFormatError: There is no template, it changes or drops contents, or it has no single special
            token that opens every message and another that closes it.
    """
    if not tokenizer.chat_template:
        raise ChatFormatError("the tokenizer has no chat template; one is needed to build prompts and loss masks")
    messages = [{"role": role, "content": text} for role, text in zip(ROLES, _CONTENTS, strict=True)]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    pieces = _between(text)
    closing = pieces[-1]
    openings = [pieces[0]]
    for piece in pieces[1:-1]:
        if not piece.startswith(closing):
            raise ChatFormatError(
                f"looked for one ending of every message, {closing!r} as after the last one, "
                f"but found {piece!r} between two messages of {text!r}"
            )
        openings.append(piece.removeprefix(closing))

    special = set(tokenizer.added_tokens_decoder) | set(tokenizer.all_special_ids)
    encode = lambda part: tokenizer(part, add_special_tokens=False)["input_ids"]  # noqa: E731
    closing_ids = encode(closing)
    ends = [token for token in closing_ids if token in special]
    starts = [token for token in encode(openings[-1]) if token in special]
    if not ends or not starts:
        raise ChatFormatError(
            f"looked for a special token that opens a message, in {openings[-1]!r}, and one that closes it, "
            f"in {closing!r}; special tokens are {_names(tokenizer, special)}"
        )
    start_id, end_id = starts[0], ends[0]
    for role, opening in zip(ROLES, openings, strict=True):
        ids = encode(opening)
        if ids.count(start_id) != 1 or end_id in ids:
            raise ChatFormatError(
                f"looked for {tokenizer.decode([start_id])!r} once, and not for "
                f"{tokenizer.decode([end_id])!r}, where a message of role {role!r} begins; found {opening!r}"
            )
    if closing_ids.count(end_id) != 1 or start_id in closing_ids:
        raise ChatFormatError(f"looked for {tokenizer.decode([end_id])!r} once where a message ends; found {closing!r}")
    prompt = tokenizer.apply_chat_template(messages[:2], tokenize=False, add_generation_prompt=True)
    if not prompt.endswith(closing + openings[2]):
        raise ChatFormatError(
            f"looked for a generation prompt that ends as an assistant's message begins, {openings[2]!r}; "
            f"found {prompt!r}"
        )
    return ChatFormat(
        start=tokenizer.decode([start_id]),
        end=tokenizer.decode([end_id]),
        start_id=start_id,
        end_id=end_id,
        tokens_after_end=len(closing_ids) - closing_ids.index(end_id) - 1,
    )


def _between(text: str) -> list[str]:
    """What stands before, between and after the contents in ``text``."""
    pieces, rest = [], text
    for content in _CONTENTS:
        before, found, rest = rest.partition(content)
        if not found:
            raise ChatFormatError(f"looked for the contents {_CONTENTS} in this order, each once; found {text!r}")
        pieces.append(before)
    if any(content in piece for content in _CONTENTS for piece in [*pieces, rest]):
        raise ChatFormatError(f"looked for each of the contents {_CONTENTS} once; found {text!r}")
    return [*pieces, rest]


def _names(tokenizer: Any, ids: set[int]) -> list[str]:
    return sorted(tokenizer.convert_ids_to_tokens(sorted(ids)))
