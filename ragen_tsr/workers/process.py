"""What every worker process does before verl's worker is made, and what its checkpoint carries besides weights."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from ragen_tsr import backend
from ragen_tsr.platform import has_accelerator, prepare


def start(timeout_seconds: int, upstream: bool = False) -> None:
    """Check the backend, apply the platform's patches and, without an accelerator, join gloo before verl joins NCCL.

    Args:
        timeout_seconds: Of a collective operation.
        upstream: Whether the worker is upstream's.

    Raises:
        ragen_tsr.backend.BackendError: the driver resolved RAGEN to something else than this process does.
    """
    if backend.is_upstream() != upstream:
        mine = "upstream's" if upstream else "an embedded"
        raise backend.BackendError(f"{mine} worker was started although RAGEN resolves as {backend.choice()!r}")
    prepare()
    if has_accelerator() or dist.is_initialized():
        return
    dist.init_process_group(
        backend="gloo",
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=datetime.timedelta(seconds=timeout_seconds),
        init_method=os.environ.get("DIST_INIT_METHOD"),
    )


def gathered(seconds: float) -> torch.Tensor:
    """The ranks' ``seconds``, ``[ranks]``, on the CPU."""
    mine = torch.tensor([seconds])
    if has_accelerator():
        mine = mine.to(torch.accelerator.current_accelerator())
    all_ranks = [torch.zeros_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(all_ranks, mine)
    return torch.cat(all_ranks).cpu()


def timing(seconds: float) -> dict[str, float]:
    """Mean, minimum and maximum of ``seconds`` over the ranks, and the share of ranks above the 90th percentile.

    The keys are those of verl's ``generate_sequences``, whose own helper gathers zero-dimensional tensors, which gloo
    rejects.
    """
    times = gathered(seconds)
    return {
        "generate_sequences": times.mean().item(),
        "generation_timing/max": times.max().item(),
        "generation_timing/min": times.min().item(),
        "generation_timing/topk_ratio": (times > times.quantile(0.9)).float().mean().item(),
    }


def save_state(folder: str, name: str, state: dict[str, Any]) -> None:
    """Write this rank's ``state`` into a checkpoint folder, under its final name only when it is whole."""
    path = _state_path(folder, name)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_state(folder: str, name: str) -> dict[str, Any]:
    """What :func:`save_state` wrote.

    Raises:
        FileNotFoundError: the checkpoint has no such state for this rank and number of ranks.
    """
    path = _state_path(folder, name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: the checkpoint is incomplete, or was made by another number of ranks"
        )
    state: dict[str, Any] = torch.load(path, weights_only=False)
    return state


def _state_path(folder: str, name: str) -> Path:
    return Path(folder) / f"{name}_world_size_{dist.get_world_size()}_rank_{dist.get_rank()}.pt"
