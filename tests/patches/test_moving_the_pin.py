"""The patches on a made-up checkout that drifted: places are found again, or a person is asked."""

from __future__ import annotations

import subprocess

import pytest
from made_up_checkout import BASE, TRAIN, read_all


def _without(line: bytes, content: bytes = TRAIN) -> bytes:
    return content.replace(line, b"")


def test_lines_that_shifted_are_found_again(made_up):
    drifted = b"new 1\nnew 2\n" + TRAIN.replace(b"line 12\n", b"line 12 is another\n").replace(b"line 15\n", b"")
    new = made_up.commit({"train.py": drifted})
    assert made_up.run()[0] == 1
    status, said, _ = made_up.run("--move-pin")
    assert status == 0
    assert f"patches written for {new}" in said
    assert " train.py " in said
    assert "RAGEN_COMMIT" in said
    assert "tests/upstream/run.sh" in said
    before = made_up.files()
    assert made_up.run()[0] == 0
    train = (made_up.path / "train.py").read_bytes()
    assert b"line 5\nours 1\nline 6\n" in train
    assert b"line 20\nours 2\nours 3\nline 21\n" in train
    assert train.endswith(b"line 30\nours 4\n")
    made_up.run("--undo")
    assert made_up.files() == before


def test_permissions_that_changed_are_moved(made_up):
    (made_up.path / "train.py").chmod(0o644)
    made_up.commit({})
    assert made_up.run("--move-pin")[0] == 0
    assert [patch.mode for patch in read_all(made_up.patches)] == ["100644", "100644"]


def test_nothing_but_the_commit_changes_where_upstream_changed_elsewhere(made_up):
    old = read_all(made_up.patches)
    new = made_up.commit({"other.txt": b"moved on\n"})
    status, said, _ = made_up.run("--move-pin")
    assert status == 0
    assert "nothing changed in what the overlay relies on" in said
    for was, now in zip(old, read_all(made_up.patches), strict=True):
        assert (now.commit, now.hunks, now.before, now.after) == (new, was.hunks, was.before, was.after)


@pytest.mark.parametrize(
    "content",
    [_without(b"line 20\n"), _without(b"line 21\n"), TRAIN.replace(b"line 21\n", b"between\nline 21\n")],
    ids=["line before", "line after", "something between"],
)
def test_a_place_that_is_gone_is_a_persons_to_find(made_up, content):
    made_up.commit({"train.py": content, "config/base.yaml": b"zeroth: 0\n" + BASE})
    patches = {file: file.read_bytes() for file in made_up.patches.iterdir()}
    status, _, fault = made_up.run("--move-pin")
    assert status == 1
    assert "10-train.patch: the place after line 20 of train.py is not there any more" in fault
    assert "--place 10-train.patch:20=LINE" in fault
    assert "No patch was written" in fault
    assert {file: file.read_bytes() for file in made_up.patches.iterdir()} == patches


def test_a_place_that_a_person_found(made_up):
    made_up.commit({"train.py": TRAIN.replace(b"line 21\n", b"between\nline 21\n")})
    assert made_up.run("--move-pin", "--place", "10-train.patch:20=21")[0] == 0
    made_up.run()
    assert b"line 20\nbetween\nours 2\nours 3\nline 21\n" in (made_up.path / "train.py").read_bytes()


@pytest.mark.parametrize(
    ("place", "said"),
    [("10-train.patch:19=21", "no such place: 10-train.patch:19"), ("10-train.patch:20=2", "out of order")],
)
def test_a_place_that_cannot_be_is_refused(made_up, place, said):
    made_up.commit({"train.py": TRAIN.replace(b"line 21\n", b"between\nline 21\n")})
    status, _, fault = made_up.run("--move-pin", "--place", place)
    assert status == 1
    assert said in fault


@pytest.mark.parametrize("words", [["--move-pin", "--place", "nonsense"], ["--place", "10-train.patch:20=21"]])
def test_a_place_that_is_none_or_for_nothing(made_up, words):
    with pytest.raises(SystemExit) as ended:
        made_up.run(*words)
    assert ended.value.code == 2


def test_a_file_that_is_gone(made_up):
    made_up.commit({"train.py": None})
    status, _, fault = made_up.run("--move-pin")
    assert status == 1
    assert "10-train.patch: train.py is not in" in fault


def test_a_changed_file_is_not_moved_to(made_up):
    made_up.commit({"other.txt": b"moved on\n"})
    (made_up.path / "train.py").write_bytes(b"mine\n")
    status, _, fault = made_up.run("--move-pin")
    assert status == 1
    assert "train.py is not as committed" in fault


def test_history_that_is_not_there_is_asked_for(made_up, tmp_path):
    old = made_up.git("rev-parse", "HEAD")
    made_up.commit({"other.txt": b"moved on\n"})
    shallow = tmp_path / "shallow"
    command = ["git", "clone", "--quiet", "--depth", "1", f"file://{made_up.path}", str(shallow)]
    subprocess.run(command, check=True, capture_output=True)
    status, _, fault = made_up.run("--move-pin", path=shallow)
    assert status == 1
    assert f"fetch origin {old}" in fault


def test_lines_that_were_edited_get_their_counts_and_ids(made_up):
    file = made_up.patches / "10-train.patch"
    file.write_bytes(file.read_bytes().replace(b"+ours 1\n", b"+ours 1\n+ours, too\n"))
    status, _, fault = made_up.run()
    assert status == 1
    assert "10-train.patch: line numbers or counts do not agree with its lines" in fault
    assert made_up.run("--move-pin")[0] == 0
    assert made_up.run() == (0, "applied: 7 lines in 2 files\n", "")
    assert b"line 5\nours 1\nours, too\nline 6\n" in (made_up.path / "train.py").read_bytes()
