"""Real training, small: verl's workers under Ray, FSDP updates, every method on every task; what a run leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ragen_tsr.compare.curves import TrainedRun
from ragen_tsr.config import options
from ragen_tsr.eval import evaluate, open_evaluation
from ragen_tsr.report import write_report
from ragen_tsr.train import build_trainer, open_run

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
]
ONE_STEP = ["trainer.total_training_steps=1", "trainer.val_before_train=false", "trainer.test_freq=-1"]
ONE_STEP += ["trainer.save_freq=-1"]
WHOLE = ["trainer.total_training_steps=2", "trainer.save_freq=1"]
EXAMPLE = str(Path(__file__).parents[1] / "docs" / "examples" / "windy_field.py")
TEAMS = list(product(options("env"), options("algo")))
WHOLE_RUNS = [("frozen_lake", "grpo", "lookahead"), ("sokoban", "ppo", "beam"), ("webshop", "grpo", "beam")]


class Team:
    """Workers with an environment's tiny policy and an optimiser, which several runs use one after the other."""

    def __init__(self, env: str, algo: str, policy: Path, folder: Path) -> None:
        self.env, self.algo, self.policy = env, algo, policy
        self.first = self._trainer(env, "none", folder, [])
        before = set(vars(self.first))
        self.first.init_workers()
        self.workers = {name: value for name, value in vars(self.first).items() if name not in before}

    def trainer(self, task: str, method: str, folder: Path, *overrides: str) -> Any:
        """A trainer of another run with these workers, which go on from the weights they have."""
        trainer = self._trainer(task, method, folder, [*overrides])
        vars(trainer).update(self.workers)
        trainer.init_agent_proxy()
        return trainer

    def _trainer(self, task: str, method: str, folder: Path, overrides: list[str]) -> Any:
        words = [task, method, *SMALL, f"algo={self.algo}", f"model={self.policy}", f"trainer.local_log_dir={folder}"]
        return build_trainer(open_run([*words, *overrides])[1])

    def end(self, ray: Any) -> None:
        groups = [group for name, group in self.workers.items() if name.endswith("_wg") and group is not None]
        for worker in {worker for group in groups for worker in group.workers}:
            ray.kill(worker)
        for pool in self.first.resource_pool_manager.resource_pool_dict.values():
            for placement_group in pool.pgs or []:
                ray.util.remove_placement_group(placement_group)


@pytest.fixture(scope="module")
def team(
    request: pytest.FixtureRequest,
    ray_session: Any,
    tiny_policies: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Team]:
    env, algo = request.param
    made = Team(env, algo, tiny_policies(env), tmp_path_factory.mktemp("team"))
    yield made
    made.end(ray_session)


def steps_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def check_whole_run(folder: Path, tag: str) -> None:
    """Validation before and after, two steps, what they leave."""
    steps = steps_of(folder)
    assert [step["step"] for step in steps] == [0, 1, 2]
    assert f"val-env/{tag}/success" in steps[0]
    assert f"val-env/{tag}/success" in steps[-1]
    assert sorted(path.name for path in (folder / "rollouts").iterdir()) == ["step_000001.jsonl", "step_000002.jsonl"]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "global_step_1",
        "global_step_2",
        "latest_checkpointed_iteration.txt",
    ]
    assert (folder / "config.yaml").exists()
    run = TrainedRun.read(folder, "any", seed=0)  # as a comparison reads it
    assert sorted(run.success) == [0, 2]
    for step, success in run.success.items():
        episodes = run.episodes(step)
        assert len(episodes) == 4
        assert sum(episode["success"] for episode in episodes) / 4 == pytest.approx(success)
    assert run.tokens[2] > run.tokens[1] > 0
    report = write_report(folder).read_text()
    assert "<svg" in report or "data:image" in report
    check_evaluation_of(folder)


def check_evaluation_of(folder: Path) -> None:
    """Its last checkpoint, evaluated on more prompts, plays the run's own last validation again and goes on."""
    env = folder.name.split("-")[0]
    words = [env, str(folder), "evaluation.prompts=6", "evaluation.batch=3", f"trainer.local_log_dir={folder.parent}"]
    evaluated, subject, config = open_evaluation(words)
    about = evaluate(evaluated, subject, config, Console(quiet=True), "")
    assert (about["own_validation"]["prompts"], about["own_validation"]["equal"]) == (4, 4)
    assert about["step"] == 2


def train(team: Team, task: str, method: str, folder: Path, whole: bool) -> tuple[Path, str]:
    """Train for real; returns the run folder and the environment's tag."""
    trainer = team.trainer(task, method, folder, *(WHOLE if whole else ONE_STEP))
    [before] = trainer.actor_rollout_wg.weight_fingerprint()
    trainer.fit()
    [after] = trainer.actor_rollout_wg.weight_fingerprint()
    assert after["actor"] != before["actor"]
    if whole:
        assert after["rollout"] != before["rollout"]  # synced after the first update

    folder = Path(trainer.config.trainer.local_log_dir)
    assert folder.name.startswith(f"{Path(task).stem}-{method}-")
    [tag] = trainer.config.es_manager.train.env_configs.tags
    for step in steps_of(folder)[-trainer.config.trainer.total_training_steps :]:
        assert f"train/{tag}/success" in step
        assert "train/search/return/rerolled" in step
        assert step["actor/grad_norm"] > 0
        assert ("critic/grad_norm" in step) == (team.algo == "ppo")
        assert step.get("critic/grad_norm", 1) > 0
        assert step["train/search/generation_calls"] <= 3
        assert step["train/search/nodes_expanded"] >= 4
    return folder, tag


# Parameters of its own for `team`: pytest then keeps a team's workers for all its runs.
@pytest.mark.parametrize("method", options("search"))
@pytest.mark.parametrize("team", TEAMS, indirect=True, ids="-".join)
def test_every_method_trains_on_every_task(team, method, tmp_path):
    whole = (team.env, team.algo, method) in WHOLE_RUNS
    folder, tag = train(team, team.env, method, tmp_path, whole)
    if whole:
        check_whole_run(folder, tag)


@pytest.mark.parametrize("team", TEAMS[:1], indirect=True, ids="-".join)
def test_a_task_of_ones_own_trains(team, tmp_path):
    train(team, EXAMPLE, "beam", tmp_path, whole=False)
