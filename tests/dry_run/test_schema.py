"""Keys, kinds and sections against verl's and RAGEN's schemas."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from ragen_tsr.config import compose, parse
from ragen_tsr.dry_run import schema
from ragen_tsr.dry_run.schema import Schema

Composed = Callable[..., DictConfig]


@pytest.fixture(scope="module")
def verl() -> Schema:
    return schema.verl_schema()


@pytest.fixture(scope="module")
def recorded() -> Schema:
    return schema.recorded_schema(parse(["sokoban", "beam", "scale=paper", "es_manager.train.env_groups=8"]))


def faults(config: DictConfig, verl: Schema, recorded: Schema) -> str:
    return "\n".join(schema.faults(config, verl, recorded))


@pytest.mark.parametrize("env", ["sokoban", "frozen_lake", "webshop"])
def test_the_papers_configurations_are_without_fault(verl: Schema, env: str) -> None:
    command = parse([env, "lookahead", "scale=paper"])
    config, ragen = compose(command), schema.recorded_schema(command)
    assert schema.faults(config, verl, ragen) == []
    counted = schema.counts(config, verl, ragen)
    assert set(counted) == {"verl", "RAGEN", "ragen_tsr", "tasks"}


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("+actor_rollout_ref.rollout.max_modellen=1", "did you mean actor_rollout_ref.rollout.max_model_len"),
        ("+nonsense=1", "nonsense: neither verl nor config/tsr.yaml has this key"),
        ("actor_rollout_ref.rollout.enforce_eager=7", "actor_rollout_ref.rollout.enforce_eager=7: must be a boolean"),
        ("trainer.total_training_steps=many", "trainer.total_training_steps='many': must be a number"),
        ("es_manager.train.env_configs.tags=SimpleSokoban", "must be a list"),
        ("actor_rollout_ref.rollout.max_num_seqs=10.5", "RolloutConfig of verl wants <class 'int'>"),
        ("~trainer.balance_batch", "trainer.balance_batch: config/tsr.yaml has this key"),
        ("actor_rollout_ref.rollout.pipeline_model_parallel_size=2", "not implemented pipeline_model_parallel_size"),
        ("actor_rollout_ref.actor.ppo_micro_batch_size=4", "Please remove 'actor.ppo_micro_batch_size'"),
        ("trainer.n_gpus_per_node=7", "real_train_batch_size (256) must be divisible"),
    ],
)
def test_what_would_be_refused_on_the_machine_is_refused_here(
    composed: Composed, verl: Schema, recorded: Schema, override: str, complaint: str
) -> None:
    assert complaint in faults(composed("sokoban", "beam", "scale=paper", override), verl, recorded)


def test_empty_sections_may_hold_anything(verl: Schema, recorded: Schema, composed: Composed) -> None:
    words = ["+actor_rollout_ref.rollout.engine_kwargs.vllm.swap_space=4", "+ray_kwargs.ray_init.address=auto"]
    found = faults(composed("sokoban", "beam", "scale=paper", *words), verl, recorded)
    assert "engine_kwargs" not in found


def test_keys_of_a_checkout(monkeypatch: pytest.MonkeyPatch, verl: Schema) -> None:
    home = os.environ.get("RAGEN_HOME")
    if home is None or not (Path(home) / "config" / "base.yaml").is_file():
        pytest.skip("needs a checkout of upstream RAGEN: RAGEN_HOME")
    ragen = schema.upstream_schema()
    assert ragen is not None
    for env in ("sokoban", "frozen_lake", "webshop"):
        assert schema.faults(compose(parse([env, "beam", "scale=paper"])), verl, ragen) == []
    config = compose(parse(["sokoban", "beam", "scale=paper", "+agent_proxy.max_turns=4"]))
    assert "did you mean agent_proxy.max_turn" in faults(config, verl, ragen)
