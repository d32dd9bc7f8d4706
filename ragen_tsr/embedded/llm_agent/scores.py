"""Which tokens are trained on, and where rewards stand.

Decides masks and scores of training rows from their tokens and the chat template's markers. Index i of a
mask or a score belongs to the token ``input_ids[:, i + 1]``, the target of position i; all have one
column less than the tokens. Rewards come from the histories; what is done with them is left to the rollout
filter and the advantages.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from ragen_tsr.embedded.llm_agent.chat_format import ChatFormat

_SMALLEST_STD = 1e-6
_CLIP = (-1.0, 3.0)


def conversation_masks(
    input_ids: torch.Tensor, chat: ChatFormat, enable_response_mask: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and response mask of rows whose every response is trained on; float32 (rows, length - 1).

    Messages are counted by their opening marker: 1 system, 2 user, 3 assistant, ... As upstream has it, the
    mask is not shifted by one: a turn's targets are what follows its own opening marker, up to and with the
    next message's.

    Args:
        input_ids: (rows, length), padded on the left.
        enable_response_mask: Train on responses only; otherwise on everything after the system message.
    """
    message = (input_ids == chat.start_id).cumsum(dim=-1)[:, :-1]
    response = (message % 2 == 1) & (message > 1)
    return (response if enable_response_mask else message > 1).float(), response.float()


def last_message_mask(input_ids: torch.Tensor, chat: ChatFormat, message: int | None) -> torch.Tensor:
    """Mask of one message and all after it, its own opening marker included; float32 (rows, length - 1).

    Args:
        input_ids: (rows, length), padded on the left.
        message: Which message, counted from 1; ``None`` for the last. A row that has fewer is all 0.
    """
    count = (input_ids == chat.start_id).cumsum(dim=-1)
    wanted = count[:, -1:].clamp(min=1) if message is None else message
    return (count >= wanted)[:, 1:].float()


def turn_scores(input_ids: torch.Tensor, chat: ChatFormat, rewards: Sequence[Sequence[float]]) -> torch.Tensor:
    """Each turn's reward at the last token of its response's message; float32 (rows, length - 1).

    Args:
        input_ids: (rows, length), padded on the left.
        rewards: For each row, the rewards of the turns that it shows, oldest first.

    Raises:
        RuntimeError: A response has more than one closing marker, so that its end is not known.
    """
    message = (input_ids == chat.start_id).cumsum(dim=-1)
    ends = input_ids == chat.end_id
    scores = torch.zeros(input_ids.shape, dtype=torch.float32)
    for row, row_rewards in enumerate(rewards):
        for turn, reward in enumerate(row_rewards):
            at = torch.nonzero(ends[row] & (message[row] == 3 + 2 * turn)).flatten()
            if len(at) > 1:
                raise RuntimeError(
                    f"row {row}, turn {turn + 1}: the response has {len(at)} markers {chat.end!r}; "
                    f"a turn's reward needs one"
                )
            if len(at) == 1:
                scores[row, int(at) + chat.tokens_after_end] = reward
    return scores[:, 1:]


def last_scores(values: torch.Tensor, length: int) -> torch.Tensor:
    """One value per row, at its last position; float32 (rows, length - 1)."""
    scores = torch.zeros((len(values), length - 1), dtype=torch.float32)
    scores[:, -1] = values
    return scores


def normalised_returns(
    returns: Sequence[float], penalties: Sequence[float], groups: Sequence[Hashable], method: str
) -> torch.Tensor:
    """Returns plus penalties, normalised within groups; float32 (episodes,).

    Args:
        returns: Sum of each episode's rewards.
        penalties: What is added before normalising.
        groups: Which episodes belong together. If every episode is a group of its own, nothing is normalised.
        method: ``identity``; ``mean``: subtract the group's; ``mean_std``: also divide by the sample
            standard deviation plus 1e-6, or 0 where that is not above 1e-6; ``asym_clip``: the same,
            clamped to [-1, 3].
    """
    values = torch.tensor(returns, dtype=torch.float32) + torch.tensor(penalties, dtype=torch.float32)
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    if method == "identity" or len(members) == len(values):
        return values
    for indices in members.values():
        values[indices] = _normalise(values[indices], method)
    return values


def _normalise(values: torch.Tensor, method: str) -> torch.Tensor:
    centred = values - values.mean()
    if method == "mean":
        return centred
    std = values.std() if len(values) > 1 else torch.zeros(())
    scaled = centred / (std + _SMALLEST_STD) if std > _SMALLEST_STD else torch.zeros_like(values)
    return scaled.clamp(*_CLIP) if method == "asym_clip" else scaled
