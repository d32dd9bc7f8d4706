"""The engine without Ray: weights as they are asked for, on the device that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import worker_support as support
from omegaconf import DictConfig
from transformers import AutoTokenizer

from ragen_tsr.config import compose, parse
from ragen_tsr.workers.local import LocalRolloutWorkers


def configuration(model: Path, scale: str) -> DictConfig:
    overrides = ["actor_rollout_ref.rollout.response_length=8", f"scale={scale}", f"model={model}"]
    return compose(parse(["sokoban", "none", *overrides]))


def responses(workers: LocalRolloutWorkers) -> torch.Tensor:
    batch = support.prompts(support.random_prompts(5), do_sample=False)
    return workers.generate_sequences(batch).batch["responses"]


def test_the_papers_scale_needs_no_flash_attention_here(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    config = configuration(tiny_model, "paper")
    assert LocalRolloutWorkers(config, tokenizer)._engine.model.dtype == torch.bfloat16  # verl's default
    workers = LocalRolloutWorkers(config, tokenizer, dtype="float32")
    assert workers._engine.model.dtype == torch.float32
    on_cpu = LocalRolloutWorkers(configuration(tiny_model, "cpu"), tokenizer)
    assert torch.equal(responses(workers), responses(on_cpu))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    config = configuration(tiny_model, "cpu")
    on_gpu = LocalRolloutWorkers(config, tokenizer, device="cuda")
    assert on_gpu._engine.model.device.type == "cuda"
    assert torch.equal(responses(on_gpu), responses(LocalRolloutWorkers(config, tokenizer)))
