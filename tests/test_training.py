"""Real training, small: verl's workers under Ray, FSDP updates, every method; what a run leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragen_tsr.report import write_report
from ragen_tsr.train import build_trainer, open_run

STEPS = 2
SMALL = [
    "scale=cpu",
    "run_seed=7",  # the Ray session's
    "es_manager.train.env_groups=2",
    "es_manager.train.group_size=2",
    "es_manager.val.env_groups=4",
    "agent_proxy.max_turn=3",
    "ppo_mini_batch_size=4",
    "micro_batch_size_per_gpu=4",
    "actor_rollout_ref.rollout.rollout_filter_value=1.0",
    f"trainer.total_training_steps={STEPS}",
    "trainer.save_freq=1",
]


@pytest.fixture
def trainer_of(ray_session: Any, tiny_policy: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``trainer_of(method, *overrides)``: a trainer with its workers started, which end with the test."""
    made: list[Any] = []

    def make(method: str, *overrides: str) -> Any:
        _, config = open_run(["sokoban", method, *SMALL, f"trainer.local_log_dir={tmp_path}", *overrides])
        config.model_path = str(tiny_policy)
        trainer = build_trainer(config)
        made.append(trainer)
        trainer.init_workers()
        trainer.init_agent_proxy()
        return trainer

    yield make
    for trainer in made:
        groups = [trainer.actor_rollout_wg, *([trainer.critic_wg] if trainer.use_critic else [])]
        for worker in {worker for group in groups for worker in group.workers}:
            ray_session.kill(worker)
        for pool in trainer.resource_pool_manager.resource_pool_dict.values():
            for placement_group in pool.pgs or []:
                ray_session.util.remove_placement_group(placement_group)


@pytest.mark.parametrize(
    ("method", "algo"),
    [("none", "ppo"), ("best_of_n", "ppo"), ("lookahead", "ppo"), ("beam", "ppo"), ("beam", "grpo")],
)
def test_every_method_trains_for_real(trainer_of, method, algo):
    trainer = trainer_of(method, f"algo={algo}")
    [before] = trainer.actor_rollout_wg.weight_fingerprint()
    trainer.fit()
    [after] = trainer.actor_rollout_wg.weight_fingerprint()
    assert after["actor"] != before["actor"]
    assert after["rollout"] != before["rollout"]  # synced after the first update

    folder = Path(trainer.config.trainer.local_log_dir)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2]
    for line in lines[1:]:
        assert line["actor/grad_norm"] > 0
        assert ("critic/grad_norm" in line) == (algo == "ppo")
        assert line.get("critic/grad_norm", 1) > 0
        assert line["train/search/generation_calls"] <= 3
        assert line["train/search/nodes_expanded"] >= 4
    assert "val-env/SimpleSokoban/success" in lines[0]
    assert "val-env/SimpleSokoban/success" in lines[-1]

    assert sorted(path.name for path in (folder / "rollouts").iterdir()) == ["step_000001.jsonl", "step_000002.jsonl"]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "global_step_1",
        "global_step_2",
        "latest_checkpointed_iteration.txt",
    ]
    assert (folder / "config.yaml").exists()
    report = write_report(folder).read_text()
    assert "<svg" in report or "data:image" in report
