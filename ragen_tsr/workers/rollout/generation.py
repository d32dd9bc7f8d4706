"""Sampling responses for a batch of prompts, fast on a CPU; works wherever the model is.

Decides what is computed once (equal prompts), what is computed together (prompts of similar length), and when a
sequence stops costing (at its end-of-turn token). What a token's noise is comes from :mod:`.noise`, how it is drawn
from :mod:`.sampling`; neither depends on any choice made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from ragen_tsr.workers.rollout.cache import PreallocatedCache
from ragen_tsr.workers.rollout.prefill import Filled, Prefixes, prefill, trunk
from ragen_tsr.workers.rollout.sampling import Sampling, draw, log_probabilities


@dataclass(frozen=True)
class Limits:
    """How much is computed at once. None of it changes what is sampled."""

    prefill_tokens: int = 1536
    """Prompt tokens in one forward pass."""
    rows: int = 256
    """Sequences that are decoded together."""
    spread: float = 0.25
    """Share of the longest prompt by which prompts decoded together may be shorter."""
    share_prompts: bool = True
    """Prefill equal prompts once."""
    reuse_prefixes: bool = True
    """Compute what prompts share from their beginning once, within a call and from one call to the next."""
    compact: float = 0.75
    """Ended sequences leave the batch when at most this share of it is live; 1 for at once, 0 for never."""

    def __post_init__(self) -> None:
        if self.prefill_tokens < 1 or self.rows < 1:
            raise ValueError(f"prefill_tokens={self.prefill_tokens}, rows={self.rows}: must be >= 1")
        if not 0 <= self.spread <= 1 or not 0 <= self.compact <= 1:
            raise ValueError(f"spread={self.spread}, compact={self.compact}: must be in [0, 1]")


@dataclass(frozen=True)
class Responses:
    """What was sampled, row i for prompt i; T is the longest response allowed."""

    tokens: torch.Tensor
    """int64 ``[rows, T]``, the end-of-turn token included, padded behind it."""
    log_probs: torch.Tensor
    """float32 ``[rows, T]`` at the sampling temperature, 0 behind the end."""
    entropies: torch.Tensor
    """float32 ``[rows, T]``, of the distribution each token was drawn from before top-k and top-p; 0 behind the end."""
    lengths: torch.Tensor
    """int64 ``[rows]``, tokens up to and including the end-of-turn token."""


@dataclass(frozen=True)
class Ending:
    """When a sequence ends."""

    max_new_tokens: int
    stop_tokens: frozenset[int]
    pad_token: int


@torch.inference_mode()
def generate(
    model: nn.Module,
    prompts: Sequence[tuple[int, ...]],
    uniforms: torch.Tensor,
    sampling: Sampling,
    ending: Ending,
    limits: Limits | None = None,
    prefixes: Prefixes | None = None,
) -> Responses:
    """Sample one response per prompt.

    Args:
        model: a transformers causal language model in evaluation mode, on any device.
        prompts: token ids without padding; none empty.
        uniforms: float64 ``[rows, max_new_tokens]`` in [0, 1), the noise of each token.
        prefixes: what earlier calls with the same weights remembered; remembers this call's prompts in turn.

    Returns:
        What was sampled, on the CPU.

    Raises:
        ValueError: a prompt is empty, or the noise does not fit.
    """
    limits = limits or Limits()
    rows, length = len(prompts), ending.max_new_tokens
    if uniforms.shape != (rows, length):
        raise ValueError(f"uniforms has shape {tuple(uniforms.shape)}, must be {(rows, length)}")
    if empty := [row for row, prompt in enumerate(prompts) if not prompt]:
        raise ValueError(f"rows {empty[:5]} have an empty prompt")
    device = model.device
    uniforms = uniforms.to(device)
    out = Responses(
        tokens=torch.full((rows, length), ending.pad_token, dtype=torch.int64, device=device),
        log_probs=torch.zeros(rows, length, device=device),
        entropies=torch.zeros(rows, length, device=device),
        lengths=torch.full((rows,), length, dtype=torch.int64, device=device),
    )
    known = prefixes if prefixes is not None and limits.reuse_prefixes else Prefixes()
    if limits.reuse_prefixes:
        known = known.with_entries(trunk(model, sorted(set(prompts)), known))
    computed: list[Filled] = []
    for bucket in _buckets(prompts, limits):
        computed += _generate_bucket(model, prompts, bucket, uniforms, sampling, ending, limits, known, out)
    if prefixes is not None and limits.reuse_prefixes:
        prefixes.remember(computed)
    return Responses(out.tokens.cpu(), out.log_probs.cpu(), out.entropies.cpu(), out.lengths.cpu())


def _buckets(prompts: Sequence[tuple[int, ...]], limits: Limits) -> Iterator[list[int]]:
    """Rows that are decoded together, longest prompts first; equal prompts stand beside each other."""
    order = sorted(range(len(prompts)), key=lambda row: (-len(prompts[row]), prompts[row], row))
    bucket: list[int] = []
    for row in order:
        if bucket:
            shortest = len(prompts[bucket[0]]) * (1 - limits.spread)
            if len(bucket) == limits.rows or len(prompts[row]) < shortest:
                yield bucket
                bucket = []
        bucket.append(row)
    if bucket:
        yield bucket


def _assemble(
    model: nn.Module, parts: Sequence[tuple[Filled, torch.Tensor]], repeats: list[int], capacity: int
) -> tuple[PreallocatedCache, torch.Tensor]:
    """One cache and the last logits of all prompts, each repeated; shorter prompts stand at the right end.

    Args:
        parts: what :func:`.prefill.prefill` gave for prompts sorted by descending length.
        repeats: how many rows each prompt gets.

    Returns:
        the cache, filled up to the longest prompt, and logits ``[sum of repeats, vocabulary]``.
    """
    width = len(parts[0][0].prompt)
    cache = PreallocatedCache(model.config, sum(repeats), capacity, model.dtype, model.device, filled=width)
    first_row = 0
    for (filled, _), count in zip(parts, repeats, strict=True):
        length = len(filled.prompt)
        source = slice(filled.width - length, filled.width)
        rows = torch.full((count,), filled.row, device=model.device)
        cache.copy_from(filled.cache, rows, source, first_row, width - length)
        first_row += count
    logits = torch.stack([part for _, part in parts]).repeat_interleave(
        torch.tensor(repeats, device=model.device), dim=0
    )
    return cache, logits


def _generate_bucket(
    model: nn.Module,
    prompts: Sequence[tuple[int, ...]],
    bucket: list[int],
    uniforms: torch.Tensor,
    sampling: Sampling,
    ending: Ending,
    limits: Limits,
    prefixes: Prefixes,
    out: Responses,
) -> list[Filled]:
    """Sample the responses of the rows in ``bucket`` into ``out``; returns its prompts' keys and values."""
    unique, repeats = _unique([prompts[row] for row in bucket], limits.share_prompts)
    width = len(unique[0])
    parts = prefill(model, unique, prefixes, limits.prefill_tokens)
    cache, logits = _assemble(model, parts, repeats, width + ending.max_new_tokens)
    device = model.device
    rows = torch.tensor(bucket, device=device)
    positions = torch.tensor([len(prompts[row]) for row in bucket], device=device)
    padding = width - positions
    # True where a key may be attended to: bool [rows, 1, 1, capacity]; None when every prompt has the same length.
    mask = None
    if bool(padding.any()):
        mask = (torch.arange(width + ending.max_new_tokens, device=device) >= padding.unsqueeze(-1))[:, None, None]
    stops = torch.tensor(sorted(ending.stop_tokens), device=device)
    live = torch.ones(len(bucket), dtype=torch.bool, device=device)
    for step in range(ending.max_new_tokens):
        log_probs = log_probabilities(logits, sampling)
        tokens = draw(log_probs, uniforms[rows, step], sampling)
        written = rows[live]
        out.tokens[written, step] = tokens[live]
        out.log_probs[written, step] = log_probs.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)[live]
        out.entropies[written, step] = -(log_probs.exp() * log_probs).sum(-1)[live]
        ended = live & torch.isin(tokens, stops)
        if bool(ended.any()):
            out.lengths[rows[ended]] = step + 1
            live = live & ~ended
        count = int(live.sum())
        if count == 0 or step + 1 == ending.max_new_tokens:
            break
        if count < len(live) and count <= limits.compact * len(live):
            kept = live.nonzero().squeeze(-1)
            cache.select_rows(kept)
            rows, positions, tokens, live = rows[kept], positions[kept], tokens[kept], live[kept]
            mask = None if mask is None else mask[kept]
        filled = width + step + 1
        logits = model(
            input_ids=tokens.unsqueeze(-1),
            position_ids=(positions + step).unsqueeze(-1),
            attention_mask=None if mask is None else mask[..., :filled],
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]
    return [filled for filled, _ in parts]


def _unique(prompts: list[tuple[int, ...]], share: bool) -> tuple[list[tuple[int, ...]], list[int]]:
    """Runs of equal prompts and their lengths."""
    unique: list[tuple[int, ...]] = []
    repeats: list[int] = []
    for prompt in prompts:
        if share and unique and prompt == unique[-1]:
            repeats[-1] += 1
        else:
            unique.append(prompt)
            repeats.append(1)
    return unique, repeats


def without_tricks(limits: Limits) -> Limits:
    """The same limits with nothing shared and nobody leaving, for comparison."""
    return replace(limits, share_prompts=False, reuse_prefixes=False, compact=0.0)
