"""The command: what it refuses, prints, runs and takes up again."""

from __future__ import annotations

import functools
import json
import subprocess

import pytest
from omegaconf import OmegaConf

from ragen_tsr.compare.runs import RunResult
from ragen_tsr.config import parse
from ragen_tsr.experiments import command
from ragen_tsr.experiments.command import main

composed = functools.lru_cache(command.compose)


@pytest.fixture(autouse=True)
def _composed_once(monkeypatch):
    monkeypatch.setattr(command, "compose", composed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table11"], "table11: must be one of table1,"),
        (["table1", "--seeds", "0"], "--seeds 0: must be at least 1"),
        (["table1", "--parallel", "0"], "--parallel 0: must be at least 1"),
        (["table1", "--tokens-per-second", "-1"], "--tokens-per-second -1.0: must be above 0"),
        (["table1", "--max-hours", "0"], "--max-hours 0.0: must be above 0"),
        (["table1", "model=tiny"], "model=tiny: model follows from the table"),
        (["table1", "fast"], "fast: no flag, and no override"),
        (["table1", "--measured", "nowhere"], "--measured nowhere: must be a run folder"),
        (["table4", "--scale", "cpu", "trainer.nonsense=1"], "trainer.nonsense=1: no such key"),
    ],
)
def test_what_cannot_work_is_refused(words, said, capsys):
    assert main(words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_runs_cost_and_figures_of_the_paper_are_printed(tmp_path, capsys):
    assert main(["table10", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "for seed in 0 1 2; do bash train.sh webshop beam scale=paper model=qwen2.5-3b" in out
    assert "3 x 43.7 h on 8 A100 = 1,049 GPU hours" in out  # 6.24 + 9.75 + 12.78 + 14.94
    assert "(14.94)" in out
    assert list(tmp_path.iterdir()) == []


def test_small_grid_has_an_estimate(tmp_path, capsys):
    assert main(["table3", "--scale", "cpu", "--folder", str(tmp_path), "--seeds", "1"]) == 0
    out = capsys.readouterr().out
    assert "by measured rates: 1 x " in out
    assert "bash eval.sh sokoban smollm2 scale=cpu    # needs pip install 'ragen_tsr[smollm]'" in out


def test_run_makes_every_setting_and_seed_then_evaluates(tmp_path, monkeypatch, capsys):
    made, evaluated = [], []

    def run_all(specs, folder, **_):
        made.extend(specs)
        return [RunResult(spec, folder / spec.name, "finished") for spec in specs]

    def run(arguments, **_):
        evaluated.append(arguments[2:])
        return subprocess.CompletedProcess(arguments, len(evaluated) - 1)

    monkeypatch.setattr(command, "run_all", run_all)
    monkeypatch.setattr(command.subprocess, "run", run)
    words = [
        "table3",
        "--scale",
        "cpu",
        "--seeds",
        "2",
        "--run",
        "--folder",
        str(tmp_path),
    ]
    assert main(words) == 3  # the second evaluation failed
    assert [spec.name for spec in made[:2]] == ["sokoban-tiny-none-seed0", "sokoban-tiny-best_of_n-seed0"]
    assert len({spec.name for spec in made}) == 16
    assert made[-1].words[:2] == ("frozen_lake", "beam")
    assert made[-1].words[-2:] == ("run_seed=1", "seed.train=110000")
    assert [words[:3] for words in evaluated] == [
        ["ragen_tsr.eval", "sokoban", "smollm2"],
        ["ragen_tsr.eval", "frozen_lake", "smollm2"],
    ]
    assert "ended with exit status 1; it needs pip install" in capsys.readouterr().out


def test_evaluations_are_taken_up_where_they_stopped(tmp_path, monkeypatch):
    begun = tmp_path / "evaluations" / "eval-sokoban-smollm2" / "eval-sokoban-smollm2-20260101-000000"
    begun.mkdir(parents=True)
    done = tmp_path / "evaluations" / "eval-frozen_lake-smollm2" / "eval-frozen_lake-smollm2-20260101-000000"
    done.mkdir(parents=True)
    (done / "evaluation.json").write_text("{}")
    (done / "episodes.jsonl").write_text('{"success": true, "response_tokens": 1, "turns": 1}\n')
    asked = []

    def run(arguments, **_):
        asked.append(arguments[3:])
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(command, "run_all", lambda specs, *_, **__: [])
    monkeypatch.setattr(command.subprocess, "run", run)
    main(["table3", "--scale", "cpu", "--seeds", "1", "--run", "--folder", str(tmp_path), "engine.batch_size=4"])
    assert [words[0] for words in asked] == [f"resume={begun}"]


def test_an_interrupted_command_says_so(tmp_path, monkeypatch, capsys):
    def run_all(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_all", run_all)
    assert main(["table3", "--scale", "cpu", "--run", "--folder", str(tmp_path)]) == 130
    assert "goes on where it stopped" in capsys.readouterr().out


def test_measuring_trains_the_dearest_setting_of_each_task_and_model(tmp_path, monkeypatch, capsys):
    timed = []

    def run_all(specs, folder, **_):
        timed.extend(specs)
        results = []
        for spec in specs:
            path = folder / spec.name
            path.mkdir(parents=True)
            config = composed(parse(spec.words))
            (path / "config.yaml").write_text(OmegaConf.to_yaml(config))
            step = {
                "step": 1,
                "timing_s/step": 30.0,
                "train/search/generated_tokens": 12_345,
                "train/search/nodes_expanded": 1000,
                "train/search/seconds/generation": 10.0,
            }
            (path / "metrics.jsonl").write_text(json.dumps(step) + "\n")
            results.append(RunResult(spec, path, "finished"))
        return results

    monkeypatch.setattr(command, "run_all", run_all)
    assert main(["table4", "--measure", "--folder", str(tmp_path)]) == 0
    assert [spec.name for spec in timed] == ["sokoban-qwen2.5-3b-beam-M6B2"]
    out = capsys.readouterr().out
    assert "1,234 generated tokens a second: sokoban-qwen2.5-3b-beam-M6B2" in out
    assert "by measured rates: 3 x " in out
