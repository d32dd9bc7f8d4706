"""Shards of a checkpoint become the weights that were saved, bit for bit and in their own precision."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from ragen_tsr.models import checkpoints
from ragen_tsr.models.checkpoints import is_checkpoint, merged
from ragen_tsr.models.recipe import ModelRecipe
from ragen_tsr.models.sft import build_model
from ragen_tsr.models.tokenizer import build_tokenizer

SAVE = """
import sys, torch, torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM, AutoTokenizer
from verl.utils.checkpoint.fsdp_checkpoint_manager import FSDPCheckpointManager

model_folder, target, dtype = sys.argv[1:]
dist.init_process_group("gloo")
model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=getattr(torch, dtype))
mesh = init_device_mesh("cpu", (dist.get_world_size(),), mesh_dim_names=("fsdp",))
for layer in model.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(model, mesh=mesh)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
manager = FSDPCheckpointManager(
    model=model,
    optimizer=optimizer,
    lr_scheduler=None,
    processing_class=AutoTokenizer.from_pretrained(model_folder),
    checkpoint_config={"load_contents": ["model"], "save_contents": ["model"]},
)
manager.save_checkpoint(local_path=target, global_step=1)
dist.destroy_process_group()
"""
"""Saves a model as verl's workers do; run by every rank."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained policy whose embedding rows do not divide evenly."""
    folder = tmp_path_factory.mktemp("policy")
    tokenizer = build_tokenizer(["Up", "Down"], 400, 1, 2048)
    tokenizer.save_pretrained(folder)
    assert len(tokenizer) % 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        build_model(ModelRecipe(hidden_size=16, intermediate_size=30, layers=2, heads=2), tokenizer).save_pretrained(
            folder
        )
    return folder


def save(policy: Path, folder: Path, dtype: str, ranks: int) -> Path:
    """A checkpoint of `ranks` processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    target = folder / "global_step_1" / "actor"
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(ranks),
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, str(policy), str(target), dtype],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    for process in processes:
        errors = process.communicate(timeout=300)[1]
        assert process.returncode == 0, errors[-3000:]
    return target.parent


@pytest.mark.parametrize(("dtype", "ranks"), [("float32", 1), ("bfloat16", 2)])
def test_weights_are_those_that_were_saved(policy, tmp_path, dtype, ranks):
    checkpoint = save(policy, tmp_path, dtype, ranks)
    assert is_checkpoint(checkpoint)
    folder = merged(checkpoint)
    wanted = AutoModelForCausalLM.from_pretrained(policy, dtype=getattr(torch, dtype)).state_dict()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    found = model.state_dict()
    assert model.dtype == getattr(torch, dtype)
    assert AutoConfig.from_pretrained(folder).dtype == getattr(torch, dtype)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == AutoTokenizer.from_pretrained(policy).get_vocab()
    assert model.generation_config.eos_token_id == AutoTokenizer.from_pretrained(folder).eos_token_id

    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert merged(checkpoint / "actor") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    if ranks == 2:
        folder.rename(tmp_path / "elsewhere")
        (checkpoint / "actor" / "model_world_size_2_rank_1.pt").unlink()
        with pytest.raises(ValueError, match=r"model_world_size_2_rank_1\.pt of its 2 shards"):
            merged(checkpoint)
        assert not folder.exists()


def whole(folder: Path, policy: Path, weights: dict[str, torch.Tensor]) -> Path:
    """A checkpoint of one process with plain tensors."""
    actor = folder / "actor"
    for file in policy.iterdir():
        if file.suffix != ".safetensors":
            (actor / "huggingface").mkdir(parents=True, exist_ok=True)
            (actor / "huggingface" / file.name).write_bytes(file.read_bytes())
    (actor / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": 1}))
    torch.save(weights, actor / "model_world_size_1_rank_0.pt")
    return folder


def test_weights_of_another_model_are_refused(policy, tmp_path, capsys):
    weights = AutoModelForCausalLM.from_pretrained(policy).state_dict()
    del weights["model.norm.weight"]
    checkpoint = whole(tmp_path, policy, weights)
    with pytest.raises(ValueError, match=r"model\.norm\.weight"):
        merged(checkpoint)
    assert not (checkpoint / "actor" / "merged").exists()
    assert checkpoints.main([str(checkpoint)]) == 2
    assert "model.norm.weight" in capsys.readouterr().err


def test_the_command_says_where_the_result_lies(policy, tmp_path, capsys):
    checkpoint = whole(tmp_path, policy, AutoModelForCausalLM.from_pretrained(policy).state_dict())
    assert checkpoints.main([str(checkpoint)]) == 0
    assert capsys.readouterr().out.strip() == str(checkpoint / "actor" / "merged")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    assert not is_checkpoint(tmp_path)
    with pytest.raises(ValueError, match="no checkpoint"):
        merged(tmp_path)
