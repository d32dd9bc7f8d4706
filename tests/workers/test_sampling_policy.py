"""The generation RNG that a policy's worker starts with, and what its engine forgets between rollouts."""

from __future__ import annotations

import asyncio

import pytest
import torch
from omegaconf import OmegaConf

from ragen_tsr.platform import prepare
from ragen_tsr.platform.seeding import SEED_VARIABLE
from ragen_tsr.workers.policy import SamplingPolicy


class EngineThatSeeds:
    """Stands for verl's worker: its engine seeds the process, and the state that this leaves is kept."""

    def __init__(self, rank: int) -> None:
        sizes = {"tensor_model_parallel_size": 2, "data_parallel_size": 1, "pipeline_model_parallel_size": 1}
        self.rank, self.config = rank, OmegaConf.create({"rollout": {**sizes, "free_cache_engine": True}})
        self.rollout = Engine()

    async def trainer_mode(self) -> None:
        if self.config.rollout.free_cache_engine:
            await self.rollout.release()

    def _build_rollout(self, trust_remote_code: bool = False) -> None:
        torch.manual_seed(0)
        self.gen_random_states = torch.get_rng_state()
        torch.manual_seed(7)


class Engine:
    """Counts its releases."""

    releases = 0

    async def release(self) -> None:
        self.releases += 1


class Worker(SamplingPolicy, EngineThatSeeds):
    """What a run's worker is made of."""


def state(rank: int) -> bytes:
    worker = Worker(rank)
    worker._build_rollout()
    return worker.gen_random_states.numpy().tobytes()


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setenv(SEED_VARIABLE, "3")


def test_ranks_draw_different_numbers_unless_they_generate_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert state(0) == state(1)
    assert len({state(0), state(2), state(4)}) == 3
    drawn = state(2)
    monkeypatch.setenv(SEED_VARIABLE, "4")
    assert state(2) != drawn


def test_training_goes_on_with_its_own_numbers() -> None:
    state(2)
    mine = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(mine, torch.rand(3))


@pytest.mark.parametrize("frees", [True, False])
def test_no_prefix_outlives_the_weights_it_was_cached_under(frees: bool) -> None:
    worker = Worker(0)
    worker.config.rollout.free_cache_engine = frees
    asyncio.run(worker.trainer_mode())
    assert worker.rollout.releases == 1
