"""From words to configuration: what is composed, what follows from what, and how a mistake is answered."""

from __future__ import annotations

import pytest

from ragen_tsr.config import ConfigError, compose, options, parse, usage
from ragen_tsr.config_checks import _machine, check


def composed(*overrides: str, env: str = "sokoban", method: str = "beam", scale: str = "cpu"):
    return compose(parse([env, method, f"scale={scale}", *overrides]))


@pytest.mark.parametrize("scale", options("scale"))
@pytest.mark.parametrize("env", options("env"))
@pytest.mark.parametrize(("method", "algo"), zip(options("search"), options("algo") * 2, strict=True))
def test_every_file_can_work_with_every_other(env, method, algo, scale):
    config = composed(f"algo={algo}", env=env, method=method, scale=scale)
    check(config)
    assert config.algorithm.adv_estimator == {"ppo": "gae", "grpo": "grpo"}[algo]


def test_paper_scale_has_the_papers_figures():
    config = composed(scale="paper", method="best_of_n")
    train, actor, rollout = (
        config.es_manager.train,
        config.actor_rollout_ref.actor,
        config.actor_rollout_ref.rollout,
    )
    assert (train.env_groups, train.group_size, config.search.N) == (16, 16, 28)
    assert (config.es_manager.val.env_groups, rollout.val_kwargs.temperature) == (256, 0.5)
    assert (actor.optim.lr, config.critic.optim.lr) == (1e-6, 1e-6)
    assert (actor.clip_ratio_low, actor.clip_ratio_high, actor.entropy_coeff) == (0.2, 0.28, 0.001)
    assert (
        actor.ppo_mini_batch_size,
        actor.ppo_micro_batch_size_per_gpu,
        config.trainer.n_gpus_per_node,
    ) == (32, 4, 8)
    assert (rollout.rollout_filter_strategy, rollout.rollout_filter_value) == ("top_k", 0.25)
    assert config.custom_envs.SimpleSokoban.max_actions_per_traj == 10


@pytest.mark.parametrize(
    ("env", "estimator", "model", "steps", "turns", "actions", "length"),
    [
        ("sokoban", "gae", "Qwen/Qwen2.5-0.5B-Instruct", 200, 5, 5, 3600),
        ("frozen_lake", "grpo", "Qwen/Qwen2.5-0.5B-Instruct", 200, 5, 5, 3600),
        ("webshop", "grpo", "Qwen/Qwen2.5-3B-Instruct", 100, 9, 1, 15000),
    ],
)
def test_paper_scale_is_the_papers_for_every_task(env, estimator, model, steps, turns, actions, length):
    config = composed(env=env, scale="paper")
    assert (config.algorithm.adv_estimator, config.model_path) == (estimator, model)
    assert (config.trainer.total_training_steps, config.agent_proxy.max_turn) == (steps, turns)
    assert (config.agent_proxy.max_actions_per_turn, config.actor_rollout_ref.rollout.max_model_len) == (
        actions,
        length,
    )


def test_what_a_task_chooses_the_user_overrides():
    assert composed(env="webshop").model_path == "tiny"
    config = composed(
        "algo=ppo",
        "model=qwen2.5-0.5b",
        "trainer.total_training_steps=7",
        "agent_proxy.max_turn=4",
        env="webshop",
        scale="paper",
    )
    assert (config.algorithm.adv_estimator, config.model_path) == ("gae", "Qwen/Qwen2.5-0.5B-Instruct")
    assert (config.trainer.total_training_steps, config.agent_proxy.max_turn) == (7, 4)


def test_instance_filtering_is_none():
    assert composed(method="instance_filtering") == composed(method="none")


@pytest.mark.parametrize("method", ["none", "beam"])
def test_ragens_override_strings_work_unchanged(method):
    config = composed(
        "es_manager.train.env_groups=8",
        "es_manager.train.group_size=8",
        "es_manager.val.env_groups=32",
        "es_manager.val.env_configs.n_groups=[32]",
        "trainer.nnodes=1",
        "trainer.logger=['console']",
        "trainer.default_local_dir=elsewhere",
        "algorithm.adv_estimator=grpo",
        "algorithm.norm_adv_by_std_in_grpo=False",
        "actor_rollout_ref.actor.use_kl_loss=False",
        "actor_rollout_ref.actor.kl_loss_coef=0.000",
        "actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum",
        "actor_rollout_ref.actor.filter_loss_scaling=none",
        "actor_rollout_ref.actor.checkpoint.save_contents=[model]",
        "actor_rollout_ref.rollout.rollout_filter_strategy=top_p",
        "actor_rollout_ref.rollout.rollout_filter_value=0.9",
        "actor_rollout_ref.rollout.rollout_filter_include_zero=True",
        "agent_proxy.max_actions_per_turn=2",
        "ray_kwargs.ray_init.num_cpus=4",
        "critic.ppo_micro_batch_size_per_gpu=4",
        "custom_envs.LargerSokoban.env_config.search_depth=12",
        method=method,
    )
    check(config)
    assert list(config.es_manager.train.env_configs.n_groups) == [8]


def test_groups_are_shared_out_among_tags():
    config = composed("es_manager.train.env_configs.tags=[SimpleSokoban,LargerSokoban]")
    assert list(config.es_manager.train.env_configs.n_groups) == [4, 4]
    assert list(config.es_manager.val.env_configs.n_groups) == [32, 32]


def test_groups_that_cannot_be_shared_out_are_refused():
    with pytest.raises(ConfigError, match="cannot be shared out evenly"):
        composed("es_manager.train.env_configs.tags=[SimpleSokoban,LargerSokoban]", "es_manager.train.env_groups=5")


