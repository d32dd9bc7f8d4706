"""Whether an evaluation of a run repeats the run's own validation.

Both play the same prompts with the same noise, so that equal weights give equal episodes: a difference says that the
weights, the engine or its arithmetic is another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragen_tsr.files import read_json_lines
from ragen_tsr.trainer.steps import VALIDATION_FOLDER, step_file

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """The evaluation beside the run's own validation, on the prompts that both have played."""

    prompts: int
    theirs: float
    """Success of the run's own validation on them."""
    ours: float
    equal: int
    """Episodes that are the same in every word."""

    def sentence(self, searched: bool) -> str:
        """For people."""
        rest = f"{self.theirs:.3f} on these {self.prompts} prompts"
        if searched:
            return f"the run's own validation, without search, had {rest}; here {self.ours:.3f}"
        if self.equal == self.prompts:
            return f"the run's own validation had {rest}: equal, episode by episode"
        return f"the run's own validation had {rest}: differs, here {self.ours:.3f} ({self.equal} episodes equal)"


def compare(run: Path, step: int, episodes: Sequence[Record]) -> Comparison | None:
    """Compare with ``run``'s validation at ``step``; None if there was none, or none of these prompts."""
    source = run / VALIDATION_FOLDER / step_file(step)
    if not source.is_file():
        return None
    theirs: dict[Any, Record] = {}
    for record in read_json_lines(source):
        theirs.setdefault(_place(record), record)  # the first round, where there are several
    pairs = [(theirs[_place(record)], record) for record in episodes if _place(record) in theirs]
    if not pairs:
        return None
    return Comparison(
        len(pairs),
        sum(bool(their["success"]) for their, _ in pairs) / len(pairs),
        sum(bool(our["success"]) for _, our in pairs) / len(pairs),
        sum(_played(their) == _played(our) for their, our in pairs),
    )


def _place(record: Record) -> tuple[Any, ...]:
    return record["index"], record["tag"], record["seed"]


def _played(record: Record) -> tuple[Any, ...]:
    turns = [(turn["state"], turn["response"], turn["actions"], turn["reward"]) for turn in record["history"]]
    return record["start"], turns, record["final_state"], record["success"]
