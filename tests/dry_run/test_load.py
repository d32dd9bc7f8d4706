"""Prompts and tokens of a step, counted from the configuration."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from ragen_tsr.dry_run import load

Composed = Callable[..., DictConfig]


def test_beam_at_the_papers_scale(composed: Composed) -> None:
    step = load.of(composed("sokoban", "beam", "scale=paper"))
    assert (step.groups, step.slots, step.turns, step.devices) == (16, 16, 5, 8)
    assert step.calls == 5
    assert step.responses == 16 * 16 * 4 * (1 + 2 * 4)
    assert step.widest_call == 16 * 16 * 8
    assert step.rows_per_device == 256
    assert step.generated_tokens == step.responses * 400
    assert step.prompt_tokens == step.responses * 3200
    assert (step.trained_rows, step.updates) == (64, 2)
    assert step.trained_tokens == 64 * 3600
    assert step.validation_rows == 256 * 5


@pytest.mark.parametrize(
    ("method", "responses", "widest"),
    [
        ("none", 16 * 16 * 5, 256),
        ("best_of_n", 16 * 28 * 5, 448),
        ("lookahead", 16 * 16 * (4 + 8 + 3 * (4 + 2)), 256 * 8),
    ],
)
def test_the_other_methods(composed: Composed, method: str, responses: int, widest: int) -> None:
    step = load.of(composed("sokoban", method, "scale=paper", *(["search.D=2"] if method == "lookahead" else [])))
    assert (step.responses, step.widest_call) == (responses, widest)


def test_rows_are_turns_in_the_limited_modes(composed: Composed) -> None:
    step = load.of(composed("sokoban", "none", "scale=paper", "agent_proxy.context_window_mode=single_turn"))
    assert step.turn_rows
    assert step.trained_rows == 64 * 5


@pytest.mark.parametrize(("rule", "value", "groups"), [("top_p", 0.9, 16), ("top_k", 0.5, 8), ("top_k_abs", 3, 3)])
def test_groups_after_the_filter(composed: Composed, rule: str, value: float, groups: int) -> None:
    rollout = "actor_rollout_ref.rollout.rollout_filter"
    step = load.of(composed("sokoban", "none", "scale=paper", f"{rollout}_strategy={rule}", f"{rollout}_value={value}"))
    assert step.trained_rows == groups * 16


def test_several_nodes_share_the_rows(composed: Composed) -> None:
    step = load.of(composed("sokoban", "beam", "scale=paper", "trainer.nnodes=2"))
    assert (step.devices, step.rows_per_device) == (16, 128)
