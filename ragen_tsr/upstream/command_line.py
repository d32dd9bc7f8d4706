"""The words with which a checkout's ``train.py`` calls Hydra.

It adds two folders of configuration. One does not exist, the other is in its submodule ``verl``; Hydra reads the last,
and refuses it if it is not there. verl from the package index has no such folder, and needs none: each task's
configuration names that of the installed verl itself.
"""

from __future__ import annotations

from pathlib import Path

OPTION = "--config-dir"


def drop_missing_folders(words: list[str]) -> None:
    """Take each ``--config-dir FOLDER`` whose folder is not there out of ``words``."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        following = [next(rest, "")] if word == OPTION else []
        if not following or Path(following[0]).is_dir():
            kept += [word, *following]
    words[:] = kept
