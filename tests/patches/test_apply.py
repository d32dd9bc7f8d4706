"""Putting lines in and taking them out: all or nothing, only on what is known, and back to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_checkout import tool


def test_lines_are_put_in_their_places_and_taken_out_to_the_byte(made_up):
    before = made_up.files()
    assert made_up.run() == (0, "applied: 6 lines in 2 files\n", "")
    train = (made_up.path / "train.py").read_bytes().splitlines()
    assert [train[5], train[21:23], train[33]] == [b"ours 1", [b"ours 2", b"ours 3"], b"ours 4"]
    base = (made_up.path / "config" / "base.yaml").read_bytes()
    assert base == b"ours: 5\nfirst: 1\nsecond: 2\nours: 6\nthird: 3\n"
    assert made_up.git("diff", "--shortstat") == "2 files changed, 6 insertions(+)"
    assert made_up.run("--undo") == (0, "undone: 6 lines in 2 files\n", "")
    assert made_up.files() == before
    assert made_up.git("status", "--porcelain") == ""


def test_twice_is_once(made_up):
    made_up.run()
    once = made_up.files()
    assert made_up.run() == (0, "already applied: 6 lines in 2 files\n", "")
    assert made_up.files() == once
    made_up.run("--undo")
    assert made_up.run("--undo") == (0, "nothing to undo: no patch is applied\n", "")


def test_git_reads_the_same_patches(made_up):
    made_up.run()
    ours = made_up.files()
    made_up.run("--undo")
    made_up.git("apply", "--unidiff-zero", *map(str, sorted(made_up.patches.glob("*.patch"))))
    assert made_up.files() == ours
    assert made_up.run("--check")[1].startswith("applied: ")


def test_check_status_and_diff_change_nothing(made_up):
    for applied in (False, True):
        if applied:
            made_up.run()
        before = made_up.files()
        status, said, _ = made_up.run("--check")
        assert (status, said.split(":")[0]) == (0, "applied" if applied else "can be applied")
        status, said, _ = made_up.run("--status")
        assert status == 0
        assert said.count("not applied") == (0 if applied else 2)
        status, shown, _ = made_up.run("--diff")
        assert status == 0
        assert [line for line in shown.splitlines() if line.startswith("+ours")] == [
            f"+ours {n}" for n in (1, 2, 3, 4)
        ] + [
            "+ours: 5",
            "+ours: 6",
        ]
        assert " line 5\n+ours 1\n line 6" in shown
        assert not [line for line in shown.splitlines() if line.startswith("-") and not line.startswith("---")]
        assert made_up.files() == before


@pytest.mark.parametrize("word", ["", "--check", "--diff", "--undo"])
def test_another_commit_is_refused(made_up, word):
    other = made_up.commit({"other.txt": b"moved on\n"})
    before = made_up.files()
    status, _, fault = made_up.run(*filter(None, [word]))
    assert status == 1
    assert other in fault
    assert "checkout" in fault
    assert "docs/patches.md" in fault
    assert made_up.files() == before


@pytest.mark.parametrize("word", ["", "--check", "--diff", "--undo"])
def test_a_changed_file_is_refused_and_nothing_touched(made_up, word):
    if word == "--undo":
        made_up.run()
    with (made_up.path / "config" / "base.yaml").open("ab") as file:
        file.write(b"mine: 7\n")
    before = made_up.files()
    status, _, fault = made_up.run(*filter(None, [word]))
    assert status == 1
    assert "config/base.yaml is changed by somebody else" in fault
    assert "train.py" not in fault.replace(str(made_up.path), "")
    assert f"git -C {made_up.path} checkout HEAD -- config/base.yaml" in fault
    assert made_up.files() == before


def test_a_missing_file_is_refused(made_up):
    (made_up.path / "train.py").unlink()
    status, _, fault = made_up.run()
    assert status == 1
    assert "train.py is missing" in fault


def test_other_changes_of_the_checkout_are_nobodys_business(made_up):
    (made_up.path / "other.txt").write_bytes(b"mine\n")
    (made_up.path / "new.txt").write_bytes(b"new\n")
    assert made_up.run()[0] == 0


def test_half_a_state_is_refused_and_undone(made_up):
    before = made_up.files()
    made_up.run()
    made_up.git("checkout", "HEAD", "--", "train.py")
    half = made_up.files()
    for word in ([], ["--check"], ["--diff"]):
        status, _, fault = made_up.run(*word)
        assert status == 1
        assert "train.py: not applied" in fault
        assert "config/base.yaml: applied" in fault
        assert "--undo first" in fault
        assert made_up.files() == half
    assert made_up.run("--undo") == (0, "undone: 2 lines in 1 file\n", "")
    assert made_up.files() == before


@pytest.mark.parametrize("word", ["", "--undo"])
def test_when_a_file_cannot_be_written_none_is(made_up, monkeypatch, word):
    if word:
        made_up.run()
    before = made_up.files()
    replace, calls = os.replace, []

    def second_fails(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise PermissionError(13, "not permitted", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    status, _, fault = made_up.run(*filter(None, [word]))
    assert status == 1
    assert "The checkout is as it was" in fault
    assert len(calls) == 3  # the first file, the second, and the first again
    assert made_up.files() == before


def test_interrupting_between_two_files_puts_the_first_back(made_up, monkeypatch):
    before = made_up.files()
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made_up.run()
    assert made_up.files() == before


def test_what_is_no_root_of_a_clone_is_refused(made_up, tmp_path):
    for path, said in (
        (tmp_path / "nothing", "no such folder"),
        (made_up.path / "config", "not its root"),
        (tmp_path, "not a git repository"),
    ):
        status, _, fault = made_up.run(path=path)
        assert status == 1
        assert said in fault


def test_no_git_no_work(made_up, monkeypatch):
    monkeypatch.setenv("PATH", "")
    status, _, fault = made_up.run()
    assert status == 1
    assert "git is not installed" in fault


def test_a_link_stays_a_link(made_up):
    real = made_up.path.parent / "real.yaml"
    file = made_up.path / "config" / "base.yaml"
    file.rename(real)
    file.symlink_to(real)
    assert made_up.run()[0] == 0
    assert file.is_symlink()
    assert b"ours: 5" in real.read_bytes()


def test_the_command_needs_nothing_but_python(tmp_path):
    command = [sys.executable, "-S", "-E", str(Path(tool.__file__)), str(tmp_path / "nothing"), "--status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "no such folder" in done.stderr) == (1, True)
