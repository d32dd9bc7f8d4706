"""Settings that cannot work are refused, by name, before anything is loaded."""

import pytest
from scripted_trainer import trainer_config

from ragen_tsr.embedded.trainer.config_check import validate


def test_the_default_configuration_passes(tmp_path):
    validate(trainer_config(tmp_path))
    validate(trainer_config(tmp_path, "algo=grpo"))


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("algorithm.soft_advantage_reweight=true", "soft_advantage_reweight=True: .* allowed: False"),
        ("algorithm.zero_task_advantage=true", "algorithm.zero_task_advantage"),
        ("algorithm.use_kl_in_reward=true", "algorithm.use_kl_in_reward"),
        ("algorithm.adv_estimator=remax", "algorithm.adv_estimator is 'remax'; allowed: gae, grpo"),
        ("algorithm.gamma=1.5", "algorithm.gamma is 1.5"),
        ("actor_rollout_ref.actor.use_ref=true", "actor.use_ref=True: the reference policy"),
        ("actor_rollout_ref.actor.use_kl_loss=true", "actor_rollout_ref.actor.use_kl_loss"),
        ("actor_rollout_ref.actor.filter_loss_scaling=sqrt", "filter_loss_scaling='sqrt'.* allowed: 'none'"),
        ("actor_rollout_ref.rollout.n=4", "actor_rollout_ref.rollout.n=4"),
        ("actor_rollout_ref.rollout.rollout_filter_empty_stop_steps=5", "empty_stop_steps=5: early stopping"),
        ("actor_rollout_ref.rollout.rollout_filter_metric=entropy", "rollout_filter_metric is 'entropy'"),
        ("actor_rollout_ref.rollout.rollout_filter_strategy=best", "rollout_filter_strategy is 'best'"),
        ("collapse_detection.first_turn_enabled=true", "collapse_detection.first_turn_enabled"),
        ("trainer.gradient_analysis_mode=true", "trainer.gradient_analysis_mode=True: gradient analysis"),
        ("trainer.max_actor_ckpt_to_keep=1", "trainer.max_actor_ckpt_to_keep is 1; allowed: .* from 2"),
        ("trainer.total_training_steps=0", "trainer.total_training_steps is 0"),
        ("trainer.resume_mode=perhaps", "trainer.resume_mode is 'perhaps'; allowed: auto"),
        ("agent_proxy.batch_adjust_mode=pad", "batch_adjust_mode is 'pad'; allowed: copy, delete"),
        ("ppo_mini_batch_size=6", "ppo_mini_batch_size is 6; it must be a multiple"),
        ("trainer.nnodes=16", r"a multiple of .* trainer\.nnodes = \d+ \* 1 \* 16"),
        ("ppo_mini_batch_size=64", "ppo_mini_batch_size is 64, but about 32 rows"),
    ],
)
def test_refusals_name_the_key(tmp_path, override, named):
    with pytest.raises(ValueError, match=named):
        validate(trainer_config(tmp_path, override))


def test_bi_level_gae_needs_gae_and_no_turn_scores(tmp_path):
    with pytest.raises(ValueError, match=r"needs algorithm\.adv_estimator=gae; it is 'grpo'"):
        validate(trainer_config(tmp_path, "algo=grpo", "algorithm.bi_level_gae=true"))
    with pytest.raises(ValueError, match=r"needs agent_proxy\.use_turn_scores=False"):
        validate(trainer_config(tmp_path, "algorithm.bi_level_gae=true", "agent_proxy.use_turn_scores=true"))


def test_a_fresh_start_never_overwrites_a_run(tmp_path):
    checkpoint = tmp_path / "checkpoints" / "global_step_3"
    checkpoint.mkdir(parents=True)
    (checkpoint.parent / "latest_checkpointed_iteration.txt").write_text("3")
    validate(trainer_config(tmp_path))
    with pytest.raises(ValueError, match="has a checkpoint of step 3; allowed: resume_mode=auto"):
        validate(trainer_config(tmp_path, "trainer.resume_mode=disable"))


def test_a_folder_to_resume_from_must_exist(tmp_path):
    mode = "trainer.resume_mode=resume_path"
    with pytest.raises(ValueError, match="which is not a folder"):
        validate(trainer_config(tmp_path, mode, f"trainer.resume_from_path={tmp_path}/global_step_9"))
    with pytest.raises(ValueError, match="global_step_<number>"):
        validate(trainer_config(tmp_path, mode, f"trainer.resume_from_path={tmp_path}"))
