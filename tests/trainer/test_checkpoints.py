"""Whatever interrupts a save, the tracker names a complete checkpoint."""

import os
import shutil

import pytest

from ragen_tsr.trainer import checkpoints
from ragen_tsr.trainer.checkpoints import TRACKER, CheckpointFolder


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def save(folder, step):
    with folder.saving(step) as path:
        (path / "weights").write_text(str(step))


def test_two_are_kept_and_the_tracker_names_the_newest(tmp_path):
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=2)
    for step in (2, 4, 6):
        save(folder, step)
    assert folder.steps() == [4, 6]
    assert folder.latest() == 6
    assert (folder.path / TRACKER).read_text() == "6"


def test_no_checkpoint_is_none(tmp_path):
    folder = CheckpointFolder(tmp_path / "nothing", keep=2)
    assert folder.latest() is None
    assert folder.steps() == []
    folder.remove_partial()


def interruptions(monkeypatch):
    """Make every file operation of a save the last one of the process, one after another."""

    def arm(module, name, nth):
        calls = 0
        original = getattr(module, name)

        def killing(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == nth:
                raise Killed
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, killing)

    return arm


@pytest.mark.parametrize(
    ("module", "name", "nth", "latest"),
    [
        (os, "replace", 1, 4),  # before the folder gets its name
        (os, "replace", 2, 4),  # before the tracker is replaced
        (os, "replace", 3, 6),  # before the oldest loses its name
        (shutil, "rmtree", 2, 6),  # before the oldest is removed (the first call clears a leftover)
    ],
)
def test_a_save_cut_short_leaves_a_usable_checkpoint(tmp_path, monkeypatch, module, name, nth, latest):
    folder = CheckpointFolder(tmp_path, keep=2)
    save(folder, 2)
    save(folder, 4)
    interruptions(monkeypatch)(module, name, nth)
    with pytest.raises(Killed):
        save(folder, 6)
    monkeypatch.undo()
    again = CheckpointFolder(tmp_path, keep=2)
    again.remove_partial()
    assert again.latest() == latest
    assert (again.step_folder(latest) / "weights").read_text() == str(latest)
    assert not list(tmp_path.glob(f"*{checkpoints.PARTIAL}"))
    for step in (6, 8):
        save(again, step)
    assert again.latest() == 8
    assert again.steps() == [6, 8]


def test_a_save_cut_short_while_writing_leaves_the_previous_one(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    save(folder, 2)

    def save_half() -> None:
        with folder.saving(4) as path:
            (path / "weights").write_text("half")
            raise Killed

    with pytest.raises(Killed):
        save_half()
    assert folder.latest() == 2
    assert folder.steps() == [2]


def test_a_tracker_without_its_checkpoint_is_an_error(tmp_path):
    (tmp_path / TRACKER).write_text("7")
    with pytest.raises(FileNotFoundError, match="names step 7"):
        CheckpointFolder(tmp_path, keep=2).latest()
