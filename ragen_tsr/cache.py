"""Where what is built once is kept (models, catalogues), and how it comes into being exactly once.

Decides the folder, the lock and the atomic rename. Leaves the name and the contents to the builder.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/ragen_tsr``, or ``~/.cache/ragen_tsr`` where that is unset."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ragen_tsr"


def build_once(target: Path, build: Callable[[Path], None], force: bool = False) -> Path:
    """Return `target`, calling `build` to fill it if it is missing.

    `build` fills a new folder beside `target`, which is then renamed: `target` is complete or absent, also
    after a kill. Where `build` raises, the new folder is removed. Whoever comes while another process builds
    waits for that process and uses its result.

    Args:
        force: build even if `target` exists, and replace it.
    """
    if target.is_dir() and not force:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.parent / f".{target.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("another process is building %s; waiting for it", target.name)
        lock.acquire()
        force = False  # what was asked for has just been made
    try:
        if target.is_dir() and not force:
            return target
        unfinished = f".{target.name}.unfinished-"
        for leftover in target.parent.glob(f"{unfinished}*"):  # of a killed build; the lock is ours
            shutil.rmtree(leftover)
        work = Path(tempfile.mkdtemp(prefix=unfinished, dir=target.parent))
        try:
            build(work)
        except BaseException:
            shutil.rmtree(work)
            raise
        work.chmod(0o755)
        if target.is_dir():
            old = work.with_name(work.name + "-replaced")
            target.rename(old)
            work.rename(target)
            shutil.rmtree(old)
        else:
            work.rename(target)
        return target
    finally:
        lock.release()
