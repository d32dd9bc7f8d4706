"""Files that are whole or absent, folders that one process works in, and JSON lines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK_FILE = ".lock"


class FolderInUse(RuntimeError):
    """Another process works in the folder."""


def write_whole(target: Path, text: str) -> Path:
    """Write ``text`` to a file that appears under its name when it is complete; replaces one that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, target)
    return target


def new_folder(parent: Path, stem: str) -> Path:
    """Make ``<parent>/<stem>-<time>``, with a number behind it where one was made in the same second."""
    parent.mkdir(parents=True, exist_ok=True)
    name = f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 0
    while True:
        path = parent / (name if number == 0 else f"{name}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def held(folder: Path) -> FileLock:
    """Keep other processes out of a folder, until the end of this one or of a ``with`` block.

    Raises:
        FolderInUse: Another process has it.
    """
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FolderInUse(str(folder)) from error
    return lock


def write_json_lines(target: Path, records: Iterable[Any]) -> Path:
    """Write a file of JSON lines, whole."""
    return write_whole(target, "".join(json_line(record) for record in records))


def json_line(record: Any) -> str:
    """A record as a line of JSON, with its characters as they are, so that a person can read them."""
    line = json.dumps(record, ensure_ascii=False) + "\n"
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, as servers may send
        return json.dumps(record) + "\n"
    return line


def read_json_lines(source: Path) -> list[Any]:
    """The records of a file of JSON lines; a last line that was cut short is left out."""
    whole = source.read_bytes().rpartition(b"\n")[0]  # a cut may go through a character
    return [json.loads(line) for line in whole.split(b"\n") if line]
