"""Files that are whole or absent, and JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_whole(target: Path, text: str) -> Path:
    """Write ``text`` to a file that appears under its name when it is complete; replaces one that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, target)
    return target


def write_json_lines(target: Path, records: Iterable[Any]) -> Path:
    """Write a file of JSON lines, whole."""
    return write_whole(target, "".join(json.dumps(record) + "\n" for record in records))


def read_json_lines(source: Path) -> list[Any]:
    """The records of a file of JSON lines; a last line that was cut short is left out."""
    whole = source.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.split("\n") if line]
