"""The command that takes the pictures in docs/."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from recorded_run import two_slots, write_run
from view_browser import CHROMIUM

COMMAND = Path(__file__).resolve().parents[2] / "docs" / "screenshots.py"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def take():
    spec = importlib.util.spec_from_file_location("screenshots", COMMAND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_a_picture_of_the_viewer_has_its_size(take, tmp_path):
    run = write_run(tmp_path / "run", {1: [two_slots()]})
    assert take([f"viewer={run}#step=1&slot=1", "--into", str(tmp_path / "docs")]) == 0
    written = (tmp_path / "docs" / "viewer.png").read_bytes()
    assert written[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(written[16:20], "big"), int.from_bytes(written[20:24], "big")) == (1600, 1000)


@pytest.mark.parametrize("words", ["viewer", "viewer=", "viewer={nowhere}", "report={nowhere}"])
def test_words_that_cannot_work_are_refused(take, words, tmp_path, capsys):
    assert take([words.format(nowhere=tmp_path / "nowhere"), "--into", str(tmp_path)]) == 2
    assert capsys.readouterr().err
