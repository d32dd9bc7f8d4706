"""Many runs: kept when finished, gone on with when not, whatever is killed; training itself is scripted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import scripted_compare
from rich.console import Console

from ragen_tsr.compare import runs
from ragen_tsr.config import ConfigError
from ragen_tsr.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("none-seed0", "beam-seed0", "none-seed1")
STEPS = 20
SMALL = ("scale=cpu", "model=nowhere/model")


@pytest.fixture
def make(monkeypatch, tmp_path):
    """``make(names, ...)``: scripted runs in ``tmp_path``."""
    for name in ("TRAIN", "POLL_SECONDS", "check_all"):
        monkeypatch.setattr(runs, name, getattr(runs, name))  # what scripted_compare replaces is put back
    runs.TRAIN, runs.POLL_SECONDS = (
        (sys.executable, str(Path(scripted_compare.__file__).with_name("scripted_train.py"))),
        0.02,
    )

    def run(*names, steps=STEPS, **settings):
        results = scripted_compare.main(tmp_path, steps, *names, **settings)
        return {result.spec.name: result.status for result in results}

    return run


def steps_of(folder):
    if not (folder / "metrics.jsonl").is_file():  # it has not come to its first step
        return []
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def starts_of(folder):
    return (folder / "starts.log").read_text().count("start")


def test_every_run_is_made_once_and_read_back(make, tmp_path):
    assert set(make(*NAMES, parallel=2).values()) == {"finished"}
    assert set(make(*NAMES).values()) == {"finished"}
    for name in NAMES:
        assert steps_of(tmp_path / "runs" / name) == list(range(STEPS + 1))
        assert starts_of(tmp_path / "runs" / name) == 1


def test_a_run_that_fails_does_not_stop_the_others_and_is_tried_again(make, tmp_path):
    found = make(*NAMES, failing=NAMES[:1])
    assert found == {NAMES[0]: "failed", NAMES[1]: "finished", NAMES[2]: "finished"}
    assert set(make(*NAMES).values()) == {"finished"}
    assert [starts_of(tmp_path / "runs" / name) for name in NAMES] == [2, 1, 1]


def test_a_run_that_fails_before_its_first_step_is_tried_once_more(make, tmp_path):
    folder = tmp_path / "runs" / NAMES[0]
    folder.mkdir(parents=True)
    (folder / "fail-at-start").touch()
    assert make(*NAMES[:2]) == {NAMES[0]: "finished", NAMES[1]: "finished"}


def test_when_time_is_up_runs_are_interrupted_and_go_on_later(make, tmp_path):
    found = make(*NAMES, steps=150, max_seconds=2.0)
    assert found == {NAMES[0]: "interrupted", NAMES[1]: "not started", NAMES[2]: "not started"}
    assert len(steps_of(tmp_path / "runs" / NAMES[0])) < 150
    assert make(NAMES[0], steps=150) == {NAMES[0]: "finished"}
    assert steps_of(tmp_path / "runs" / NAMES[0]) == list(range(151))


def test_a_later_budget_goes_on_with_a_finished_run(make, tmp_path):
    make(NAMES[0], steps=5)
    make(NAMES[0], steps=9)
    assert steps_of(tmp_path / "runs" / NAMES[0]) == list(range(10))


def test_killed_at_any_moment_and_started_again_nothing_is_lost_or_repeated(tmp_path):
    command = [sys.executable, scripted_compare.__file__, str(tmp_path), str(STEPS), *NAMES]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ends: list[int] = []
    kills = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGKILL]
    for number, kill in enumerate(kills):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:  # until something new has been written
            if sum(starts_of(path.parent) for path in tmp_path.glob("runs/*/starts.log")) > number // 2:
                break
            time.sleep(0.005)
        time.sleep(0.07 * number)
        process.send_signal(kill)
        ends.append(process.wait(60))
    assert sum(end != 0 for end in ends) >= 3  # most came in time
    assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=120).returncode == 0
    before = [starts_of(tmp_path / "runs" / name) for name in NAMES]
    assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=120).returncode == 0
    for name, starts in zip(NAMES, before, strict=True):
        folder = tmp_path / "runs" / name
        assert steps_of(folder) == list(range(STEPS + 1))
        assert starts_of(folder) == starts


def test_a_run_that_another_process_trains_is_waited_for(make, tmp_path):
    folder = tmp_path / "runs" / NAMES[0]
    runs.RunFolder.make(folder, scripted_compare.config(STEPS, None))
    orphan = subprocess.Popen([*runs.TRAIN, f"resume={folder}"])
    while not (folder / "metrics.jsonl").exists():
        time.sleep(0.005)
    with pytest.raises(ConfigError, match="another process is training"):
        RunFolder(folder).lock()
    assert make(NAMES[0]) == {NAMES[0]: "finished"}
    assert orphan.wait(60) == 0
    assert starts_of(folder) == 1


def test_words_that_cannot_work_are_refused_before_anything_is_made(tmp_path):
    specs = [
        runs.RunSpec("good", ("sokoban", "none", *SMALL)),
        runs.RunSpec("bad", ("sokoban", "beam", *SMALL, "search.B=0")),
    ]
    with pytest.raises(ConfigError, match=r"bad: .*B"):
        runs.run_all(specs, tmp_path, console=Console(quiet=True))
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="named alike: good"):
        runs.check_all([specs[0], specs[0]], tmp_path)


def test_a_run_made_with_other_settings_is_refused_but_its_budgets_may_grow(tmp_path):
    words = ("sokoban", "none", *SMALL)
    [folder] = runs.prepare([runs.RunSpec("one", words)], tmp_path)
    runs.prepare([runs.RunSpec("one", (*words, "trainer.total_training_steps=99"))], tmp_path)
    assert "total_training_steps: 99" in (folder / "config.yaml").read_text()
    with pytest.raises(ConfigError, match=r"agent_proxy.max_turn=5, not 4"):
        runs.prepare([runs.RunSpec("one", (*words, "agent_proxy.max_turn=4"))], tmp_path)
