"""A trained policy as a Hugging Face folder: the shards of a checkpoint put together.

    python -m ragen_tsr.models.checkpoints CHECKPOINT

Decides which folder is merged, where the result lies (inside the checkpoint, so that it goes when the checkpoint
goes), and that weights keep their precision: verl's own merger writes bfloat16 whatever was trained, and rounds a
policy trained in float32 into another one. Leaves the layout of shards to verl's merger, and which checkpoint of a
run is asked for to the caller.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from rich.console import Console
from torch.distributed.tensor import DTensor
from transformers import AutoConfig, AutoModelForCausalLM
from verl.model_merger.base_model_merger import ModelMergerConfig
from verl.model_merger.fsdp_model_merger import FSDPModelMerger

from ragen_tsr import cache

MERGED = "merged"
"""Name of the result, inside the checkpoint's folder."""
_ACTOR, _LAYOUT, _HUGGINGFACE = "actor", "fsdp_config.json", "huggingface"
"""What verl's checkpoint manager writes: the policy's folder, in it the number of shards, and tokenizer and config."""


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is what `merged` takes."""
    return (path / _ACTOR / _LAYOUT).is_file() or (path / _LAYOUT).is_file()


def merged(checkpoint: Path) -> Path:
    """The policy of `checkpoint` as a Hugging Face folder, with the weights it was saved with; merged on first use.

    Args:
        checkpoint: ``global_step_<n>`` of a run, or the ``actor`` folder in it.

    Raises:
        ValueError: it is no checkpoint, shards are missing, or they are not those of the model it names.
    """
    actor = checkpoint / _ACTOR if (checkpoint / _ACTOR).is_dir() else checkpoint
    if not (actor / _LAYOUT).is_file():
        raise ValueError(f"{checkpoint}: no checkpoint (expected global_step_<n> with {_ACTOR}/{_LAYOUT} in it)")
    return cache.build_once(actor / MERGED, lambda folder: _merge(actor, folder))


def merged_weights(actor: Path) -> dict[str, torch.Tensor]:
    """Every weight of the policy in the checkpoint folder `actor`, whole, on the CPU, in the precision it was saved in.

    Raises:
        ValueError: a shard is missing.
    """
    ranks = int(json.loads((actor / _LAYOUT).read_text(encoding="utf-8"))["world_size"])
    files = [actor / f"model_world_size_{ranks}_rank_{rank}.pt" for rank in range(ranks)]
    if absent := [file.name for file in files if not file.is_file()]:
        raise ValueError(f"{actor}: {', '.join(absent)} of its {ranks} shards is missing")
    verl = FSDPModelMerger(
        ModelMergerConfig("merge", "fsdp", local_dir=str(actor), hf_model_config_path=str(actor / _HUGGINGFACE))
    )
    first = _load(files[0])
    mesh, names = verl._extract_device_mesh_info(first, ranks)
    count, _ = verl._calculate_shard_configuration(mesh, names)  # the other ranks hold copies
    shards = [first, *map(_load, files[1:count])]
    weights = {}
    for name in sorted(first):
        parts = [shard.pop(name) for shard in shards]
        if isinstance(parts[0], DTensor):
            weights[name] = verl._merge_by_placement([part.to_local() for part in parts], parts[0].placements[-1])
        else:
            weights[name] = torch.cat(parts) if count > 1 else parts[0]
    return weights


def _load(file: Path) -> dict[str, torch.Tensor]:
    shard: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=False)
    return shard


def _merge(actor: Path, folder: Path) -> None:
    """Fill `folder` with tokenizer, configuration and weights."""
    shutil.copytree(actor / _HUGGINGFACE, folder, dirs_exist_ok=True)
    weights = merged_weights(actor)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(actor / _HUGGINGFACE))
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{actor}: its weights are not those of the model in {_HUGGINGFACE}/: {error}") from error
    model.tie_weights()
    model.save_pretrained(folder)


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m ragen_tsr.models.checkpoints", description="Merge a checkpoint.")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="RUN_FOLDER/checkpoints/global_step_<n>")
    checkpoint = parser.parse_args(arguments).checkpoint
    try:
        folder = merged(checkpoint)
    except ValueError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    Console(highlight=False, soft_wrap=True).print(str(folder), markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
