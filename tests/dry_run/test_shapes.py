"""Parameters and cache bytes that follow from a model's sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen2ForTokenClassification

from ragen_tsr.dry_run.shapes import KNOWN, ModelShape, from_config, shape_of


@pytest.mark.parametrize(
    ("name", "parameters", "cache"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768, 12_288),
        ("Qwen/Qwen2.5-3B-Instruct", 3_085_938_688, 36_864),
        ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512, 57_344),
    ],
)
def test_published_models(name: str, parameters: int, cache: int) -> None:
    assert KNOWN[name].parameters == parameters
    assert KNOWN[name].cache_bytes() == cache


SIZES = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 80,
    "vocab_size": 100,
}


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("config", "model"), [(Qwen2Config, Qwen2ForCausalLM), (LlamaConfig, LlamaForCausalLM)])
def test_the_formula_counts_what_transformers_builds(config: type, model: type, tied: bool) -> None:
    settings = config(**SIZES, tie_word_embeddings=tied)
    with torch.device("meta"):
        built = model(settings)
    shape = from_config(settings.to_dict())
    assert shape is not None
    assert shape.parameters == count(built)


def test_the_critic_has_one_output() -> None:
    settings = Qwen2Config(**SIZES, num_labels=1)
    with torch.device("meta"):
        built = Qwen2ForTokenClassification(settings)
    shape = from_config(settings.to_dict())
    assert shape is not None
    assert shape.critic_parameters == count(built)


def test_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(Qwen2Config(**SIZES).to_dict()))
    shape = shape_of(str(tmp_path))
    assert isinstance(shape, ModelShape)
    assert shape.vocab_size == 100


def test_what_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    assert shape_of(str(tmp_path)) is None
    assert shape_of("nobody/has-this-model") is None
    assert from_config({"model_type": "mamba"}) is None
