"""What a GPU must hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from ragen_tsr.dry_run import load, memory, work
from ragen_tsr.dry_run.devices import DEVICES, GIB, Device
from ragen_tsr.dry_run.memory import Need
from ragen_tsr.dry_run.shapes import KNOWN

Composed = Callable[..., DictConfig]
SMALL, MIDDLE = KNOWN["Qwen/Qwen2.5-0.5B-Instruct"], KNOWN["Qwen/Qwen2.5-3B-Instruct"]
H100 = next(device for device in DEVICES if device.name.startswith("H100"))


def need(composed: Composed, *words: str) -> Need:
    config = composed("sokoban", "beam", "scale=paper", *words)
    shape = KNOWN[config.model_path]
    return memory.of(config, shape, load.of(config))


def test_fsdp_shards_weights_moments_and_gradients(composed: Composed) -> None:
    found = need(composed)
    assert found.actor.weights == 4 * SMALL.parameters // 8
    assert found.actor.optimiser == 8 * SMALL.parameters // 8
    assert found.actor.gradients == 4 * SMALL.parameters // 8
    assert found.critic is not None
    assert found.critic.weights == 4 * SMALL.critic_parameters // 8


def test_the_logits_are_the_largest_part(composed: Composed) -> None:
    logits = 4 * 3600 * 151936
    with_entropy, without = need(composed), need(composed, "actor_rollout_ref.actor.entropy_coeff=0")
    assert with_entropy.actor.working - without.actor.working == logits * (19 - 11)  # old log-probs take 11 a logit
    assert need(composed, "micro_batch_size_per_gpu=1").actor.working < with_entropy.actor.working / 3
    assert with_entropy.actor.working > logits * 19
    fused = need(composed, "actor_rollout_ref.model.use_fused_kernels=true")
    assert with_entropy.actor.working - fused.actor.working == logits * 19


def test_grpo_has_no_critic(composed: Composed) -> None:
    assert need(composed, "algo=grpo").critic is None


def test_offloaded_state_is_not_at_rest_on_the_gpu(composed: Composed) -> None:
    fsdp = "actor_rollout_ref.actor.fsdp_config"
    found = need(composed, f"{fsdp}.param_offload=true", f"{fsdp}.optimizer_offload=true")
    assert found.actor.resident == 0
    assert found.actor.updating == need(composed).actor.updating


def test_an_engine_that_does_not_sleep_stays_during_the_update(composed: Composed) -> None:
    asleep, awake = need(composed), need(composed, "actor_rollout_ref.rollout.free_cache_engine=false")
    assert awake.updating(H100) - asleep.updating(H100) == int(0.3 * H100.memory)
    assert awake.generating(H100) == asleep.generating(H100)


def test_the_cache_gets_what_the_engine_has_left(composed: Composed) -> None:
    found = need(composed)
    left = 0.3 * H100.memory - found.engine_weights - found.engine_working
    assert found.cache_tokens(H100) == int(left / 12_288)
    assert need(composed, "actor_rollout_ref.rollout.gpu_memory_utilization=0.01").cache_tokens(H100) == 0
    assert not need(composed, "actor_rollout_ref.rollout.gpu_memory_utilization=0.01").fits(H100)


def test_three_billion_parameters_need_more_than_one_gpu_for_ppo(composed: Composed) -> None:
    one, eight = need(composed, "model=qwen2.5-3b", "trainer.n_gpus_per_node=1"), need(composed, "model=qwen2.5-3b")
    assert one.resident() > 12 * 2 * 3e9
    assert not one.fits(H100)
    assert eight.fits(H100)


@pytest.mark.parametrize("words", [("scale=paper",), ("scale=paper", "model=qwen2.5-3b")])
def test_the_papers_runs_fit_on_eighty_gibibytes(composed: Composed, words: tuple[str, ...]) -> None:
    for env in ("sokoban", "frozen_lake", "webshop"):
        config = composed(env, "beam", *words)
        assert memory.of(config, KNOWN[config.model_path], load.of(config)).fits(H100), env


def test_checkpointing_keeps_one_vector_a_layer() -> None:
    with_it, without = memory.activations(MIDDLE, 1000, True), memory.activations(MIDDLE, 1000, False)
    layer = without // MIDDLE.num_hidden_layers
    assert with_it == 2 * 1000 * MIDDLE.num_hidden_layers * MIDDLE.hidden_size + layer


def test_a_faster_device_is_faster(composed: Composed) -> None:
    config = composed("sokoban", "beam", "scale=paper")
    step = load.of(config)
    slow, fast = Device("slow", 80 * GIB, 1e12, 1e14), Device("fast", 80 * GIB, 2e12, 2e14)
    halves = work.seconds(SMALL, step, slow, critic=True) / work.seconds(SMALL, step, fast, critic=True)
    assert halves == pytest.approx(2)
    assert work.multiplications(SMALL, step, critic=True) > work.multiplications(SMALL, step, critic=False)
