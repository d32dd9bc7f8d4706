"""Run folders: made, reopened, and left with a summary whatever happened; training itself is replaced."""

from __future__ import annotations

import json

import pytest
from omegaconf import OmegaConf

from ragen_tsr import train
from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.run_folder import RunFolder

ARGUMENTS = ["sokoban", "beam", "scale=cpu", "model=nowhere/model"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_named_after_task_search_and_time(place):
    config = compose(parse(ARGUMENTS))
    first = RunFolder.create(config, "sokoban").path
    second = RunFolder.create(compose(parse(ARGUMENTS)), "sokoban").path
    assert first != second
    assert first.parent == place / "outputs"
    assert first.name.startswith("sokoban-beam-20")
    assert config.trainer.local_log_dir == str(first)
    assert config.trainer.default_local_dir == str(first / "checkpoints")
    assert config.trainer.experiment_name == first.name


def test_a_folder_is_reopened_with_its_configuration_wherever_it_was_moved(place):
    original = RunFolder.create(compose(parse([*ARGUMENTS, "agent_proxy.max_turn=3"])), "sokoban")
    moved = place / "moved"
    original.path.rename(moved)
    folder, config = RunFolder.reopen(moved, ["trainer.total_training_steps=40"])
    assert folder.path == moved
    assert config.agent_proxy.max_turn == 3
    assert (config.trainer.total_training_steps, config.trainer.test_freq) == (40, 40)
    assert config.trainer.default_local_dir == str(moved / "checkpoints")


def test_what_is_no_run_folder_cannot_be_resumed(place):
    with pytest.raises(ConfigError, match="must be a run folder"):
        RunFolder.reopen(place, [])


def test_an_override_of_a_resumed_run_must_name_a_key(place):
    folder = RunFolder.create(compose(parse(ARGUMENTS)), "sokoban")
    with pytest.raises(ConfigError, match="nothing"):
        RunFolder.reopen(folder.path, ["trainer.nothing=1"])


def test_a_refused_command_line_leaves_nothing_behind(place, capsys):
    assert train.main(["sokoban", "beam", "scale=cpu", "search.M=0"]) == train.REFUSED
    assert "search.M=0" in capsys.readouterr().err
    assert list(place.iterdir()) == []


def run_with(place, monkeypatch, loop):
    monkeypatch.setattr(train, "train", loop)
    code = train.main(ARGUMENTS)
    (folder,) = (place / "outputs").iterdir()
    return code, folder, json.loads((folder / "summary.json").read_text())


def test_a_run_that_ends_well_says_so(place, monkeypatch, capsys):
    def loop(folder, config, console):
        print("chatter of a library")  # noqa: T201
        (folder.path / "metrics.jsonl").write_text('{"step": 1, "timing_s/step": 2.0}\n')

    code, folder, summary = run_with(place, monkeypatch, loop)
    out = capsys.readouterr().out
    assert (code, summary["status"], summary["steps"]) == (train.OK, "finished", 1)
    assert summary["command"] == "bash train.sh sokoban beam scale=cpu model=nowhere/model"
    assert OmegaConf.load(folder / "config.yaml").model_path == "nowhere/model"
    assert (folder / "report.html").exists()
    assert "embedded" in out
    assert "5 generation calls" in out
    assert "chatter" not in out
    assert "chatter of a library" in (folder / "run.log").read_text()


def test_a_run_that_fails_leaves_its_error_and_what_it_had(place, monkeypatch, capsys):
    def loop(folder, config, console):
        raise RuntimeError("the worker died")

    with pytest.raises(RuntimeError, match="the worker died"):
        run_with(place, monkeypatch, loop)
    (folder,) = (place / "outputs").iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["error"]) == ("failed", "RuntimeError: the worker died")
    assert f"resume={folder}" in capsys.readouterr().out


def test_a_run_that_is_interrupted_can_be_told_from_one_that_failed(place, monkeypatch):
    def loop(folder, config, console):
        raise KeyboardInterrupt

    code, _, summary = run_with(place, monkeypatch, loop)
    assert (code, summary["status"]) == (train.INTERRUPTED, "interrupted")
