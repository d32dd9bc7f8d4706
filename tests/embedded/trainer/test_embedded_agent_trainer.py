"""The loop's phases, what it logs, and that a resumed run goes on as the uninterrupted one."""

import json

import pytest
from scripted_trainer import ScriptedTrainer, make_trainer, trainer_config

from ragen_tsr.trainer.metrics_log import is_timing


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


class Recorder:
    """Keeps what the trainer tells a display."""

    def __init__(self):
        self.phases, self.steps = [], []

    def on_phase(self, name):
        self.phases.append(name)

    def on_step(self, step, metrics):
        self.steps.append((step, metrics))


def logged(folder):
    """The lines of metrics.jsonl without what measures the machine."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if not is_timing(name)} for line in lines]


def run(folder, *overrides):
    trainer = make_trainer(trainer_config(folder, *overrides))
    trainer.fit()
    return trainer


def test_a_ppo_step_goes_through_its_phases_in_order(tmp_path):
    trainer = make_trainer(trainer_config(tmp_path, "trainer.total_training_steps=1", "trainer.save_freq=1"))
    trainer.progress = recorder = Recorder()
    trainer.fit()
    assert recorder.phases == [
        *("gen", "filter", "old_log_prob", "values", "adv", "update_critic", "update_actor"),
        *("testing", "save_checkpoint"),
    ]
    assert [step for step, _ in recorder.steps] == [0, 1]
    assert trainer.actor_rollout_wg.calls == ["load nothing", "compute_log_prob", "update_actor"]
    assert trainer.critic_wg.calls == ["compute_values", "update_critic"]


def test_grpo_has_no_critic(tmp_path):
    trainer = run(tmp_path, "algo=grpo")
    assert not trainer.use_critic
    assert not hasattr(trainer, "critic_wg")
    assert trainer.actor_rollout_wg.calls.count("update_actor") == 5


def test_bi_level_gae_is_reachable(tmp_path):
    run(tmp_path, "algorithm.bi_level_gae=true")
    assert len(logged(tmp_path)) == 6


def test_metric_names_are_upstreams(tmp_path):
    run(tmp_path)
    first = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()][2]
    for name in (
        *("train/sokoban/success", "train/batch_size", "train/num_mini_batches", "train/rollout_attempts"),
        *("rollout/in_group_reward_std", "rollout/filter_kept_ratio", "rollout/empty_after_filter"),
        *("actor/entropy", "actor/loss", "critic/loss", "critic/score/mean", "critic/advantages/max"),
        *("critic/vf_explained_var", "response_length/mean", "perf/total_num_tokens", "perf/throughput"),
        *("timing_s/gen", "timing_s/step", "timing_s/train_total", "timing_per_token_ms/update_actor"),
        *("val-env/sokoban/success", "val-core/unknown/reward/mean@2"),
    ):
        assert name in first, name
    assert not [name for name in first if name.startswith("rollout/_")]


def test_validation_comes_first_then_when_due_and_at_the_end(tmp_path):
    run(tmp_path)
    assert [line["step"] for line in logged(tmp_path) if "val-env/sokoban/success" in line] == [0, 2, 4, 5]


def test_an_empty_batch_counts_as_a_step_and_updates_nothing(tmp_path, caplog):
    trainer = make_trainer(trainer_config(tmp_path, "actor_rollout_ref.rollout.rollout_filter_include_zero=false"))
    trainer.agent_proxy.flat = {4, 5}
    trainer.fit()
    last = logged(tmp_path)[-1]
    assert last["step"] == 5
    assert last["rollout/empty_after_filter"] == 1
    assert last["rollout/consecutive_empty_after_filter_steps"] == 2
    assert "val-env/sokoban/success" in last
    assert trainer.actor_rollout_wg.calls.count("update_actor") == 3
    assert trainer.checkpoints.latest() == 5
    assert "step 5: the rollout filter kept no group; no update" in caplog.text


def test_rows_too_few_for_delete_are_an_empty_batch(tmp_path, caplog):
    trainer = run(
        tmp_path,
        "agent_proxy.batch_adjust_mode=delete",
        "es_manager.train.env_groups=3",
        "es_manager.train.group_size=4",
        "ppo_mini_batch_size=4",
        "micro_batch_size_per_gpu=4",
    )
    assert trainer.actor_rollout_wg.calls.count("update_actor") == 0
    assert "batch_adjust_mode=delete needs 12 rows, the filter kept 4; no update" in caplog.text


def test_critic_warmup_holds_the_actor_back(tmp_path):
    trainer = run(tmp_path, "trainer.critic_warmup=4")
    assert trainer.actor_rollout_wg.calls.count("update_actor") == 2
    assert trainer.critic_wg.calls.count("update_critic") == 5


class DiesInPhase(ScriptedTrainer):
    """Stops dead when a phase of a step begins or, `after`, when it has ended."""

    fatal: tuple[int, str, bool]

    def _train_step(self):
        return self._dying("train", super()._train_step)

    def _save_checkpoint(self):
        return self._dying("save", super()._save_checkpoint)

    def _log(self, metrics):
        return self._dying("log", lambda: super(DiesInPhase, self)._log(metrics))

    def state_dict(self):
        return self._dying("state", super().state_dict)  # inside a save, after the workers have written

    def _dying(self, phase, action):
        step, name, after = self.fatal
        dies = (self.global_steps, phase) == (step, name)
        if dies and not after:
            raise Killed
        result = action()
        if dies:
            raise Killed
        return result


@pytest.fixture(scope="module", params=["ppo", "grpo"])
def uninterrupted(request, tmp_path_factory):
    """An algorithm, and what a run of it logs that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder, f"algo={request.param}")
    return request.param, logged(folder)


