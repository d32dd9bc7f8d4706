"""One process, one rank: the worker's modes, noise, updates, seeds and checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import worker_support as support

from ragen_tsr import backend


@pytest.fixture(scope="module")
def workers(tiny_model: Path) -> Iterator[tuple[Any, Any]]:
    before = dict(os.environ)
    os.environ.update(support.process_environment())
    yield support.make_workers(support.worker_config(tiny_model))
    dist.destroy_process_group()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def actor(workers: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The actor worker, asleep before and after; counts how often its engine releases."""
    worker = workers[0]
    worker.releases = 0

    async def release() -> None:
        worker.releases += 1

    monkeypatch.setattr(worker.rollout, "release", release)
    yield worker
    worker._sleep()


def turn(worker: Any, mode: str, **meta: Any) -> Any:
    return worker.generate_sequences(support.prompts(support.random_prompts(6), mode=mode, **meta))


def responses(worker: Any, mode: str, **meta: Any) -> list[list[int]]:
    rows: list[list[int]] = turn(worker, mode, **meta).batch["responses"].tolist()
    return rows


def close(worker: Any) -> Any:
    return turn(worker, "multiturn-end", skip_generation=True)


def test_output_has_verls_layout(actor: Any) -> None:
    prompts = support.prompts(support.random_prompts(6), mode="singleturn")
    batch = actor.generate_sequences(prompts).batch
    rows, width, length = 6, prompts.batch["input_ids"].shape[1], support.ROLLOUT_KEYS["response_length"]
    assert torch.equal(batch["prompts"], prompts.batch["input_ids"])
    assert torch.equal(batch["input_ids"], torch.cat([batch["prompts"], batch["responses"]], -1))
    assert batch["position_ids"].shape == batch["attention_mask"].shape == (rows, width + length)
    assert torch.equal(batch["position_ids"].diff(dim=-1)[:, width - 1 :], torch.ones(rows, length, dtype=torch.int64))
    mask = batch["attention_mask"][:, width:].bool()
    assert bool((batch["responses"][~mask] == support.PAD).all())
    assert bool((batch["rollout_log_probs"][~mask] == 0).all())
    assert bool((batch["rollout_log_probs"][mask] < 0).all())


