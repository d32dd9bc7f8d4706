"""One FSDP rank and two give the same update and the same samples (fp32, verl worker groups under Ray)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import worker_support as support
from omegaconf import OmegaConf
from transformers import AutoModelForCausalLM

from ragen_tsr.models.checkpoints import merged
from ragen_tsr.workers.rollout.hf_cpu import fingerprint

ROWS, MINI, MICRO = 16, 8, 2


@contextmanager
def worker_groups(ray: Any, model: Path, ranks: int) -> Iterator[tuple[Any, Any]]:
    """Actor and critic in one process per rank, as the trainer makes them; gone, with their devices, at the end."""
    from verl.single_controller.ray import RayClassWithInitArgs, RayResourcePool, RayWorkerGroup
    from verl.single_controller.ray.base import create_colocated_worker_cls
    from verl.utils.config import omega_conf_to_dataclass

    from ragen_tsr.embedded.workers.fsdp_workers import ActorRolloutRefWorker, CriticWorker

    config = support.worker_config(model)
    OmegaConf.resolve(config)
    classes = {
        "actor_rollout": RayClassWithInitArgs(
            ray.remote(ActorRolloutRefWorker), config=config.actor_rollout_ref, role="actor_rollout"
        ),
        "critic": RayClassWithInitArgs(ray.remote(CriticWorker), config=omega_conf_to_dataclass(config.critic)),
    }
    pool = RayResourcePool([ranks], use_gpu=True, max_colocate_count=1)
    group = RayWorkerGroup(resource_pool=pool, ray_cls_with_init=create_colocated_worker_cls(classes))
    made = group.spawn(prefix_set=classes.keys())
    made["critic"].init_model()
    made["actor_rollout"].init_model()
    yield made["actor_rollout"], made["critic"]
    for worker in group.workers:
        ray.kill(worker)
    for placement in pool.get_placement_groups():
        ray.util.remove_placement_group(placement)


def spread(ranks: int) -> torch.Tensor:
    """Row order in which rank r gets, of every micro-batch of one rank's run, the r-th part.

    verl gives each rank a contiguous part of the batch and cuts its mini-batches out of that, so the same mini-batches
    need another order of rows.
    """
    rows = torch.arange(ROWS).view(ROWS // MINI, ranks, MINI // ranks)
    return rows.transpose(0, 1).reshape(-1)


def run(ray: Any, model: Path, ranks: int, folder: Path) -> dict[str, Any]:
    """Sample, evaluate, update once and save; tensors come back in the order of one rank."""
    with worker_groups(ray, model, ranks) as (actor, critic):
        result: dict[str, Any] = {}
        prompts = support.prompts(support.random_prompts(8), mode="singleturn")
        result["responses"] = actor.generate_sequences(prompts).batch["responses"]
        order = spread(ranks)
        batch = support.training_batch(ROWS)
        batch.reorder(order)
        back = order.argsort()
        batch.batch["old_log_probs"] = actor.compute_log_prob(batch).batch["old_log_probs"]
        batch.batch["values"] = critic.compute_values(batch).batch["values"]
        result["old_log_probs"] = batch.batch["old_log_probs"][back]
        result["values"] = batch.batch["values"][back]
        result["critic"] = critic.update_critic(batch).meta_info["metrics"]["critic/grad_norm"]
        result["actor"] = actor.update_actor(batch).meta_info["metrics"]["actor/grad_norm"]
        result["log_probs_after"] = actor.compute_log_prob(batch).batch["old_log_probs"][back]
        result["values_after"] = critic.compute_values(batch).batch["values"][back]
        result["fingerprints"] = actor.weight_fingerprint()
        result["checkpoint"] = folder / str(ranks)
        actor.save_checkpoint(str(result["checkpoint"]))
        return result


@pytest.fixture(scope="module")
def runs(
    ray_session: Any, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return run(ray_session, tiny_model, 1, folder), run(ray_session, tiny_model, 2, folder)


def test_two_ranks_sample_what_one_samples(runs: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert torch.equal(runs[0]["responses"], runs[1]["responses"])


@pytest.mark.parametrize("name", ["old_log_probs", "values", "log_probs_after", "values_after"])
def test_two_ranks_compute_what_one_computes(runs: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    torch.testing.assert_close(runs[1][name], runs[0][name], atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", ["actor", "critic"])
def test_two_ranks_have_the_gradient_of_one(runs: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    one, two = (torch.tensor(run[name]) for run in runs)
    torch.testing.assert_close(two[0] if two.ndim > 1 else two, one[0] if one.ndim > 1 else one, rtol=1e-4, atol=0)
    assert float(one.min()) > 0


def test_updates_moved_the_models(runs: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Otherwise the equalities above would be empty."""
    for result in runs:
        assert not torch.allclose(result["old_log_probs"], result["log_probs_after"], atol=1e-3)
        assert not torch.allclose(result["values"], result["values_after"], atol=1e-3)
        assert all(rank["actor"] != rank["rollout"] for rank in result["fingerprints"])
    assert len({rank["actor"] for rank in runs[1]["fingerprints"]}) == 1


def test_a_merged_checkpoint_has_the_trained_weights_bit_for_bit(runs: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for result in runs:
        model = AutoModelForCausalLM.from_pretrained(merged(result["checkpoint"]), dtype="auto")
        assert fingerprint(model.state_dict().items()) == result["fingerprints"][0]["actor"]
