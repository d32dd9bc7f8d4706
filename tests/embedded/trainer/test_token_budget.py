"""A run whose length is given in tokens too: when it ends, and when it is validated on the way."""

from __future__ import annotations

import json

import pytest
from scripted_trainer import ScriptedProxy, ScriptedTrainer, make_trainer, trainer_config

from ragen_tsr.trainer.token_budget import TokenBudget

TOKENS_A_STEP = 100


class CountingProxy(ScriptedProxy):
    def rollout(self, dataproto, val=False):
        batch = super().rollout(dataproto, val)
        if not val:
            batch.meta_info["metrics"]["search/generated_tokens"] = TOKENS_A_STEP
        return batch


class Budgeted(TokenBudget, ScriptedTrainer):
    agent_proxy_cls = CountingProxy


def trained(folder, *overrides):
    keys = ["trainer.total_training_steps=4", "trainer.test_freq=50", "trainer.save_freq=50", *overrides]
    trainer = make_trainer(trainer_config(folder, *keys), Budgeted)
    trainer.fit()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines], [line["step"] for line in lines if "val-env/sokoban/success" in line]


@pytest.mark.parametrize(
    ("tokens", "last", "validated"),
    [
        ("null", 4, [0, 4]),
        (650, 7, [0, 4, 7]),  # past the steps
        (700, 7, [0, 4, 7]),  # met exactly
        (150, 4, [0, 2, 4]),  # met on the way
        (400, 4, [0, 4]),
    ],
)
def test_a_run_ends_when_steps_and_tokens_are_met_and_is_validated_at_both(tmp_path, tokens, last, validated):
    steps, seen = trained(tmp_path, f"trainer.total_training_tokens={tokens}")
    assert steps == list(range(last + 1))
    assert seen == validated


def test_a_run_that_goes_on_with_a_later_budget_counts_the_tokens_it_has(tmp_path):
    trained(tmp_path / "cut", "trainer.total_training_tokens=450")
    steps, seen = trained(tmp_path / "cut", "trainer.total_training_tokens=780")
    assert steps == list(range(9))
    assert seen == [0, 4, 5, 8]
