"""Where RAGEN comes from, and what is said when it cannot come from there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ragen_tsr import backend
from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.config_checks import check


@pytest.fixture(autouse=True)
def no_choice_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backend.HOME_VARIABLE, raising=False)
    monkeypatch.delenv(backend.CHOICE_VARIABLE, raising=False)


def checkout(folder: Path) -> Path:
    """A repository that looks like RAGEN, at a commit of its own."""
    module = folder / "ragen" / "llm_agent" / "es_manager.py"
    module.parent.mkdir(parents=True)
    module.touch()
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "Another commit"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True)
    return folder


def test_embedded_without_a_home() -> None:
    assert backend.home() is None
    assert not backend.is_upstream()
    assert backend.describe().startswith("embedded")
    assert backend.RunTrainer.__module__.startswith("ragen_tsr.embedded")
    with pytest.raises(backend.BackendError, match="RAGEN_HOME is not set"):
        backend.put_upstream_on_path()


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backend.HOME_VARIABLE, str(tmp_path))
    with pytest.raises(backend.BackendError, match="is not a RAGEN checkout"):
        backend.home()
    with pytest.raises(ConfigError, match="unset it to use the embedded runtime"):
        compose(parse(["sokoban", "beam", "scale=cpu"]))


def test_another_commit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backend.HOME_VARIABLE, str(checkout(tmp_path / "RAGEN")))
    with pytest.raises(backend.BackendError, match=f"the overlay is written against {backend.RAGEN_COMMIT}"):
        backend.home()


def test_a_process_that_chooses_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backend.CHOICE_VARIABLE, "upstream:/somewhere")
    with pytest.raises(backend.BackendError, match="must be the same in every process"):
        backend.home()


def test_where_ragen_comes_from_is_no_word_of_the_command() -> None:
    with pytest.raises(ConfigError, match="ragen follows from RAGEN_HOME"):
        parse(["sokoban", "beam", "ragen=upstream"])


def test_a_run_goes_on_with_the_ragen_that_it_began_with() -> None:
    config = compose(parse(["sokoban", "none", "scale=cpu"]))
    assert config.ragen == "embedded"
    config.ragen = "upstream"
    with pytest.raises(ConfigError, match=r"ragen='upstream': .* name the checkout in RAGEN_HOME"):
        check(config)
