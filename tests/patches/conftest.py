"""The made-up checkout, and the command run on it in this process."""

from __future__ import annotations

from pathlib import Path

import made_up_checkout
import pytest
from made_up_checkout import MadeUp, tool


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> MadeUp:
    """A checkout with two files to patch, clean, and two patches for it."""
    monkeypatch.setattr(tool, "FOLDER", tmp_path / "patches")

    def run(*words: str, path: Path | None = None) -> tuple[int, str, str]:
        status = tool.main([str(path or checkout.path), *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    checkout = made_up_checkout.make(tmp_path / "checkout", tmp_path / "patches", run)
    return checkout
