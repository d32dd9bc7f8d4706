"""The folders of configuration that ``train.py`` adds to its words."""

from __future__ import annotations

from ragen_tsr.upstream.command_line import drop_missing_folders


def test_folders_that_are_not_there_are_dropped(tmp_path):
    words = ["train.py", "--config-name", "_2_sokoban", "search.name=beam"]
    called = [*words, "--config-dir", str(tmp_path / "nothing"), "--config-dir", str(tmp_path)]
    drop_missing_folders(called)
    assert called == [*words, "--config-dir", str(tmp_path)]
    drop_missing_folders(called)
    assert called == [*words, "--config-dir", str(tmp_path)]
