"""The training loop: collect episodes, filter groups, update critic and actor, validate, save, log.

Decides the order of phases, what is measured, and what a checkpoint holds beside the workers' own state.
Rollouts are the agent proxy's, updates and weights the workers', advantages `core_algos`', the choice of
groups the filter's, folders on the disk `checkpoints`'. Runs in the driver process.

Stands in for upstream's `ragen.trainer.agent_trainer`: same constructor, methods, phases and metric names.
What differs: a step whose batch was filtered away is still validated and saved when that is due; a resumed
run goes on as the uninterrupted one would have (upstream forgets the environment seed counter, and validates
again).
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from verl import DataProto
from verl.single_controller.ray import RayWorkerGroup
from verl.trainer.ppo.core_algos import agg_loss
from verl.trainer.ppo.metric_utils import (
    compute_data_metrics,
    compute_throughout_metrics,
    compute_timing_metrics,
    process_validation_metrics,
)
from verl.trainer.ppo.ray_trainer import RayPPOTrainer, ResourcePoolManager
from verl.trainer.ppo.reward import compute_reward
from verl.trainer.ppo.utils import Role, WorkerType
from verl.utils.debug import marked_timer
from verl.utils.debug.metrics import calculate_debug_metrics
from verl.utils.metric import reduce_metrics
from verl.utils.tracking import Tracking

from ragen_tsr.embedded.llm_agent.agent_proxy import LLMAgentProxy
from ragen_tsr.embedded.trainer.batching import adjust_batch
from ragen_tsr.embedded.trainer.config_check import filter_from_config, validate
from ragen_tsr.embedded.trainer.core_algos import compute_advantage
from ragen_tsr.embedded.trainer.rollout_filter import RolloutFilter
from ragen_tsr.platform.seeding import seed_everything
from ragen_tsr.trainer.checkpoints import CheckpointFolder
from ragen_tsr.trainer.hooks import NoProgress, Progress
from ragen_tsr.trainer.metrics_log import MetricsLog, scalars
from ragen_tsr.trainer.rng import rng_state, set_rng_state
from ragen_tsr.trainer.steps import METRICS_FILE, STATE_FILE

__all__ = ["RayAgentTrainer", "adjust_batch", "compute_advantage"]

logger = logging.getLogger(__name__)


class RayAgentTrainer(RayPPOTrainer):
    """PPO or GRPO on multi-turn episodes, on verl's worker groups.

    Use: construct, `init_workers()`, `init_agent_proxy()`, `fit()`. A subclass that collects episodes in
    another way names its proxy in `agent_proxy_cls`, and extends `state_dict` and `load_state_dict` by what
    it must remember.

    Args:
        config: the composed configuration, upstream's keys and `run_seed`; refused with ValueError if it
            cannot work
        tokenizer: the policy's
        role_worker_mapping: verl's roles and the (remote) worker classes that play them
        resource_pool_manager: verl's, with a pool for every role
        ray_worker_group_cls: verl's worker group or one with its interface
        processor: of multi-modal models, None otherwise
        reward_fn, val_reward_fn: verl's reward interface, see `reward.RolloutReward`; without the second no
            validation
    """

    agent_proxy_cls: type = LLMAgentProxy
    """What `init_agent_proxy` makes; has LLMAgentProxy's constructor, `rollout` and `train_es_manager`."""

    progress: Progress = NoProgress()
    """Told of every phase and step; set it before `fit`."""

    rollout_filter: RolloutFilter

    def __init__(
        self,
        config: DictConfig,
        tokenizer: Any,
        role_worker_mapping: dict[Role, WorkerType],
        resource_pool_manager: ResourcePoolManager,
        ray_worker_group_cls: type[RayWorkerGroup] = RayWorkerGroup,
        processor: Any = None,
        reward_fn: Any = None,
        val_reward_fn: Any = None,
    ) -> None:
        validate(config)
        seed_everything(config.run_seed)
        super().__init__(
            config,
            tokenizer,
            role_worker_mapping,
            resource_pool_manager,
            ray_worker_group_cls,
            processor,
            reward_fn,
            val_reward_fn,
        )
        shown = OmegaConf.select(config, "trainer.generations_to_log_to_wandb.val") or 0
        OmegaConf.update(config, "trainer.log_val_generations", shown, force_add=True)  # verl's name for it
        keep = [config.trainer.max_actor_ckpt_to_keep, config.trainer.max_critic_ckpt_to_keep]
        self.checkpoints = CheckpointFolder(
            Path(config.trainer.default_local_dir), keep=None if None in keep else max(keep)
        )
        self.metrics_log = MetricsLog(Path(config.trainer.local_log_dir) / METRICS_FILE)
        self.global_steps = 0
        self.consecutive_empty_filtered_steps = 0
        self.train_time_total = 0.0  # seconds
        self.eval_time_total = 0.0  # seconds
        self.metrics: dict[str, Any] = {}  # of the step under way
        self.timing: dict[str, float] = {}  # of the step under way, seconds by phase

    def _create_dataloader(self, *datasets: Any) -> None:
        """Environments take the place of verl's data sets; only the length of the run is left to settle."""
        self.total_training_steps = self.config.trainer.total_training_steps
        for optimizer in ("actor_rollout_ref.actor.optim", "critic.optim"):
            if OmegaConf.select(self.config, optimizer) is not None:
                key = f"{optimizer}.total_training_steps"
                OmegaConf.update(self.config, key, self.total_training_steps, force_add=True)

    def init_workers(self) -> None:
        """Start verl's worker groups and make the training filter."""
        super().init_workers()
        self.rollout_filter = filter_from_config(self.config, self.actor_rollout_wg.compute_log_prob)

    def init_agent_proxy(self) -> None:
        """Make the agent proxy; the workers must have been started."""
        self.agent_proxy = self.agent_proxy_cls(
            config=self.config, actor_rollout_wg=self.actor_rollout_wg, tokenizer=self.tokenizer
        )

    # --- the loop

    def fit(self) -> None:
        """Train from the latest checkpoint, or from the start, to `trainer.total_training_steps`."""
        self._start_tracking()
        try:
            self._fit()
        finally:
            del self.tracking  # closes verl's backends

    def _fit(self) -> None:
        self._load_checkpoint()
        if self._validates_first():
            self._log(self._validate())
        if self.config.trainer.get("val_only", False):
            return
        while not self._is_over():
            self.global_steps += 1
            self.metrics, self.timing = {}, {}
            with marked_timer("step", self.timing):
                batch = self._train_step()
                if self.val_reward_fn is not None and self._is_due(self.config.trainer.test_freq):
                    with self._phase("testing"):
                        self.metrics.update(self._validate())
                if self._is_due(self.config.trainer.save_freq):
                    with self._phase("save_checkpoint"):
                        self._save_checkpoint()
            self._measure_time(batch)
            self._log(self.metrics)

    def _train_step(self) -> DataProto:
        """Collect a batch and learn from it; returns the batch, empty when the filter left nothing."""
        with self._phase("gen"):
            batch = self._rollout()
        with self._phase("filter"):
            batch = self._adjust(self._filter(batch))
        if len(batch) == 0:
            return batch
        with self._phase("old_log_prob"):
            batch = self._old_log_probs(batch)
        if self.use_critic:
            with self._phase("values"):
                batch = batch.union(self.critic_wg.compute_values(batch))
        with self._phase("adv"):
            batch = self._advantages(batch)
        if self.use_critic:
            with self._phase("update_critic"):
                self._update(self.critic_wg.update_critic, batch)
        if self.config.trainer.critic_warmup <= self.global_steps:
            with self._phase("update_actor"):
                self._update(self.actor_rollout_wg.update_actor, batch)
        self.metrics.update(compute_data_metrics(batch=batch, use_critic=self.use_critic))
        self.metrics["perf/total_num_tokens"] = sum(batch.meta_info["global_token_num"])
        return batch

    # --- its phases

    def _rollout(self) -> DataProto:
        batch = self.agent_proxy.rollout(DataProto(meta_info={"compute_collapse": False}), val=False)
        self.metrics.update({f"train/{name}": value for name, value in batch.meta_info["metrics"].items()})
        return batch

    def _filter(self, batch: DataProto) -> DataProto:
        batch, filter_metrics = self.rollout_filter.filter(batch)
        tables = "rollout/_"
        self.metrics.update({k: v for k, v in filter_metrics.items() if not k.startswith(tables)})
        if len(batch) == 0:
            logger.warning("step %d: the rollout filter kept no group; no update", self.global_steps)
        return batch

    def _adjust(self, batch: DataProto) -> DataProto:
        """Make the batch divisible into mini-batches and among the workers; an empty one stays empty."""
        mini_batch = self.config.actor_rollout_ref.actor.ppo_mini_batch_size
        sizes = [self.config.es_manager.train.env_groups, mini_batch, self.config.trainer.n_gpus_per_node]
        divisor = int(np.lcm.reduce(sizes))
        mode = self.config.agent_proxy.batch_adjust_mode
        adjusted = adjust_batch(batch, divisor, mode, seed=(self.config.run_seed, self.global_steps))
        is_empty = len(adjusted) == 0
        if is_empty and len(batch):
            logger.warning(
                "step %d: agent_proxy.batch_adjust_mode=delete needs %d rows, the filter kept %d; no update",
                self.global_steps,
                divisor,
                len(batch),
            )
        self.consecutive_empty_filtered_steps = self.consecutive_empty_filtered_steps + 1 if is_empty else 0
        self.metrics["train/rollout_attempts"] = 1
        self.metrics["train/batch_size"] = len(adjusted)
        self.metrics["train/num_mini_batches"] = len(adjusted) // mini_batch
        self.metrics["rollout/empty_after_filter"] = float(is_empty)
        empty_steps = float(self.consecutive_empty_filtered_steps)
        self.metrics["rollout/consecutive_empty_after_filter_steps"] = empty_steps
        return adjusted

    def _old_log_probs(self, batch: DataProto) -> DataProto:
        """Add the log-probs under the policy that collected the batch, and what every later phase reads."""
        batch.non_tensor_batch["uid"] = batch.non_tensor_batch["group_ids"]
        batch.batch["response_mask"] = batch.batch["loss_mask"]
        if self.config.trainer.balance_batch:
            self._balance_batch(batch, metrics=self.metrics)
        batch.meta_info["global_token_num"] = batch.batch["attention_mask"].sum(dim=-1).tolist()
        log_probs = self.actor_rollout_wg.compute_log_prob(batch)
        entropy = agg_loss(
            loss_mat=log_probs.batch.pop("entropys"),
            loss_mask=batch.batch["response_mask"],
            loss_agg_mode=self.config.actor_rollout_ref.actor.loss_agg_mode,
        )
        self.metrics["actor/entropy"] = entropy.item()
        batch = batch.union(log_probs)
        if "rollout_log_probs" in batch.batch:
            self.metrics.update(calculate_debug_metrics(batch))
        return batch

    def _advantages(self, batch: DataProto) -> DataProto:
        rewards, extra = compute_reward(batch, self.reward_fn)
        batch.batch["token_level_scores"] = batch.batch["token_level_rewards"] = rewards
        batch.non_tensor_batch.update({name: np.array(values) for name, values in extra.items()})
        algorithm = self.config.algorithm
        return compute_advantage(
            batch,
            adv_estimator=algorithm.adv_estimator,
            gamma=algorithm.gamma,
            lam=algorithm.lam,
            multi_turn=True,
            norm_adv_by_std_in_grpo=algorithm.norm_adv_by_std_in_grpo,
            bi_level_gae=algorithm.bi_level_gae,
            high_level_gamma=algorithm.high_level_gamma,
        )

    def _update(self, update: Any, batch: DataProto) -> None:
        batch.meta_info["multi_turn"] = True
        self.metrics.update(reduce_metrics(update(batch).meta_info["metrics"]))

    # --- validation

    def _validate(self) -> dict[str, Any]:
        """Play the validation rooms: environment metrics as `val-env/*`, rewards as verl's `val-core/*`."""
        settings = self.config.actor_rollout_ref.rollout.val_kwargs
        env_metrics: dict[str, list] = defaultdict(list)
        texts: list[str] = []
        scores: list[float] = []
        sources: list[str] = []
        for _ in range(self.config.trainer.validation_steps):
            meta_info = {
                "eos_token_id": self.tokenizer.eos_token_id,
                "pad_token_id": self.tokenizer.pad_token_id,
                "recompute_log_prob": False,
                "do_sample": settings.do_sample,
                "validate": True,
                "compute_collapse": False,
            }
            batch = self.agent_proxy.rollout(DataProto(meta_info=meta_info), val=True)
            for name, value in batch.meta_info["metrics"].items():
                env_metrics[f"val-env/{name}"].append(value)
            rows, episode_texts = self._episodes(batch)
            rewards = self.val_reward_fn(batch, return_dict=True)["reward_tensor"].sum(-1)
            texts += episode_texts
            scores += rewards[rows].tolist()
            sources += list(batch.non_tensor_batch.get("data_source", np.full(len(batch), "unknown"))[rows])
        prompts = [""] * len(scores)  # episodes are not told apart by their prompts, as upstream has it
        self._maybe_log_val_generations(inputs=prompts, outputs=texts, scores=scores)
        if folder := self.config.trainer.get("validation_data_dir"):
            self._dump_generations(prompts, texts, [None] * len(scores), scores, {}, folder)
        named = process_validation_metrics(np.array(sources), prompts, {"reward": scores})
        return {**reduce_metrics(env_metrics), **_flat_validation_metrics(named)}

    def _episodes(self, batch: DataProto) -> tuple[list[int], list[str]]:
        """The first row of every episode, and the episode's text."""
        labels = batch.non_tensor_batch
        if "messages_list" not in labels or "episode_ids" not in labels:
            return list(range(len(batch))), self.tokenizer.batch_decode(
                batch.batch["responses"], skip_special_tokens=True
            )
        first_row: dict[Any, int] = {}
        texts: dict[Any, str] = defaultdict(str)
        for row, episode in enumerate(labels["episode_ids"]):
            first_row.setdefault(episode, row)
            for message in labels["messages_list"][row]:
                texts[episode] += f"[{message['role']}]\n{message['content']}\n\n"
        return list(first_row.values()), [texts[episode].strip() for episode in first_row]

    def _validates_first(self) -> bool:
        """Before training, not before going on with it; `val_only` validates whatever was loaded."""
        settings = self.config.trainer
        wanted = settings.val_before_train and self.global_steps == 0
        return self.val_reward_fn is not None and (wanted or settings.get("val_only", False))

    # --- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """What later steps depend on in this process; subclasses add theirs to it."""
        return {
            "train_seed_counter": self.agent_proxy.train_es_manager.seed_counter,
            "consecutive_empty_filtered_steps": self.consecutive_empty_filtered_steps,
            "train_time_total": self.train_time_total,
            "eval_time_total": self.eval_time_total,
            "rng": rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` returned."""
        self.agent_proxy.train_es_manager.seed_counter = state["train_seed_counter"]
        self.consecutive_empty_filtered_steps = state["consecutive_empty_filtered_steps"]
        self.train_time_total = state["train_time_total"]
        self.eval_time_total = state["eval_time_total"]
        set_rng_state(state["rng"])

    def _save_checkpoint(self) -> None:
        """Save actor, critic and this process's state as the newest checkpoint, then drop the ones too many.

        verl's own rotation is not used: it removes the old checkpoint before the new one is written.
        """
        with self.checkpoints.saving(self.global_steps) as folder:
            self.actor_rollout_wg.save_checkpoint(str(folder / "actor"), None, self.global_steps, max_ckpt_to_keep=None)
            if self.use_critic:
                self.critic_wg.save_checkpoint(str(folder / "critic"), None, self.global_steps, max_ckpt_to_keep=None)
            torch.save({"state": self.state_dict(), "metrics": scalars(self.metrics)}, folder / STATE_FILE)

    def _load_checkpoint(self) -> None:
        """Go to the checkpoint that `trainer.resume_mode` names; without one, begin at step 0."""
        self.checkpoints.remove_partial()
        folder = self._resume_folder()
        if folder is None:
            logger.info("no checkpoint in %s: training from scratch", self.checkpoints.path)
            self.actor_rollout_wg.load_checkpoint(None)
            self.metrics_log.truncate(-1)
            return
        self.global_steps = int(folder.name.rpartition("_")[2])
        logger.info("resuming after step %d from %s", self.global_steps, folder)
        self.actor_rollout_wg.load_checkpoint(str(folder / "actor"), del_local_after_load=False)
        if self.use_critic:
            self.critic_wg.load_checkpoint(str(folder / "critic"), del_local_after_load=False)
        saved = torch.load(folder / STATE_FILE, weights_only=False)
        if self.metrics_log.truncate(self.global_steps) != self.global_steps:
            # interrupted between saving and logging
            self.metrics_log.write(self.global_steps, saved["metrics"])
        self.load_state_dict(saved["state"])

    def _resume_folder(self) -> Path | None:
        settings = self.config.trainer
        if settings.resume_mode == "resume_path":
            return Path(settings.resume_from_path)
        latest = self.checkpoints.latest()
        return None if latest is None else self.checkpoints.step_folder(latest)

    # --- bookkeeping

    def _is_over(self) -> bool:
        """Whether no step is left to make; a subclass may count otherwise."""
        return self.global_steps >= self.total_training_steps

    def _is_due(self, frequency: int) -> bool:
        return frequency > 0 and (self._is_over() or self.global_steps % frequency == 0)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.progress.on_phase(name)
        with marked_timer(name, self.timing):
            yield

    def _start_tracking(self) -> None:
        self.start_time = time.time()
        folder = Path(self.config.trainer.local_log_dir) / "tensorboard"
        os.environ["TENSORBOARD_DIR"] = str(folder)  # verl's TensorBoard backends look nowhere else
        settings: Any = OmegaConf.to_container(self.config, resolve=True)
        self.tracking = Tracking(
            project_name=settings["trainer"]["project_name"],
            experiment_name=settings["trainer"]["experiment_name"],
            default_backend=settings["trainer"]["logger"],
            config=settings,
        )

    def _measure_time(self, batch: DataProto) -> None:
        """Add upstream's timing metrics of the step to its metrics."""
        if len(batch):
            n_gpus = self.resource_pool_manager.get_n_gpus()
            self.metrics.update(compute_timing_metrics(batch=batch, timing_raw=self.timing))
            self.metrics.update(compute_throughout_metrics(batch=batch, timing_raw=self.timing, n_gpus=n_gpus))
        else:
            self.metrics.update({f"timing_s/{name}": seconds for name, seconds in self.timing.items()})
        evaluating = self.timing.get("testing", 0.0)
        training = self.timing["step"] - evaluating - self.timing.get("save_checkpoint", 0.0)
        self.train_time_total += training
        self.eval_time_total += evaluating
        self.metrics.update(
            {
                "timing_s/train_step": training,
                "timing_s/eval_step": evaluating,
                "timing_s/train_total": self.train_time_total,
                "timing_s/eval_total": self.eval_time_total,
                "timing_s/total": time.time() - self.start_time,
            }
        )

    def _log(self, metrics: dict[str, Any]) -> None:
        numbers = scalars(metrics)
        self.metrics_log.write(self.global_steps, numbers)
        self.tracking.log(data=numbers, step=self.global_steps)
        self.progress.on_step(self.global_steps, numbers)


def _flat_validation_metrics(nested: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Name verl's validation metrics as verl's trainer does: the main ones `val-core`, the rest `val-aux`.

    The main ones are mean, majority and best of the accuracy (of the reward without one) over the most
    samples.
    """
    flat = {}
    for source, variables in nested.items():
        main = "acc" if "acc" in variables else "reward"
        for variable, values in variables.items():
            most = max(int(name.rpartition("@")[2].split("/")[0]) for name in values)
            for name, value in values.items():
                is_core = variable == main and name.startswith(("mean", "maj", "best")) and f"@{most}" in name
                flat[f"{'val-core' if is_core else 'val-aux'}/{source}/{variable}/{name}"] = value
    return flat
