"""A tiny random Qwen2 with a byte-sized tokenizer, and configurations of verl's workers for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

VOCABULARY = 64
PAD, END = 0, 1

ACTOR_KEYS = {
    "strategy": "fsdp2",
    "use_torch_compile": False,
    "ppo_mini_batch_size": 8,
    "ppo_micro_batch_size_per_gpu": 2,
    "entropy_coeff": 0.001,
    "optim": {"lr": 1e-3},
    "fsdp_config": {"strategy": "fsdp2", "model_dtype": "fp32", "dtype": "float32", "use_torch_compile": False},
}
CRITIC_KEYS = {
    "strategy": "fsdp2",
    "ppo_mini_batch_size": 8,
    "ppo_micro_batch_size_per_gpu": 2,
    "forward_micro_batch_size_per_gpu": 2,
    "optim": {"lr": 1e-3},
    "model": {
        "override_config": {"attn_implementation": "sdpa"},
        "enable_gradient_checkpointing": False,
        "fsdp_config": {
            "strategy": "fsdp2",
            "model_dtype": "fp32",
            "dtype": "float32",
            "use_torch_compile": False,
            "mixed_precision": {"param_dtype": "fp32", "reduce_dtype": "fp32", "buffer_dtype": "fp32"},
        },
    },
}
ROLLOUT_KEYS = {
    "name": "hf_cpu",
    "mode": "sync",
    "dtype": "float32",
    "tensor_model_parallel_size": 1,
    "load_format": "auto",
    "response_length": 8,
    "log_prob_micro_batch_size_per_gpu": 2,
    "val_kwargs": {"do_sample": True, "temperature": 0.5},
    # a key of RAGEN's that verl's dataclass does not know
    "rollout_filter_value": 1.0,
}


def build_model(folder: Path, seed: int = 0, tie: bool = True) -> Path:
    """Write a random two-layer Qwen2 and a word-level tokenizer into ``folder``."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    words = ["<pad>", "<|im_end|>"] + [f"w{index}" for index in range(2, VOCABULARY)]
    raw = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<|im_end|>")
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = Qwen2Config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=tie,
            initializer_range=0.2,
            eos_token_id=END,
            pad_token_id=PAD,
            bos_token_id=None,
        )
        model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=END, pad_token_id=PAD)
    model.save_pretrained(folder)
    return folder


def verl_config() -> DictConfig:
    """verl's own defaults."""
    import verl.trainer.config

    folder = Path(verl.trainer.config.__file__).parent
    return OmegaConf.load(folder / "_generated_ppo_trainer.yaml")


def worker_config(model: Path, **rollout: Any) -> DictConfig:
    """``actor_rollout_ref`` and ``critic`` for ``model``, on verl's defaults."""
    config = verl_config()
    OmegaConf.set_struct(config, False)
    config.actor_rollout_ref.merge_with(
        {
            "model": {
                "path": str(model),
                "override_config": {"attn_implementation": "sdpa"},
                "enable_gradient_checkpointing": False,
            },
            "actor": ACTOR_KEYS,
            "rollout": ROLLOUT_KEYS,
        }
    )
    config.actor_rollout_ref.rollout.merge_with(rollout)
    config.critic.merge_with(CRITIC_KEYS)
    config.critic.model.path = str(model)
    config.trainer.n_gpus_per_node = 1
    config.run_seed = 7
    return config


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def process_environment(rank: int = 0, world: int = 1, port: int | None = None) -> dict[str, str]:
    """What Ray and the driver would have put into a worker's environment."""
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port or free_port()),
        "RAGEN_TSR_RUN_SEED": "7",
        "RAGEN_TSR_BACKEND": "embedded",
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
    }


def make_workers(config: DictConfig) -> tuple[Any, Any]:
    """Actor and critic workers of this process, initialised; call in a process with :func:`process_environment`."""
    from verl.utils.config import omega_conf_to_dataclass

    from ragen_tsr.embedded.workers.fsdp_workers import ActorRolloutRefWorker, CriticWorker

    actor = ActorRolloutRefWorker(config.actor_rollout_ref, "actor_rollout")
    critic = CriticWorker(omega_conf_to_dataclass(config.critic))
    critic.init_model()
    actor.init_model()
    return actor, critic


def prompts(rows: list[list[int]], **meta: Any) -> Any:
    """A generation batch, padded on the left."""
    from verl import DataProto

    width = max(len(row) for row in rows)
    ids = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return DataProto.from_single_dict(
        {"input_ids": ids, "attention_mask": mask, "position_ids": positions}, meta_info=meta
    )


def random_prompts(count: int, seed: int = 0, shortest: int = 3, longest: int = 12) -> list[list[int]]:
    """Prompts of various lengths without special tokens."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(shortest, longest + 1, (count,), generator=generator).tolist()
    return [torch.randint(2, VOCABULARY, (length,), generator=generator).tolist() for length in lengths]


def training_batch(rows: int = 16, length: int = 20, seed: int = 1) -> Any:
    """A batch as RAGEN hands it to the update: padded on the left, responses are all tokens but the first."""
    from verl import DataProto

    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, VOCABULARY, (rows, length), generator=generator)
    padding = torch.randint(2, 6, (rows, 1), generator=generator)
    mask = (torch.arange(length) >= padding).long()
    ids = torch.where(mask.bool(), ids, torch.tensor(PAD))
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    response_mask = mask[:, 1:] * (torch.rand(rows, length - 1, generator=generator) < 0.5).long()
    response_mask[:, -1] = 1
    noise = {
        name: torch.randn(rows, length - 1, generator=generator) * response_mask
        for name in ("advantages", "returns", "values")
    }
    return DataProto.from_single_dict(
        {
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": positions,
            "responses": ids[:, 1:],
            "response_mask": response_mask,
            **noise,
        },
        meta_info={"temperature": 1.0, "global_token_num": mask.sum(-1).tolist()},
    )
