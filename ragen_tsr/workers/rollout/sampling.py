"""From logits and one uniform number per row to a token: temperature, top-k, top-p, inverse-CDF draw.

One uniform per token suffices because the draw inverts the cumulative distribution; a Gumbel draw would need one per
vocabulary entry.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; the names are those of ``actor_rollout_ref.rollout``."""

    temperature: float = 1.0
    top_k: int = 0
    """Tokens that may be drawn; <= 0 for all."""
    top_p: float = 1.0
    """Share of the probability that may be drawn from, in (0, 1]."""
    do_sample: bool = True
    """False takes the most likely token."""

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"temperature={self.temperature}: must be >= 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p}: must be in (0, 1]")

    @property
    def greedy(self) -> bool:
        """Whether no noise is used; temperature 0 means that too, as in vLLM."""
        return not self.do_sample or self.temperature == 0


def log_probabilities(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Log-probabilities at the sampling temperature: float32 ``[rows, vocabulary]``.

    Neither top-k nor top-p is applied: these are what the trainer's ``compute_log_prob`` gives.
    """
    logits = logits.float()
    if not sampling.greedy and sampling.temperature != 1.0:
        logits = logits / sampling.temperature
    return torch.log_softmax(logits, dim=-1)


def draw(log_probs: torch.Tensor, uniforms: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """One token per row: int64 ``[rows]``.

    Args:
        log_probs: ``[rows, vocabulary]``, normalised.
        uniforms: float64 ``[rows]`` in [0, 1); not read when greedy.
    """
    if sampling.greedy:
        return log_probs.argmax(dim=-1)
    probabilities = log_probs.exp().double()
    if 0 < sampling.top_k < probabilities.shape[-1]:
        threshold = probabilities.topk(sampling.top_k, dim=-1).values[:, -1:]
        probabilities = probabilities.masked_fill(probabilities < threshold, 0.0)
    if sampling.top_p < 1.0:
        probabilities = _nucleus(probabilities, sampling.top_p)
    cumulative = probabilities.cumsum(dim=-1)
    targets = uniforms.unsqueeze(-1) * cumulative[:, -1:]
    # First entry whose cumulative probability exceeds the target: never an entry of probability 0.
    return torch.searchsorted(cumulative, targets, right=True).squeeze(-1).clamp_(max=cumulative.shape[-1] - 1)


def _nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Zero all but the smallest set of most likely tokens that holds ``top_p`` of the probability."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    dropped = before >= top_p * probabilities.sum(dim=-1, keepdim=True)
    return probabilities.masked_fill(torch.zeros_like(dropped).scatter_(-1, order, dropped), 0.0)
