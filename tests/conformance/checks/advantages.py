"""Advantages: 1e-5 relative + 1e-6 absolute, for verl's functions as much as for our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from verl import DataProto
from verl.trainer.ppo import core_algos as verl_algos

from checks import Context, Departed, close
from ragen_tsr.embedded.trainer import core_algos

DEPARTURES = {
    "bi_level_gae_zero_reward": "the mask's last token ends a turn even with reward 0, instead of raising",
    "bi_level_gae_unreachable": "compute_advantage(bi_level_gae=True) works, instead of raising",
}

FUNCTIONS = {
    "gae": verl_algos.compute_gae_advantage_return,
    "grpo_verl": verl_algos.compute_grpo_outcome_advantage,
    "grpo": core_algos.compute_grpo_outcome_advantage,
    "bi_level_gae": core_algos.compute_bi_level_gae_advantage_return,
}
OUTPUTS = ("advantages", "returns", "group_std")


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Differences between a recorded case and our result."""
    settings = {key: value for key, value in case["config"].items() if key != "function"}
    inputs = {name: _as_input(name, value) for name, value in case["inputs"].items()}
    if case["kind"] == "compute_advantage":
        data = core_algos.compute_advantage(_batch(inputs), **settings)
        results = (data.batch["advantages"], data.batch["returns"])
    else:
        results = FUNCTIONS[case["kind"]](**inputs, **settings)
    if "error" in case:
        return _departed(case, results)
    differences = []
    for name, result in zip(OUTPUTS, results, strict=False):
        differences += close(name, result.tolist(), case[name], relative=1e-5, absolute=1e-6)
    return differences


def _departed(case: dict[str, Any], results: tuple[torch.Tensor, ...]) -> list[str]:
    """Upstream raised: ours must give finite numbers of the right shape."""
    shape = np.shape(case["inputs"]["token_level_rewards"])
    for name, result in zip(OUTPUTS, results, strict=False):
        if tuple(result.shape) != shape or not torch.isfinite(result).all():
            return [f"{name} of a corrected case is not finite or has the wrong shape"]
    raise Departed("bi_level_gae_unreachable" if case["kind"] == "compute_advantage" else "bi_level_gae_zero_reward")


def _as_input(name: str, value: Any) -> Any:
    return np.array(value) if name in ("index", "uid") else value if name == "episode_ids" else torch.tensor(value)


def _batch(inputs: dict[str, Any]) -> DataProto:
    tensors = {name: value for name, value in inputs.items() if torch.is_tensor(value)}
    labels = {name: np.array(inputs[name]) for name in ("uid", "episode_ids") if name in inputs}
    return DataProto.from_dict(tensors=tensors, non_tensors=labels)
