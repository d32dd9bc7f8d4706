"""Where checkpoints lie on the disk, and in which order they come and go.

    <folder>/global_step_<n>/...                  complete, always
    <folder>/*.partial                            being written or removed, or cut short in that
    <folder>/latest_checkpointed_iteration.txt    the n to resume from (verl's tracker file)

A checkpoint is written under its partial name, renamed, then named in the tracker (itself written by rename),
and only then are old ones removed. Killed at any moment, the folder still has the checkpoint that the tracker
names. What is in a checkpoint is the trainer's and the workers' business.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

TRACKER = "latest_checkpointed_iteration.txt"
PARTIAL = ".partial"
_COMPLETE_NAME = re.compile(r"global_step_(\d+)")


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: the folder; made on the first save
        keep: how many of the newest checkpoints stay, None for all
    """

    def __init__(self, path: Path, keep: int | None) -> None:
        self.path = path
        self.keep = keep

    def step_folder(self, step: int) -> Path:
        """Where the checkpoint of a step lies once it is complete."""
        return self.path / f"global_step_{step}"

    def steps(self) -> list[int]:
        """Steps with a complete checkpoint, ascending."""
        if not self.path.is_dir():
            return []
        matches = (_COMPLETE_NAME.fullmatch(entry.name) for entry in self.path.iterdir())
        return sorted(int(match.group(1)) for match in matches if match)

    def latest(self) -> int | None:
        """The step that the tracker names, None without a tracker.

        Raises FileNotFoundError when the tracker names a checkpoint that is not there, ValueError when it is
        not a number.
        """
        tracker = self.path / TRACKER
        if not tracker.exists():
            return None
        step = int(tracker.read_text())
        if not self.step_folder(step).is_dir():
            raise FileNotFoundError(f"{tracker} names step {step}, but {self.step_folder(step)} does not exist")
        return step

    def remove_partial(self) -> None:
        """Remove what an interrupted save or removal left behind."""
        for leftover in sorted(self.path.glob(f"*{PARTIAL}")):
            logger.warning("removing %s, left by an interrupted save", leftover)
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    @contextmanager
    def saving(self, step: int) -> Iterator[Path]:
        """Give the folder to write a checkpoint into; it counts once the block has ended without an error."""
        self.path.mkdir(parents=True, exist_ok=True)
        final = self.step_folder(step)
        partial = final.with_name(final.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        if final.exists():  # complete, but never named in the tracker
            self._remove(final)
        os.replace(partial, final)
        tracker = self.path / TRACKER
        temporary = tracker.with_name(tracker.name + PARTIAL)
        temporary.write_text(str(step))
        os.replace(temporary, tracker)
        self._prune(step)

    def _prune(self, newest: int) -> None:
        if self.keep is None:
            return
        for step in [step for step in self.steps() if step <= newest][: -self.keep]:
            self._remove(self.step_folder(step))

    @staticmethod
    def _remove(folder: Path) -> None:
        """Take the name away before the content: a name always stands for a complete checkpoint."""
        doomed = folder.with_name(f"{folder.name}.old{PARTIAL}")
        os.replace(folder, doomed)
        shutil.rmtree(doomed)