def test_sampled_log_probs_equal_the_trainers(actor: Any) -> None:
    batch = turn(actor, "singleturn")
    out = actor.compute_log_prob(batch)
    mask = batch.batch["attention_mask"][:, -batch.batch["responses"].shape[1] :].bool()
    torch.testing.assert_close(
        batch.batch["rollout_log_probs"][mask], out.batch["old_log_probs"][mask], atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(
        batch.batch["rollout_entropies"][mask], out.batch["entropys"][mask], atol=1e-5, rtol=1e-5
    )


def test_a_rollout_that_ends_at_turn_one_releases_once_and_the_next_differs(actor: Any) -> None:
    first = responses(actor, "multiturn-start")
    assert actor.releases == 0
    closing = close(actor)
    assert torch.equal(closing.batch["input_ids"], support.prompts(support.random_prompts(6)).batch["input_ids"])
    assert actor.releases == 1
    second = responses(actor, "multiturn-start")
    close(actor)
    assert actor.releases == 2
    assert first != second


def test_a_full_rollout_releases_once(actor: Any) -> None:
    turns = [responses(actor, mode) for mode in ("multiturn-start", "multiturn-middle", "multiturn-end")]
    assert actor.releases == 1
    close(actor)
    assert actor.releases == 1
    assert turns[0] != turns[1] != turns[2]


def test_single_turns_wake_and_sleep_by_themselves(actor: Any) -> None:
    assert responses(actor, "singleturn") != responses(actor, "singleturn")
    assert actor.releases == 2


def test_validation_does_not_move_trainings_noise(actor: Any) -> None:
    state = actor.rollout.state_dict()
    first = responses(actor, "multiturn-start")
    close(actor)
    actor.rollout.load_state_dict(state)
    for _ in range(2):
        responses(actor, "singleturn", validate=True)
    assert responses(actor, "multiturn-start") == first
    close(actor)


def test_validation_samples_as_val_kwargs_say(actor: Any) -> None:
    greedy = [responses(actor, "singleturn", validate=True, do_sample=False) for _ in range(2)]
    assert greedy[0] == greedy[1]
    assert actor.rollout._sampling({"validate": True}).temperature == support.ROLLOUT_KEYS["val_kwargs"]["temperature"]
    assert actor.rollout._sampling({}).temperature == 1.0


def test_refuses_unknown_settings_of_the_engine() -> None:
    from ragen_tsr.workers.rollout.hf_cpu import _limits

    assert _limits({"rows": 4}).rows == 4
    with pytest.raises(ValueError, match=r"engine_kwargs\.hf_cpu has row; known: .*rows"):
        _limits({"row": 4})


def test_refuses_unknown_modes_and_misplaced_skips(actor: Any) -> None:
    with pytest.raises(ValueError, match=r"'mode'\]='warmup'.*multiturn-middle"):
        turn(actor, "warmup")
    with pytest.raises(ValueError, match="only 'multiturn-end' may skip"):
        turn(actor, "multiturn-middle", skip_generation=True)


def full_batch(actor: Any, critic: Any) -> Any:
    batch = support.training_batch()
    batch.batch["old_log_probs"] = actor.compute_log_prob(batch).batch["old_log_probs"]
    batch.batch["values"] = critic.compute_values(batch).batch["values"]
    return batch


def test_update_changes_both_models_and_the_next_rollout_syncs(workers: tuple[Any, Any]) -> None:
    actor, critic = workers
    turn(actor, "singleturn")
    before = actor.weight_fingerprint()
    assert before["actor"] == before["rollout"]
    batch = full_batch(actor, critic)
    actor_metrics = actor.update_actor(batch).meta_info["metrics"]
    critic_metrics = critic.update_critic(batch).meta_info["metrics"]
    assert min(actor_metrics["actor/grad_norm"]) > 0
    assert min(critic_metrics["critic/grad_norm"]) > 0
    after = actor.weight_fingerprint()
    assert after["actor"] != before["actor"]
    assert after["rollout"] == before["rollout"]
    turn(actor, "singleturn")
    assert set(actor.weight_fingerprint().values()) == {after["actor"]}


def test_policy_loss_is_reported_per_micro_batch(workers: tuple[Any, Any]) -> None:
    """16 rows, mini-batches of 8, micro-batches of 2: eight losses; the first is at ratio 1, so known."""
    actor, critic = workers
    batch = full_batch(actor, critic)
    metrics = actor.update_actor(batch).meta_info["metrics"]
    assert len(metrics["actor/pg_loss"]) == len(metrics["actor/entropy_loss"]) == 8
    mask = batch.batch["response_mask"][:2].bool()
    assert metrics["actor/pg_loss"][0] == pytest.approx(-float(batch.batch["advantages"][:2][mask].mean()), abs=1e-5)
    entropies = actor.compute_log_prob(batch).batch["entropys"]
    assert metrics["actor/entropy_loss"][-1] == pytest.approx(
        float(entropies[-2:][batch.batch["response_mask"][-2:].bool()].mean()), rel=0.05
    )


def test_sampled_log_probs_in_the_batch_play_no_part(workers: tuple[Any, Any]) -> None:
    actor, critic = workers
    batch = full_batch(actor, critic)
    batch.batch["rollout_log_probs"] = torch.full_like(batch.batch["old_log_probs"], -50.0)
    metrics = actor.update_actor(batch).meta_info["metrics"]
    assert not [name for name in metrics if "rollout" in name]


def test_a_checkpoint_goes_on_bit_for_bit(workers: tuple[Any, Any], tmp_path: Path) -> None:
    actor, critic = workers
    for worker, name in ((actor, "actor"), (critic, "critic")):
        worker.save_checkpoint(str(tmp_path / name))

    def go_on() -> tuple[Any, ...]:
        sampled = responses(actor, "multiturn-start")
        close(actor)
        batch = full_batch(actor, critic)
        losses = critic.update_critic(batch).meta_info["metrics"]["critic/vf_loss"]
        actor.update_actor(batch)
        random = torch.rand(3).tolist()
        return sampled, losses, actor.weight_fingerprint()["actor"], random

    expected = go_on()
    assert go_on() != expected
    actor.load_checkpoint(str(tmp_path / "actor"))
    critic.load_checkpoint(str(tmp_path / "critic"))
    assert go_on() == expected


def test_a_checkpoint_without_sampling_state_is_refused(workers: tuple[Any, Any], tmp_path: Path) -> None:
    actor = workers[0]
    actor.save_checkpoint(str(tmp_path))
    (tmp_path / "rollout_world_size_1_rank_0.pt").unlink()
    with pytest.raises(FileNotFoundError, match="rollout_world_size_1_rank_0"):
        actor.load_checkpoint(str(tmp_path))


def test_the_value_head_is_the_same_at_every_start(workers: tuple[Any, Any], tiny_model: Path) -> None:
    from verl.utils.config import omega_conf_to_dataclass

    from ragen_tsr.embedded.workers.fsdp_workers import CriticWorker

    heads = []
    for _ in range(2):
        torch.manual_seed(int.from_bytes(os.urandom(4), "big"))
        critic = CriticWorker(omega_conf_to_dataclass(support.worker_config(tiny_model).critic))
        critic.init_model()
        heads.append(critic.critic_module.state_dict()["score.weight"].full_tensor())
    assert torch.equal(heads[0], heads[1])
    assert float(heads[0].abs().sum()) > 0


def test_the_critic_computes_in_full_precision(workers: tuple[Any, Any]) -> None:
    critic = workers[1]
    assert critic.critic_module.config._attn_implementation == "sdpa"
    batch = support.training_batch()
    values = critic.compute_values(batch).batch["values"]
    assert values.dtype == torch.float32
    assert not torch.equal(values, values.bfloat16().float())


def test_a_worker_that_resolves_ragen_otherwise_is_an_error(
    workers: tuple[Any, Any], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragen_tsr.embedded.workers.fsdp_workers import ActorRolloutRefWorker

    monkeypatch.setenv(backend.CHOICE_VARIABLE, "upstream:/somewhere")
    with pytest.raises(backend.BackendError, match="the driver resolved 'upstream:/somewhere'"):
        ActorRolloutRefWorker(support.worker_config(tiny_model).actor_rollout_ref, "actor_rollout")
