"""How the training configuration says to sample, for engines that draw tokens themselves.

Decides which section of the configuration counts, and a seed for each response: from the key that
:mod:`ragen_tsr.workers.rollout.noise` gives it, so that a response's seed depends on its prompt's place and
not on what else is asked in the same call. What an engine makes of a seed is the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig
from verl import DataProto

from ragen_tsr.workers.rollout.noise import OPENING_MODES, ROLLOUT_KEY, ROWS_KEY, CallKey

SEEDS = 2**31
"""Seeds are below this: the largest that every server takes."""


@dataclass(frozen=True)
class Draw:
    """How one call samples."""

    temperature: float
    """0: the most likely token."""
    top_p: float
    top_k: int
    """Tokens that may be drawn; <= 0 for all."""
    seeds: tuple[int, ...]
    """One for each row."""


class Draws:
    """Gives each call its :class:`Draw`; counts the calls of a rollout as ``HFCpuRollout`` does."""

    def __init__(self, config: DictConfig) -> None:
        self._rollout = config.actor_rollout_ref.rollout
        self._run_seed = int(config.run_seed)
        self._rollouts = 0
        self._call = 0

    def of(self, prompts: DataProto) -> Draw:
        """How to answer ``prompts``: as in validation where the ``meta_info`` says so, else as in training."""
        meta = prompts.meta_info
        validate = bool(meta.get("validate", False))
        source = self._rollout.val_kwargs if validate else self._rollout
        if meta.get("mode", "singleturn") in OPENING_MODES:
            self._rollouts += 1
            self._call = 0
        else:
            self._call += 1
        number = int(meta.get(ROLLOUT_KEY, self._rollouts))
        key = CallKey(self._run_seed, "validate" if validate else "train", number, self._call)
        rows = prompts.non_tensor_batch.get(ROWS_KEY, range(len(prompts)))
        return Draw(
            temperature=float(source.temperature) if meta.get("do_sample", source.do_sample) else 0.0,
            top_p=float(source.top_p),
            top_k=int(source.top_k),
            seeds=tuple(int(first * SEEDS) for (first,) in key.row_uniforms(rows, 1)),
        )


def end_tokens(tokenizer: Any) -> list[int]:
    """Token ids that end a response."""
    ends = tokenizer.eos_token_id
    return [ends] if isinstance(ends, int) else list(ends)
