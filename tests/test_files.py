"""Files that are whole or absent; lines of JSON that a person can read."""

from __future__ import annotations

import pytest

from ragen_tsr.files import json_line, new_folder, read_json_lines, write_json_lines, write_whole

TEXTS = ["√ on its target", "two\nlines", "a line\u2028separator", "</script>", "\ud83d half a pair"]


def test_lines_come_back_as_they_were(tmp_path):
    records = [{"text": text, "number": 0.1} for text in TEXTS]
    assert read_json_lines(write_json_lines(tmp_path / "some" / "file.jsonl", records)) == records


def test_characters_stand_in_a_line_as_they_are():
    assert json_line({"state": "#√#"}) == '{"state": "#√#"}\n'


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_line_that_was_cut_short_is_left_out(tmp_path, cut):
    path = write_json_lines(tmp_path / "file.jsonl", ["first", "√√√"])
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_json_lines(path) == ["first"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = write_whole(tmp_path / "file", "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud83d")
    assert path.read_text() == "old"


def test_folders_made_in_one_second_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "now")
    made = [new_folder(tmp_path / "outputs", "run").name for _ in range(3)]
    assert made == ["run-now", "run-now-1", "run-now-2"]
