"""Refuses training settings that cannot work or are out of scope, before anything is loaded.

Covers the keys that the trainer reads: filter, advantages, batch sizes, validation, checkpoints. Keys of the
environments, the search and the workers are checked by their own parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ragen_tsr.embedded.trainer.batching import ADJUST_MODES
from ragen_tsr.embedded.trainer.core_algos import SUPPORTED_ESTIMATORS
from ragen_tsr.embedded.trainer.rollout_filter import RolloutFilter, build_rollout_filter
from ragen_tsr.trainer.checkpoints import CheckpointFolder

RESUME_MODES = ("auto", "disable", "resume_path")
TURN_LEVEL_MODES = ("single_turn", "limited_multi_turn")
"""Context window modes in which every turn is a row of the batch."""

MIN_CHECKPOINTS = 2

# What upstream or verl has and this runtime has not: key, the value that leaves it off, the feature's name.
# A key that is absent is off.
_OUT_OF_SCOPE: tuple[tuple[str, Any, str], ...] = (
    ("algorithm.soft_advantage_reweight", False, "soft advantage reweighting"),
    ("algorithm.zero_task_advantage", False, "the zero-advantage ablation"),
    ("algorithm.use_kl_in_reward", False, "the reference policy"),
    ("algorithm.use_pf_ppo", False, "preference-feedback reweighting"),
    ("algorithm.rollout_correction", None, "rollout correction"),
    ("grpo_advantage_length_weight", False, "length-weighted GRPO"),
    ("actor_rollout_ref.actor.use_ref", False, "the reference policy"),
    ("actor_rollout_ref.actor.use_kl_loss", False, "the reference policy"),
    ("actor_rollout_ref.actor.filter_loss_scaling", "none", "filter loss scaling"),
    ("actor_rollout_ref.rollout.n", 1, "verl's repetition of prompts (samples are rows)"),
    ("actor_rollout_ref.rollout.mode", "sync", "asynchronous rollout"),
    ("actor_rollout_ref.rollout.rollout_filter_empty_stop_steps", 0, "early stopping"),
    ("collapse_detection.first_turn_enabled", False, "collapse metrics"),
    ("collapse_detection.multi_turn_enabled", False, "collapse metrics"),
    ("custom_reward_function.path", None, "a reward function other than the environment's"),
    ("reward_model.enable", False, "a reward model"),
    ("reward_model.launch_reward_fn_async", False, "asynchronous rewards"),
    ("trainer.gradient_analysis_mode", False, "gradient analysis"),
    ("trainer.gradient_analysis_only", False, "gradient analysis"),
    ("trainer.gradient_analysis_env_groups", None, "gradient analysis"),
    ("trainer.gradient_analysis_group_size", None, "gradient analysis"),
    ("trainer.gradient_analysis_log_prefilter", False, "gradient analysis"),
    ("trainer.exit_after_gradient_analysis", False, "gradient analysis"),
    ("trainer.log_group_rv_table", False, "the table of group deviations"),
    ("trainer.default_hdfs_dir", None, "checkpoints on HDFS"),
    ("trainer.del_local_ckpt_after_load", False, "deleting the checkpoint that was resumed from"),
    ("trainer.remove_previous_ckpt_in_save", False, "keeping a single checkpoint"),
)


def filter_from_config(config: DictConfig, compute_log_prob: Callable | None = None) -> RolloutFilter:
    """The training filter that the `rollout_filter_*` keys of `actor_rollout_ref.rollout` describe.

    All of them must be there except upstream's two for gradient analysis. Raises ValueError naming the key.
    """

    def setting(name: str) -> Any:
        return _required(config, f"actor_rollout_ref.rollout.rollout_filter_{name}")

    buckets = {
        argument: OmegaConf.select(config, f"actor_rollout_ref.rollout.gradient_analysis_{key}")
        for argument, key in (("bucket_count", "num_buckets"), ("bucket_mode", "bucket_mode"))
    }
    return build_rollout_filter(
        value=setting("value"),
        filter_type=setting("type"),
        num_groups=_required(config, "es_manager.train.env_groups"),
        group_size=_required(config, "es_manager.train.group_size"),
        metric=setting("metric"),
        compute_log_prob=compute_log_prob,
        include_zero=setting("include_zero"),
        strategy=setting("strategy"),
        top_p_prob_mode=setting("top_p_prob_mode"),
        selection_eps=setting("selection_eps"),
        **{argument: value for argument, value in buckets.items() if value is not None},
    )


def validate(config: DictConfig) -> None:
    """Raise ValueError for the first setting that cannot work: its key, its value and what is allowed."""
    for key, off, feature in _OUT_OF_SCOPE:
        value = OmegaConf.select(config, key)
        if value is not None and value != off:
            raise ValueError(f"{key}={value!r}: {feature} is out of scope; allowed: {off!r}")
    filter_from_config(config)
    _validate_estimator(config)
    _validate_batch_sizes(config)
    _validate_schedule(config)
    _validate_checkpoints(config)


def _required(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key)
    if value is None:
        raise ValueError(f"{key} is missing or null; it must have a value")
    return value


def _one_of(config: DictConfig, key: str, allowed: tuple[Any, ...]) -> Any:
    value = _required(config, key)
    if value not in allowed:
        raise ValueError(f"{key} is {value!r}; allowed: {', '.join(map(str, allowed))}")
    return value


def _whole(config: DictConfig, key: str, minimum: int) -> int:
    value = _required(config, key)
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{key} is {value!r}; allowed: whole numbers from {minimum}")
    return value


def _validate_estimator(config: DictConfig) -> None:
    estimator = _one_of(config, "algorithm.adv_estimator", SUPPORTED_ESTIMATORS)
    bi_level = _one_of(config, "algorithm.bi_level_gae", (True, False))
    for key in ("gamma", "lam", *(("high_level_gamma",) if bi_level else ())):
        value = _required(config, f"algorithm.{key}")
        if not 0 <= value <= 1:
            raise ValueError(f"algorithm.{key} is {value}; allowed: numbers in [0, 1]")
    if bi_level and estimator != "gae":
        raise ValueError(f"algorithm.bi_level_gae=True needs algorithm.adv_estimator=gae; it is {estimator!r}")
    if bi_level and OmegaConf.select(config, "agent_proxy.use_turn_scores"):
        raise ValueError("algorithm.bi_level_gae=True needs agent_proxy.use_turn_scores=False; it is True")


def _validate_batch_sizes(config: DictConfig) -> None:
    nodes = _whole(config, "trainer.nnodes", 1)
    devices = _whole(config, "trainer.n_gpus_per_node", 1) * nodes
    groups = _whole(config, "es_manager.train.env_groups", 1)
    group_size = _whole(config, "es_manager.train.group_size", 1)
    _one_of(config, "agent_proxy.batch_adjust_mode", ADJUST_MODES)
    roles = ["actor_rollout_ref.actor", *(["critic"] if config.algorithm.adv_estimator == "gae" else [])]
    for role in roles:
        mini = _whole(config, f"{role}.ppo_mini_batch_size", 1)
        if OmegaConf.select(config, f"{role}.use_dynamic_bsz"):
            continue
        micro = _whole(config, f"{role}.ppo_micro_batch_size_per_gpu", 1)
        if mini % (micro * devices):
            raise ValueError(
                f"{role}.ppo_mini_batch_size is {mini}; it must be a multiple of "
                f"{role}.ppo_micro_batch_size_per_gpu * trainer.n_gpus_per_node * trainer.nnodes = "
                f"{micro} * {devices // nodes} * {nodes}"
            )
    rollout = config.actor_rollout_ref.rollout
    share = {
        "top_p": rollout.rollout_filter_value,
        "top_k": rollout.rollout_filter_value,
        "legacy_ratio_std": rollout.rollout_filter_value,
        "top_k_abs": rollout.rollout_filter_value / groups,
        "min_p": 1.0,  # not to be known beforehand
    }[rollout.rollout_filter_strategy]
    rows = groups * group_size * min(share, 1.0)
    if _required(config, "agent_proxy.context_window_mode") in TURN_LEVEL_MODES:
        rows *= _whole(config, "agent_proxy.max_turn", 1)
    mini = config.actor_rollout_ref.actor.ppo_mini_batch_size
    if rows < mini:
        raise ValueError(
            f"actor_rollout_ref.actor.ppo_mini_batch_size is {mini}, but about {math.floor(rows)} rows reach "
            f"the update: es_manager.train.env_groups={groups} * es_manager.train.group_size={group_size}, "
            f"of which actor_rollout_ref.rollout.rollout_filter_value={rollout.rollout_filter_value} keeps a "
            f"part; allowed: up to {math.floor(rows)}"
        )


def _validate_schedule(config: DictConfig) -> None:
    _required(config, "run_seed")
    _whole(config, "trainer.total_training_steps", 1)
    _whole(config, "trainer.validation_steps", 1)
    _whole(config, "trainer.test_freq", -1)
    _whole(config, "trainer.critic_warmup", 0)
    _one_of(config, "trainer.val_before_train", (True, False))


def _validate_checkpoints(config: DictConfig) -> None:
    _whole(config, "trainer.save_freq", -1)
    _required(config, "trainer.default_local_dir")
    _required(config, "trainer.local_log_dir")
    for role in ("actor", "critic"):
        key = f"trainer.max_{role}_ckpt_to_keep"
        if OmegaConf.select(config, key) is not None:
            _whole(config, key, MIN_CHECKPOINTS)
    mode = _one_of(config, "trainer.resume_mode", RESUME_MODES)
    folder = Path(config.trainer.default_local_dir)
    latest = CheckpointFolder(folder, keep=None).latest()
    if mode == "disable" and latest is not None:
        raise ValueError(
            f"trainer.resume_mode=disable, but trainer.default_local_dir={folder} has a checkpoint of step "
            f"{latest}; allowed: resume_mode=auto to go on from it, or another folder"
        )
    if mode == "resume_path":
        path = str(_required(config, "trainer.resume_from_path"))
        if not path.rstrip("/").rpartition("global_step_")[2].isdigit():
            raise ValueError(f"trainer.resume_from_path is {path!r}; allowed: a folder .../global_step_<number>")
        if not Path(path).is_dir():
            raise ValueError(f"trainer.resume_from_path is {path!r}, which is not a folder")
