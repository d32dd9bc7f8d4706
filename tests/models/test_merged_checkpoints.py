"""A checkpoint becomes a model with the weights that were saved, in their own precision.

That a trained policy's weights come out bit for bit, also of two ranks, is in tests/workers/test_ranks.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from ragen_tsr.models import checkpoints
from ragen_tsr.models.checkpoints import is_checkpoint, merged
from ragen_tsr.models.recipe import ModelRecipe
from ragen_tsr.models.sft import build_model
from ragen_tsr.models.tokenizer import build_tokenizer

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained policy."""
    folder = tmp_path_factory.mktemp("policy")
    tokenizer = build_tokenizer(["Up", "Down"], 400, 1, 2048)
    tokenizer.save_pretrained(folder)
    recipe = ModelRecipe(hidden_size=16, intermediate_size=30, layers=2, heads=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        build_model(recipe, tokenizer).save_pretrained(folder)
    return folder


def weights_of(policy: Path, dtype: torch.dtype = torch.float32) -> Weights:
    weights: Weights = AutoModelForCausalLM.from_pretrained(policy, dtype=dtype).state_dict()
    return weights


def save(checkpoint: Path, policy: Path, weights: Weights, ranks: int = 1) -> Path:
    """A checkpoint of `ranks` processes of which the first has written its file."""
    actor = checkpoint / "actor"
    shutil.copytree(policy, actor / "huggingface", ignore=shutil.ignore_patterns("*.safetensors"))
    (actor / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": ranks}))
    torch.save(weights, actor / f"model_world_size_{ranks}_rank_0.pt")
    return checkpoint


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_keep_their_precision(policy, tmp_path, dtype):
    wanted = weights_of(policy, dtype)
    folder = merged(save(tmp_path, policy, wanted))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    found = model.state_dict()
    assert model.dtype == AutoConfig.from_pretrained(folder).dtype == dtype
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(policy).get_vocab()
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_it_is_merged_once(policy, tmp_path):
    checkpoint = save(tmp_path, policy, weights_of(policy))
    assert is_checkpoint(checkpoint)
    assert is_checkpoint(checkpoint / "actor")
    folder = merged(checkpoint)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert merged(checkpoint / "actor") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_weights_of_another_model_are_refused(policy, tmp_path, capsys):
    weights = weights_of(policy)
    del weights["model.norm.weight"]
    checkpoint = save(tmp_path, policy, weights)
    with pytest.raises(ValueError, match=r"model\.norm\.weight"):
        merged(checkpoint)
    assert not (checkpoint / "actor" / "merged").exists()
    assert checkpoints.main([str(checkpoint)]) == 2
    assert "model.norm.weight" in capsys.readouterr().err


def test_a_missing_shard_is_named(policy, tmp_path):
    with pytest.raises(ValueError, match=r"model_world_size_2_rank_1\.pt of its 2 shards"):
        merged(save(tmp_path, policy, weights_of(policy), ranks=2))


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    assert not is_checkpoint(tmp_path)
    with pytest.raises(ValueError, match="no checkpoint"):
        merged(tmp_path)


def test_the_command_says_where_the_result_lies(policy, tmp_path, capsys):
    checkpoint = save(tmp_path, policy, weights_of(policy))
    assert checkpoints.main([str(checkpoint)]) == 0
    assert capsys.readouterr().out.strip() == str(checkpoint / "actor" / "merged")
