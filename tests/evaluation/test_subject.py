"""What MODEL may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragen_tsr.config import ConfigError
from ragen_tsr.evaluation.subject import find


def a_run(folder: Path, *steps: int) -> Path:
    """What of a run's folder decides what it is."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("run_seed: 0\n")
    for step in steps:
        actor = folder / "checkpoints" / f"global_step_{step}" / "actor"
        actor.mkdir(parents=True)
        (actor / "fsdp_config.json").write_text("{}")
        (folder / "checkpoints" / "latest_checkpointed_iteration.txt").write_text(str(step))
    return folder


@pytest.mark.parametrize("word", ["tiny", "smollm2", "Qwen/Qwen2.5-0.5B-Instruct"])
def test_a_name_is_a_model(word):
    subject = find(word)
    assert (subject.model, subject.run, subject.step) == (word, None, 0)
    assert "/" not in subject.slug


def test_a_servers_model():
    subject = find("api:org/chat-4")
    assert (subject.api, subject.model) == ("org/chat-4", None)
    assert subject.slug == "org-chat-4"


def test_a_run_is_its_newest_checkpoint(tmp_path):
    run = a_run(tmp_path / "sokoban-beam-1", 9, 20)
    for word in (run, run / "checkpoints" / "global_step_20", run / "checkpoints" / "global_step_20" / "actor"):
        subject = find(str(word))
        assert subject.checkpoint == str(run / "checkpoints" / "global_step_20")
        assert (subject.run, subject.step) == (str(run), 20)
        assert subject.slug == "sokoban-beam-1-step20"
    assert find(str(run / "checkpoints" / "global_step_9")).step == 9


def test_a_checkpoint_by_itself_has_no_run(tmp_path):
    run = a_run(tmp_path / "run", 5)
    moved = (run / "checkpoints" / "global_step_5").rename(tmp_path / "global_step_5")
    subject = find(str(moved))
    assert (subject.checkpoint, subject.run, subject.step) == (str(moved), None, 5)


def test_a_folder_with_a_model(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert find(str(tmp_path)).model == str(tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "nowhere", "no such folder"),
        (lambda folder: folder, "must be a run folder"),
        (lambda folder: a_run(folder / "run"), r"no complete checkpoint; train with trainer\.save_freq"),
        (lambda folder: (folder / "global_step_3").mkdir() or folder / "global_step_3", "no complete checkpoint"),
    ],
    ids=["nowhere", "empty", "no-checkpoint", "empty-checkpoint"],
)
def test_what_cannot_be_evaluated_is_refused(tmp_path, make, message):
    with pytest.raises(ConfigError, match=message):
        find(str(make(tmp_path)))


def test_api_needs_a_name():
    with pytest.raises(ConfigError, match="api:NAME"):
        find("api:")
