"""A trainer without processes or models: scripted workers and rollouts whose numbers hang on their state.

The "policy" is one number that an update moves; rewards depend on it and on the environment seed counter. A
resumed run thus only repeats an uninterrupted one if every part of the state came back.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from verl import DataProto
from verl.trainer.ppo.utils import Role

from ragen_tsr.config import compose, parse
from ragen_tsr.embedded.trainer.agent_trainer import RayAgentTrainer
from ragen_tsr.embedded.trainer.config_check import filter_from_config
from ragen_tsr.trainer.reward import RolloutReward

TOKENS = 6


def trainer_config(folder: Path, *overrides: str) -> DictConfig:
    """The default CPU configuration in a run folder of its own, five steps, saved every second."""
    groups = tuple(override for override in overrides if override.startswith("algo="))
    keys = [
        f"trainer.local_log_dir={folder}",
        f"trainer.default_local_dir={folder / 'checkpoints'}",
        "trainer.logger=[]",
        "trainer.total_training_steps=5",
        "trainer.save_freq=2",
        "trainer.test_freq=2",
        "micro_batch_size_per_gpu=4",
        *(override for override in overrides if override not in groups),
    ]
    config = OmegaConf.merge(composed(groups), OmegaConf.from_dotlist(keys))
    OmegaConf.resolve(config)
    return config


@cache
def composed(groups: tuple[str, ...]) -> DictConfig:
    """The default CPU configuration with other options of some groups; composing takes a second."""
    config = compose(parse(["sokoban", "none", "scale=cpu", "model_path=none", *groups]))
    OmegaConf.set_struct(config, False)
    return config


class ScriptedWorkers:
    """The actor's or the critic's worker group; keeps the names of the calls."""

    world_size = 1

    def __init__(self) -> None:
        self.weight = 0.0
        self.draws = np.random.default_rng(0)
        self.calls: list[str] = []

    def compute_log_prob(self, batch: DataProto) -> DataProto:
        self.calls.append("compute_log_prob")
        shape = batch.batch["responses"].shape
        tensors = {"old_log_probs": torch.full(shape, -self.weight), "entropys": torch.full(shape, 1.5)}
        return DataProto.from_dict(tensors=tensors)

    def compute_values(self, batch: DataProto) -> DataProto:
        self.calls.append("compute_values")
        values = torch.full(batch.batch["responses"].shape, self.weight)
        return DataProto.from_dict(tensors={"values": values})

    def update_actor(self, batch: DataProto) -> DataProto:
        return self._update("actor", batch)

    def update_critic(self, batch: DataProto) -> DataProto:
        return self._update("critic", batch)

    def _update(self, name: str, batch: DataProto) -> DataProto:
        self.calls.append(f"update_{name}")
        rewards = batch.batch["token_level_rewards"].sum(-1)
        self.weight += float(rewards.mean()) / 10 + float(self.draws.normal())
        assert torch.isfinite(batch.batch["advantages"]).all()
        return DataProto(meta_info={"metrics": {f"{name}/loss": [self.weight, self.weight + 1]}})

    def save_checkpoint(self, path: str, hdfs: None, step: int, max_ckpt_to_keep: int | None) -> None:
        assert max_ckpt_to_keep is None, "verl's rotation would remove the old checkpoint first"
        Path(path).mkdir(parents=True)
        state = {"weight": self.weight, "draws": self.draws.bit_generator.state}
        (Path(path) / "state.json").write_text(json.dumps(state))

    def load_checkpoint(self, path: str | None, del_local_after_load: bool = False) -> None:
        self.calls.append(f"load {Path(path).parent.name}" if path else "load nothing")
        if path:
            state = json.loads((Path(path) / "state.json").read_text())
            self.weight, self.draws.bit_generator.state = state["weight"], state["draws"]


class ScriptedProxy:
    """Makes up rollouts; rewards hang on the policy, the seed counter and numpy's global generator."""

    def __init__(self, config: DictConfig, actor_rollout_wg: ScriptedWorkers, tokenizer: object) -> None:
        self.workers = actor_rollout_wg
        self.train_es_manager = SimpleNamespace(seed_counter=0)
        self.groups = config.es_manager.train.env_groups
        self.group_size = config.es_manager.train.group_size
        self.flat: set[int] = set()  # steps (from 1) in which all rewards are equal

    def rollout(self, dataproto: DataProto, val: bool = False) -> DataProto:
        rows = 2 if val else self.groups * self.group_size
        if val:
            rewards = torch.full((rows,), self.workers.weight)
        else:
            self.train_es_manager.seed_counter += self.groups
            noise = torch.tensor(np.random.rand(rows), dtype=torch.float32)  # the driver's global generator
            rewards = torch.arange(rows) * 0.1 + noise + self.workers.weight
            rewards += self.train_es_manager.seed_counter
            if self.train_es_manager.seed_counter // self.groups in self.flat:
                rewards[:] = 0
        scores = torch.zeros(rows, TOKENS - 1)
        scores[:, -1] = rewards
        mask = torch.ones(rows, TOKENS - 1)
        mask[:, 0] = 0
        batch = DataProto.from_dict(
            tensors={
                "input_ids": torch.ones(rows, TOKENS, dtype=torch.long),
                "attention_mask": torch.ones(rows, TOKENS, dtype=torch.long),
                "responses": torch.ones(rows, TOKENS - 1, dtype=torch.long),
                "loss_mask": mask,
                "rm_scores": scores,
                "original_rm_scores": scores.clone(),
            },
            non_tensors={"group_ids": np.arange(rows) // self.group_size},
            meta_info={"metrics": {"sokoban/success": float(rewards.mean() > 0)}},
        )
        return batch


class ScriptedTokenizer:
    """Reads every row as the same words."""

    eos_token_id, pad_token_id = 1, 0

    def batch_decode(self, rows: torch.Tensor, skip_special_tokens: bool) -> list[str]:
        return ["words"] * len(rows)


class ScriptedTrainer(RayAgentTrainer):
    """The trainer under test; only the processes are scripted."""

    agent_proxy_cls = ScriptedProxy

    def init_workers(self) -> None:
        self.actor_rollout_wg = ScriptedWorkers()
        if self.use_critic:
            self.critic_wg = ScriptedWorkers()
        self.rollout_filter = filter_from_config(self.config)


def make_trainer(config: DictConfig, kind: type[ScriptedTrainer] | None = None) -> ScriptedTrainer:
    """A trainer ready to fit, of a kind of its own if one is given."""
    trainer = (kind or ScriptedTrainer)(
        config,
        ScriptedTokenizer(),
        {Role.ActorRollout: object, Role.Critic: object},
        SimpleNamespace(get_n_gpus=lambda: 1),
        reward_fn=RolloutReward(),
        val_reward_fn=RolloutReward(),
    )
    trainer.init_workers()
    trainer.init_agent_proxy()
    return trainer
