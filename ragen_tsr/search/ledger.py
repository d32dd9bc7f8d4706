"""What a search cost: counts and seconds, addable over searches and rollouts.

The ledger adds up; whoever samples, plays and scores fills it in. One is kept per search (group and slot) and
one per rollout. A generation call serves many searches: in a search's ledger it is a call that the search
took part in, in a rollout's a call that was made, so a rollout's calls and seconds are measured, not summed
over its searches.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from time import perf_counter

from ragen_tsr.search.types import Fate, Node


@dataclass
class Seconds:
    """Wall-clock seconds by phase."""

    generation: float = 0.0
    environment: float = 0.0
    scoring: float = 0.0
    bookkeeping: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        if not isinstance(other, Seconds):
            return NotImplemented
        return Seconds(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Add the time spent in a ``with`` block to ``phase``, also when the block raises.

        Raises:
            ValueError: If there is no such phase.
        """
        phases = [f.name for f in fields(self)]
        if phase not in phases:
            raise ValueError(f"phase {phase!r}: must be one of {', '.join(phases)}")
        started = perf_counter()
        try:
            yield
        finally:
            setattr(self, phase, getattr(self, phase) + perf_counter() - started)


@dataclass
class Ledger:
    """Cost of a search or of a rollout; ``sum(ledgers, Ledger())`` adds many."""

    prompt_tokens: int = 0
    """Tokens of all prompts, padding not counted."""
    generated_tokens: int = 0
    """Tokens of all responses, padding not counted."""
    generation_calls: int = 0
    """Calls of ``generate_sequences`` (the closing one not counted)."""
    env_steps: int = 0
    """Actions executed by environments for the search: expansions, redraws, outcomes drawn to be scored."""
    nodes_expanded: int = 0
    """Nodes that expansions made: responses sampled, executed and scored."""
    redrawn: int = 0
    """Nodes that redraws made: committed turns that ended otherwise when their noise was drawn again."""
    merged: int = 0
    """Nodes merged into an equal one."""
    pruned: int = 0
    """Nodes that are on no committed path, the merged ones not counted."""
    seconds: Seconds = field(default_factory=Seconds)

    def __add__(self, other: Ledger) -> Ledger:
        if not isinstance(other, Ledger):
            return NotImplemented
        return Ledger(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def count_fate(self, node: Node) -> None:
        """Count a node of a finished search as merged or pruned, if it is either."""
        self.merged += node.fate is Fate.MERGED
        self.pruned += node.fate is Fate.PRUNED

    def counts(self) -> dict[str, int]:
        """Everything but the seconds."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "seconds"}

    def metrics(self, prefix: str = "train/search/") -> dict[str, float]:
        """Flat metrics: ``<prefix>prompt_tokens`` ... and ``<prefix>seconds/generation`` ..."""
        seconds = {f"seconds/{f.name}": getattr(self.seconds, f.name) for f in fields(self.seconds)}
        return {prefix + name: value for name, value in (self.counts() | seconds).items()}
