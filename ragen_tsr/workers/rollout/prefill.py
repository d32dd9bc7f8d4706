"""Keys and values of prompts, each computed once.

Prompts of one rollout begin alike: all with the same instructions, and a turn's prompt with the prompt of the turn
before. What was computed in this or the previous call is copied; only the rest of a prompt goes through the model.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ragen_tsr.workers.rollout.cache import PreallocatedCache

Prompt = tuple[int, ...]

SHORTEST_TRUNK = 16
"""Tokens that prompts must share from their beginning for it to be computed by itself."""
SPREAD = 16
"""Tokens that a prompt may compute again in order to join a chunk."""


@dataclass(frozen=True)
class Filled:
    """Where a prompt's keys and values are: a row of a cache, at the right end of ``width`` filled positions."""

    prompt: Prompt
    cache: PreallocatedCache
    row: int
    width: int


@dataclass
class Prefixes:
    """What a rollout remembers of its prompts from one call to the next; empty it when the weights change."""

    budget: int = 2**30
    """Bytes to remember at most."""
    entries: list[Filled] = field(default_factory=list)
    """Sorted by prompt."""

    def longest(self, prompt: Prompt) -> tuple[Filled | None, int]:
        """The entry that shares most tokens from the beginning, and how many; the last token never counts."""
        best, shared = None, 0
        place = bisect_left(self.entries, prompt, key=lambda entry: entry.prompt)
        # In sorted order no entry shares more than a neighbour does.
        for entry in self.entries[max(place - 1, 0) : place + 1]:
            common = min(shared_length(entry.prompt, prompt), len(prompt) - 1)
            if common > shared:
                best, shared = entry, common
        return best, shared

    def remember(self, entries: Sequence[Filled]) -> None:
        """Replace what is remembered by as many of ``entries`` as the budget allows."""
        kept: list[Filled] = []
        caches: set[int] = set()
        spent = 0
        for entry in entries:
            if id(entry.cache) not in caches:
                spent += entry.cache.nbytes
                if spent > self.budget:
                    break
                caches.add(id(entry.cache))
            kept.append(entry)
        self.entries = sorted(kept, key=lambda entry: entry.prompt)

    def with_entries(self, entries: Sequence[Filled]) -> Prefixes:
        """These and ``entries``."""
        return Prefixes(self.budget, sorted([*self.entries, *entries], key=lambda entry: entry.prompt))


def shared_length(one: Prompt, other: Prompt) -> int:
    """How many tokens two prompts share from the beginning."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    differs = np.asarray(one[:length]) != np.asarray(other[:length])
    return int(differs.argmax())


def trunk(model: nn.Module, prompts: Sequence[Prompt], prefixes: Prefixes) -> list[Filled]:
    """What all ``prompts`` share, computed, if that is worth it and not known yet."""
    if len(prompts) < 2:
        return []
    common = shared_length(min(prompts), max(prompts))
    beginning = prompts[0][:common]
    _, known = prefixes.longest(prompts[0])
    if common < SHORTEST_TRUNK or known >= common:
        return []
    return [filled for filled, _ in _compute(model, [beginning], [None], common)]


def prefill(
    model: nn.Module, prompts: Sequence[Prompt], prefixes: Prefixes, chunk_tokens: int
) -> list[tuple[Filled, torch.Tensor]]:
    """Keys, values and last logits ``[vocabulary]`` of each prompt, in the order given.

    Args:
        prompts: none empty.
        chunk_tokens: tokens in one forward pass, at least one prompt's.
    """
    found = [prefixes.longest(prompt) for prompt in prompts]
    results: dict[int, tuple[Filled, torch.Tensor]] = {}
    fresh = [len(prompt) - shared for prompt, (_, shared) in zip(prompts, found, strict=True)]
    for chunk in _chunks(prompts, fresh, chunk_tokens):
        new = max(fresh[index] for index in chunk)
        computed = _compute(model, [prompts[index] for index in chunk], [found[index][0] for index in chunk], new)
        results.update(zip(chunk, computed, strict=True))
    return [results[index] for index in range(len(prompts))]


def _chunks(prompts: Sequence[Prompt], fresh: Sequence[int], chunk_tokens: int) -> Iterator[list[int]]:
    """Prompts that are computed together: all compute as many of their last tokens as the first of them needs."""
    chunk: list[int] = []
    for index in sorted(range(len(prompts)), key=lambda index: (-fresh[index], -len(prompts[index]), index)):
        if chunk:
            new = fresh[chunk[0]]
            fits = len(prompts[index]) >= new and fresh[index] >= new - SPREAD
            # Prompts without a known beginning attend to themselves alone, which needs no mask.
            alike = (len(prompts[chunk[0]]) == new) == (len(prompts[index]) == new)
            if not (fits and alike and (len(chunk) + 1) * new <= chunk_tokens):
                yield chunk
                chunk = []
        chunk.append(index)
    if chunk:
        yield chunk


def _compute(
    model: nn.Module, prompts: Sequence[Prompt], bases: Sequence[Filled | None], new: int
) -> list[tuple[Filled, torch.Tensor]]:
    """Run the last ``new`` tokens of each prompt through the model, after what ``bases`` know of the rest.

    Prompts stand at the right end of the cache; where they differ in length, positions before the shorter ones are
    masked.
    """
    width = max(map(len, prompts))
    device = model.device
    cache = PreallocatedCache(model.config, len(prompts), width, model.dtype, device, filled=width - new)
    for row, (prompt, base) in enumerate(zip(prompts, bases, strict=True)):
        known = len(prompt) - new
        if known:
            assert base is not None
            start = base.width - len(base.prompt)
            rows = torch.tensor([base.row], device=device)
            cache.copy_from(base.cache, rows, slice(start, start + known), row, width - len(prompt))
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    mask = None
    if new < width:
        keys, queries = torch.arange(width, device=device), torch.arange(width - new, width, device=device)
        causal = keys <= queries.unsqueeze(-1)  # [new, width]
        mask = (causal & (keys >= (width - lengths)[:, None, None])).unsqueeze(1)  # [rows, 1, new, width]
    output = model(
        input_ids=torch.tensor([prompt[-new:] for prompt in prompts], device=device),
        position_ids=(lengths - new).unsqueeze(-1) + torch.arange(new, device=device),
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return [(Filled(prompt, cache, row, width), output.logits[row, -1]) for row, prompt in enumerate(prompts)]
