"""What the checks of recorded cases share: reading the data, and comparing with types kept apart.

A module ``checks/NAME.py`` checks the cases of ``NAME.jsonl``; see ``run.py`` for what it defines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Departed(Exception):
    """The case records a fault of upstream that this project corrects on purpose."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class NotRun(Exception):
    """The case needs something that this project does not have (yet); the message says what."""


@dataclass(frozen=True)
class Context:
    """Where a check finds what the recorded cases were made with."""

    data: Path

    @cached_property
    def wording(self) -> dict[str, str]:
        """Upstream's sentences, to be put under the configuration's key ``wording``."""
        return json.loads((self.data / "wording.json").read_text(encoding="utf-8"))

    def tokenizer(self, name: str = "tokenizer-qwen-mini") -> Any:
        """The tokenizer in the folder ``name`` of the data, loaded once."""
        return _tokenizer(self.data / name)


@lru_cache
def _tokenizer(path: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(path)


def read_cases(path: Path) -> Iterator[dict[str, Any]]:
    """The cases of a file, in order. Numbers stay int or float as they are written."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def number(value: Any) -> float:
    """A recorded number, where ``"nan"``, ``"inf"`` and ``"-inf"`` stand for what JSON cannot write."""
    return _NON_FINITE[value] if isinstance(value, str) else float(value)


def plain(value: Any) -> Any:
    """``value`` as JSON would give it back, with tuples as lists and numpy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    return value


def exact(where: str, ours: Any, recorded: Any) -> list[str]:
    """Differences between two values, int and float (and bool) told apart, each with the path to it."""
    ours, recorded = plain(ours), plain(recorded)
    if type(ours) is not type(recorded):
        mine, theirs = type(ours).__name__, type(recorded).__name__
        return [f"{where}: {_short(ours)} ({mine}), recorded {_short(recorded)} ({theirs})"]
    if isinstance(ours, dict):
        found = [f"{where}.{key}: missing" for key in recorded if key not in ours]
        found += [f"{where}.{key}: not recorded" for key in ours if key not in recorded]
        return found + [
            line for key in recorded if key in ours for line in exact(f"{where}.{key}", ours[key], recorded[key])
        ]
    if isinstance(ours, list):
        found = [f"{where}: {len(ours)} entries, recorded {len(recorded)}"] if len(ours) != len(recorded) else []
        return found + [
            line for i, (a, b) in enumerate(zip(ours, recorded, strict=False)) for line in exact(f"{where}[{i}]", a, b)
        ]
    return [] if ours == recorded else [f"{where}: {_short(ours)}, recorded {_short(recorded)}"]


def close(where: str, ours: Any, recorded: Any, *, relative: float = 0.0, absolute: float = 0.0) -> list[str]:
    """Differences between (nested lists of) numbers that exceed ``absolute + relative * |recorded|``. nan
    equals nan.
    """
    if isinstance(recorded, Sequence) and not isinstance(recorded, str):
        ours = list(ours)
        found = [f"{where}: {len(ours)} entries, recorded {len(recorded)}"] if len(ours) != len(recorded) else []
        return found + [
            line
            for i, (a, b) in enumerate(zip(ours, recorded, strict=False))
            for line in close(f"{where}[{i}]", a, b, relative=relative, absolute=absolute)
        ]
    mine, theirs = number(ours), number(recorded)
    if mine == theirs or (math.isnan(mine) and math.isnan(theirs)):
        return []
    if math.isfinite(mine) and math.isfinite(theirs) and abs(mine - theirs) <= absolute + relative * abs(theirs):
        return []
    return [f"{where}: {mine!r}, recorded {theirs!r}"]


def _short(value: Any, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
