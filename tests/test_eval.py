"""eval.sh from command line to table, with the tiny policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragen_tsr import eval as command
from ragen_tsr.evaluation.folder import EPISODES_FILE

PROMPTS = 6


def played(lines: list[str]) -> list[dict]:
    """The records by place, without the time they took."""
    records = [json.loads(line) | {"seconds": None} for line in lines]
    return sorted(records, key=lambda record: record["index"])


@pytest.fixture(scope="module")
def finished(tiny_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation of the tiny policy."""
    parent = tmp_path_factory.mktemp("outputs")
    words = ["sokoban", str(tiny_policy), "scale=cpu", f"evaluation.prompts={PROMPTS}", "evaluation.batch=4"]
    assert command.main([*words, f"trainer.local_log_dir={parent}"]) == command.OK
    [folder] = parent.iterdir()
    return folder


def test_it_leaves_episodes_figures_and_a_page(finished):
    episodes = [json.loads(line) for line in (finished / EPISODES_FILE).read_text().splitlines()]
    assert sorted(episode["index"] for episode in episodes) == list(range(PROMPTS))
    written = json.loads((finished / "evaluation.json").read_text())
    success = sum(episode["success"] for episode in episodes) / PROMPTS
    assert written["parts"]["all"]["success"]["estimate"] == pytest.approx(success)
    assert 0 < written["parts"]["all"]["entropy"]["estimate"] < 2
    assert (finished / "evaluation.html").exists()
    assert (finished / "evaluation.csv").exists()


def test_going_on_with_a_finished_one_plays_nothing_and_says_the_same(finished, capsys):
    before = (finished / EPISODES_FILE).read_text()
    figures = json.loads((finished / "evaluation.json").read_text())["parts"]
    assert command.main([f"resume={finished}"]) == command.OK
    assert (finished / EPISODES_FILE).read_text() == before
    assert json.loads((finished / "evaluation.json").read_text())["parts"] == figures
    assert f"{PROMPTS} of {PROMPTS} episodes are there already" in capsys.readouterr().out


def test_an_interrupted_one_goes_on_where_it_was(finished, capsys):
    """Last of this file: it plays the second half of the episodes again."""
    path = finished / EPISODES_FILE
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: PROMPTS // 2]) + lines[-1][:20])
    assert command.main([f"resume={finished}"]) == command.OK
    again = path.read_text().splitlines(keepends=True)
    assert again[: PROMPTS // 2] == lines[: PROMPTS // 2]

    for record, first in zip(played(again), played(lines), strict=True):
        assert record.pop("neg_log_prob") == pytest.approx(first.pop("neg_log_prob"), rel=1e-4)  # other batches
        assert record == first
    assert f"{PROMPTS // 2} of {PROMPTS} episodes are there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sokoban"], "usage: bash eval.sh ENV MODEL"),
        (["sokoban", "tiny", "evaluation.batch=0"], "evaluation.batch=0"),
        (["sokoban", "./nowhere"], "no such folder"),
        (["sokoban", "api:chat", "engine.base_url=http://localhost:1/v1"], "OPENAI_API_KEY"),
    ],
)
def test_what_cannot_work_is_refused_with_status_2(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert command.main([*words, "scale=cpu", f"trainer.local_log_dir={tmp_path}"]) == command.REFUSED
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
