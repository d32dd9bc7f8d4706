"""How Ray is started, and what a worker process is told and seeded with."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from ragen_tsr import platform
from ragen_tsr.platform import device, ray_init


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with four cores and no accelerator."""
    for module in (ray_init, device):
        monkeypatch.setattr(module, "has_accelerator", lambda: False)
        monkeypatch.setattr(module, "usable_cores", lambda: 4)


def config(**overrides: Any) -> DictConfig:
    return OmegaConf.create({"trainer": {"n_gpus_per_node": 2, "nnodes": 1}, "run_seed": 5, **overrides})


@pytest.mark.usefixtures("cpu")
def test_ray_gets_a_logical_device_for_every_rank() -> None:
    kwargs = platform.ray_init_kwargs(config())
    assert kwargs["num_gpus"] == 2
    assert kwargs["num_cpus"] >= 2
    assert len(platform.driver_environment(config())["CUDA_VISIBLE_DEVICES"].split(",")) == 2


@pytest.mark.usefixtures("cpu")
def test_ranks_share_the_cores() -> None:
    for ranks, threads in ((1, "4"), (2, "2"), (3, "1"), (8, "1")):
        asked = config(trainer={"n_gpus_per_node": ranks, "nnodes": 1})
        assert platform.ray_init_kwargs(asked)["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == threads


@pytest.mark.usefixtures("cpu")
def test_workers_are_told_backend_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAGEN_HOME", raising=False)
    monkeypatch.delenv("RAGEN_TSR_BACKEND", raising=False)
    variables = platform.ray_init_kwargs(config())["runtime_env"]["env_vars"]
    assert variables["RAGEN_TSR_BACKEND"] == "embedded"
    assert variables[platform.SEED_VARIABLE] == "5"


@pytest.mark.usefixtures("cpu")
def test_the_configuration_has_the_last_word() -> None:
    asked = {"num_cpus": 7, "timeline_json_file": None, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "3", "X": "y"}}}
    kwargs = platform.ray_init_kwargs(config(ray_kwargs={"ray_init": asked}))
    assert kwargs["num_cpus"] == 7
    assert "timeline_json_file" not in kwargs
    variables = kwargs["runtime_env"]["env_vars"]
    assert (variables["OMP_NUM_THREADS"], variables["X"], variables[platform.SEED_VARIABLE]) == ("3", "y", "5")


def test_with_accelerators_ray_counts_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_init, "has_accelerator", lambda: True)
    kwargs = platform.ray_init_kwargs(config())
    assert "num_gpus" not in kwargs
    assert "OMP_NUM_THREADS" not in kwargs["runtime_env"]["env_vars"]
    assert platform.driver_environment(config()) == {}


@pytest.mark.parametrize("ranks", [0, -1, "two", 1.5, None, True])
def test_refuses_rank_counts_that_cannot_work(ranks: Any) -> None:
    with pytest.raises(ValueError, match=r"trainer\.n_gpus_per_node=.*must be an integer >= 1"):
        ray_init.ranks_of(OmegaConf.create({"trainer": {"n_gpus_per_node": ranks}}))


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("seed", [None, -1, "x", 1.5, True])
def test_refuses_seeds_that_cannot_work(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"run_seed=.*must be an integer >= 0"):
        platform.ray_init_kwargs(config(run_seed=seed))


def test_a_worker_without_a_seed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(platform.SEED_VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match=platform.SEED_VARIABLE):
        platform.run_seed()
    monkeypatch.setenv(platform.SEED_VARIABLE, "12")
    assert platform.run_seed() == 12


def test_seeds_every_global_generator() -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    platform.seed_everything(3)
    first = draws()
    platform.seed_everything(3)
    assert draws() == first
    platform.seed_everything(4)
    assert all(one != other for one, other in zip(draws(), first, strict=True))


def test_describes_the_machine_for_a_person() -> None:
    machine = platform.describe()
    assert machine.count >= 1
    assert str(machine).startswith(f"{machine.device} (")
