"""kill -9 in a real run, with Ray, verl's workers and a search: the resumed run repeats the uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ragen_tsr.trainer.metrics_log import is_timing

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 400  # seconds for one start
STEPS = 3
COMMAND = [
    *("sokoban", "beam", "search.M=2", "search.B=2", "scale=cpu"),
    *("es_manager.train.env_groups=2", "es_manager.train.group_size=2", "es_manager.val.env_groups=2"),
    *("agent_proxy.max_turn=2", "actor_rollout_ref.rollout.response_length=8"),
    *("actor_rollout_ref.rollout.rollout_filter_value=0.5", "ppo_mini_batch_size=2"),
    *("micro_batch_size_per_gpu=2", "trainer.save_freq=1", "trainer.test_freq=2"),
    *(f"trainer.total_training_steps={STEPS}", "trainer.logger=[]"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained policy of two thin layers."""
    from ragen_tsr.models.recipe import ModelRecipe
    from ragen_tsr.models.sft import build_model
    from ragen_tsr.models.tokenizer import build_tokenizer

    folder = tmp_path_factory.mktemp("model")
    tokenizer = build_tokenizer(["Up", "Down", "<answer>"], 400, 1, 2048)
    tokenizer.save_pretrained(folder)
    recipe = ModelRecipe(hidden_size=32, intermediate_size=64, layers=2, heads=4, max_positions=2048)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        build_model(recipe, tokenizer).save_pretrained(folder)
    return folder


def start(log: Path, *arguments: str) -> subprocess.Popen:
    """Start a run's driver."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with log.open("a") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "ragen_tsr.train", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


def kill_when(process: subprocess.Popen, log: Path, moment: Callable[[], bool]) -> None:
    """Kill the driver at a moment; it is stopped first, so that the moment is not over when it dies."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        assert process.poll() is None, f"the run ended before it was killed:\n{log.read_text()[-4000:]}"
        if moment():
            process.send_signal(signal.SIGSTOP)
            if moment():
                process.kill()
                process.wait()
                return
            process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
    process.kill()
    pytest.fail(f"the moment did not come in {LIMIT} s:\n{log.read_text()[-4000:]}")


def run_folder(parent: Path) -> Path | None:
    """The only run folder in `parent`, if it has been made."""
    return next(iter(parent.glob("sokoban-*")), None)


def lines(folder: Path) -> list[dict]:
    """What a run logged, without what measures the machine."""
    logged = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if not is_timing(name)} for line in logged]


@pytest.mark.slow
def test_a_run_killed_inside_a_save_and_inside_a_step_goes_on_as_if_nothing_had_happened(tmp_path, model):
    command = [*COMMAND, f"model_path={model}"]
    whole_log, log = tmp_path / "whole.log", tmp_path / "cut.log"
    whole = start(whole_log, *command, f"trainer.local_log_dir={tmp_path / 'whole'}")
    try:
        cut = start(log, *command, f"trainer.local_log_dir={tmp_path / 'cut'}")

        def inside_second_save() -> bool:
            folder = run_folder(tmp_path / "cut")
            return folder is not None and (folder / "checkpoints" / "global_step_2.partial").exists()

        kill_when(cut, log, inside_second_save)
        folder = run_folder(tmp_path / "cut")
        assert folder is not None
        checkpoints = folder / "checkpoints"
        assert (checkpoints / "latest_checkpointed_iteration.txt").read_text() == "1"

        resumed = start(log, f"resume={folder}")
        metrics = folder / "metrics.jsonl"
        kill_when(resumed, log, lambda: metrics.read_text().count("\n") == 3)  # 0, 1, 2: step 3 begins

        assert start(log, f"resume={folder}").wait(LIMIT) == 0, log.read_text()[-4000:]
        assert whole.wait(LIMIT) == 0, whole_log.read_text()[-4000:]
    finally:
        whole.kill()
    uninterrupted = run_folder(tmp_path / "whole")
    assert uninterrupted is not None
    assert lines(folder) == lines(uninterrupted)
    assert [line["step"] for line in lines(folder)] == list(range(STEPS + 1))
    assert sorted(path.name for path in checkpoints.glob("global_step_*")) == [
        "global_step_2",
        "global_step_3",
    ]
    for line in lines(folder)[1:]:
        assert line["actor/grad_norm"] > 0
        assert line["critic/grad_norm"] > 0