@pytest.mark.parametrize("name", ["org/Model-0.5B", "./folder with blanks", "it's"])
def test_a_model_that_is_no_option_is_a_path(name):
    assert composed(f"model={name}").model_path == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected ENV and METHOD"),
        (["sokoban"], "expected ENV and METHOD"),
        (["sokoben", "beam"], "unknown environment 'sokoben'; did you mean 'sokoban'"),
        (["sokoban", "beem"], "unknown method 'beem'; did you mean 'beam'"),
        (["sokoban", "beam", "search=none"], "second word"),
        (["sokoban", "beam", "fit=webshop-cpu"], "fit follows from the words"),
        (["sokoban", "beam", "task_file=mine.py"], "task_file follows from the words"),
    ],
)
def test_words_that_are_unknown_say_what_is_known(arguments, message):
    with pytest.raises(ConfigError, match=message) as error:
        parse(arguments)
    assert usage() in str(error.value)
    assert "frozen_lake, sokoban, webshop, or a Python file" in usage()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("scale=gpu", "scale must be one of cpu, paper"),
        ("es_manager.train.env_group=3", "no such key; did you mean 'env_groups'"),
        ("search.N=3", "no such key.*search has B, M,"),
        ("search.M=[3", "not of the form key=value"),
        ("model_path.x=3", "model_path has no keys of its own"),
        ("es_manager.train.env_groups=eight", "'eight': must be an integer >= 1"),
    ],
)
def test_overrides_that_name_nothing_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        composed(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.M=0", r"search\.M=0"),
        ("search.slots=9", r"search\.slots=9"),
        ("search.slots=0", r"search\.slots=0"),
        ("search.rank_by=best", r"search\.rank_by='best'"),
        ("search.invalid=never", r"search\.invalid='never'"),
        ("search.scorer=nobody", r"search\.scorer='nobody'"),
        ("env_noise=loud", r"env_noise='loud'.*upstream, independent, common"),
        ("run_seed=-1", r"run_seed=-1"),
        ("seed.train=4294967295", r"seed\.train=4294967295"),
        ("agent_proxy.max_turn=0", r"agent_proxy\.max_turn=0"),
        ("agent_proxy.context_window_mode=half", r"context_window_mode='half'"),
        ("es_manager.format_penalty=0.1", r"es_manager\.format_penalty=0\.1"),
        ("es_manager.train.env_configs.tags=[Chess]", "'Chess' must be one of SimpleSokoban"),
        ("es_manager.train.env_configs.n_groups=[3]", r"n_groups=\[3\]: must add up to .*env_groups=8"),
        ("es_manager.train.env_configs.n_groups=[2,2]", "must have one number for each of"),
        ("custom_envs.SimpleSokoban.env_type=chess", "'chess': must be one of"),
        ("custom_envs.SimpleSokoban.env_config.num_boxes=0", "num_boxes"),
        ("+custom_envs.SimpleSokoban.env_config.boxes=1", "boxes"),
        ("wording.turn=hello", "turn='hello'"),
        ("actor_rollout_ref.rollout.max_model_len=40", "max_model_len=40: must exceed"),
        ("actor_rollout_ref.rollout.name=sglang", "'sglang': must be one of"),
        ("actor_rollout_ref.rollout.temperature=0", "temperature=0: must be a number > 0"),
        ("actor_rollout_ref.actor.use_ref=true", "out of scope"),
        ("collapse_detection.first_turn_enabled=true", "out of scope"),
        ("algorithm.adv_estimator=remax", "remax"),
        ("ppo_mini_batch_size=64", "rows reach the update"),
        ("trainer.max_actor_ckpt_to_keep=1", "max_actor_ckpt_to_keep"),
        ("trainer.logger=[paper]", "'paper': must be among"),
        ("lora.rank=8", "must be 0 with"),
    ],
)
def test_values_that_cannot_work_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        check(composed(override))


def test_best_of_n_needs_a_trajectory_for_every_slot():
    with pytest.raises(ConfigError, match=r"search\.N=3"):
        check(composed("search.N=3", method="best_of_n"))


def test_grpo_needs_a_group_to_compare_with():
    with pytest.raises(ConfigError, match="group_size=1"):
        check(
            composed(
                "algo=grpo",
                "es_manager.train.group_size=1",
                "ppo_mini_batch_size=1",
                "micro_batch_size_per_gpu=1",
            )
        )


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        check(composed("env_noise=loud", "agent_proxy.max_turn=0", "search.M=0"))
    assert all(key in str(error.value) for key in ("env_noise", "agent_proxy.max_turn", "search.M"))


def test_a_machine_is_asked_for_no_more_than_it_has():
    paper, cpu = composed(scale="paper"), composed()
    assert list(_machine(cpu, None)) == []
    assert any("needs a GPU" in fault for fault in _machine(paper, None))
    assert any("n_gpus_per_node=8: this machine has 2" in fault for fault in _machine(paper, 2))
    assert any("without an accelerator" in fault for fault in _machine(cpu, 1))
    listed = composed("system.CUDA_VISIBLE_DEVICES='0,1'")
    assert any("must name trainer.n_gpus_per_node=1 devices" in fault for fault in _machine(listed, None))


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("max_num_batched_tokens=3000", "max_num_batched_tokens=3000: must be at least"),
        ("tensor_model_parallel_size=3", "must divide trainer.n_gpus_per_node"),
    ],
)
def test_vllm_is_refused_what_would_end_a_run_later(override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        check(composed(f"actor_rollout_ref.rollout.{override}", scale="paper"))
    check(composed("actor_rollout_ref.rollout.max_num_batched_tokens=1000"))  # another engine's