@pytest.mark.parametrize(
    "fatal",
    [
        (1, "log", True),
        (3, "train", False),
        (4, "train", True),
        (2, "state", False),
        (4, "state", False),
        (4, "save", True),
        (4, "log", True),
        (5, "log", False),
    ],
    ids=lambda fatal: "-".join(map(str, fatal)),
)
def test_a_killed_and_resumed_run_logs_what_the_uninterrupted_one_does(tmp_path, fatal, uninterrupted, monkeypatch):
    algo, whole = uninterrupted
    config = trainer_config(tmp_path / "cut", f"algo={algo}")
    with monkeypatch.context() as patch:
        patch.setattr("scripted_trainer.ScriptedTrainer", DiesInPhase)
        patch.setattr(DiesInPhase, "fatal", fatal, raising=False)
        with pytest.raises(Killed):
            make_trainer(config).fit()
    resumed = make_trainer(trainer_config(tmp_path / "cut", f"algo={algo}"))
    resumed.fit()
    assert logged(tmp_path / "cut") == whole
    assert resumed.checkpoints.steps() == [4, 5]


def test_empty_steps_are_counted_across_a_resume(tmp_path):
    for steps in (4, 5):
        config = trainer_config(tmp_path, f"trainer.total_training_steps={steps}")
        config.actor_rollout_ref.rollout.rollout_filter_include_zero = False
        trainer = make_trainer(config)
        trainer.agent_proxy.flat = {4, 5}
        trainer.fit()
    assert logged(tmp_path)[-1]["rollout/consecutive_empty_after_filter_steps"] == 2


def test_validation_before_training_is_not_repeated_on_resume(tmp_path):
    run(tmp_path, "trainer.total_training_steps=2")
    trainer = make_trainer(trainer_config(tmp_path, "trainer.total_training_steps=3", "trainer.test_freq=-1"))
    trainer.progress = recorder = Recorder()
    trainer.fit()
    assert [step for step, _ in recorder.steps] == [3]
    assert trainer.actor_rollout_wg.calls[0] == "load global_step_2"


def test_resume_path_goes_on_from_the_folder_named(tmp_path):
    run(tmp_path / "first", "trainer.total_training_steps=4")
    folder = tmp_path / "first" / "checkpoints" / "global_step_2"
    run(tmp_path / "second", "trainer.resume_mode=resume_path", f"trainer.resume_from_path={folder}")
    assert logged(tmp_path / "second")[:3] == logged(tmp_path / "first")[2:5]


def test_val_only_validates_and_stops(tmp_path):
    trainer = run(tmp_path, "trainer.val_only=true")
    assert trainer.actor_rollout_wg.calls == ["load nothing"]
    assert [line["step"] for line in logged(tmp_path)] == [0]


def test_tensorboard_gets_the_metrics_and_the_texts_of_validation(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(tmp_path, "trainer.total_training_steps=1", "trainer.logger=[tensorboard]")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val-env/sokoban/success")] == [0, 1]
    assert [event.step for event in events.Scalars("actor/entropy")] == [1]
    assert [event.step for event in events.Tensors("val/generations/text_summary")] == [0, 1]


def test_a_subclass_extends_the_state(tmp_path):
    class Remembering(ScriptedTrainer):
        memory = "fresh"

        def state_dict(self):
            return {**super().state_dict(), "memory": self.memory}

        def load_state_dict(self, state):
            self.memory = state["memory"]
            super().load_state_dict(state)

    first = run(tmp_path, "trainer.total_training_steps=2")
    first.__class__ = Remembering
    first.memory = "kept"
    first._save_checkpoint()
    second = make_trainer(trainer_config(tmp_path))
    second.__class__ = Remembering
    second._load_checkpoint()
    assert second.memory == "kept"
    assert second.agent_proxy.train_es_manager.seed_counter == first.agent_proxy.train_es_manager.seed_counter
