"""What runs cost: from rates, and from the paper's wall times."""

from __future__ import annotations

import json

import pytest

from ragen_tsr.config import compose, parse
from ragen_tsr.experiments import paper
from ragen_tsr.experiments.cost import CPU_RATES, Rate, Work, cost, from_paper, measured, paper_hours, work_of
from ragen_tsr.experiments.grid import Training

RATE = Rate(
    tokens_per_second=100.0, share=0.5, tokens_per_turn=10.0, rest_seconds=5.0, validation_seconds=0.1, source="here"
)


def work(responses: int) -> Work:
    return Work(steps=20, responses=responses, turns=5, devices=2, validation_episodes=360)


def test_estimate_counts_generation_updates_and_validation():
    found = cost(Training("sokoban", "tiny", "beam"), work(200), work(50), work(200), RATE)
    assert found.estimate == pytest.approx((20 * (200 * 0.5 * 10 / 100 + 5) + 36) / 3600)
    assert (found.paper, found.devices) == (None, 2)
    assert cost(Training("sokoban", "tiny", "beam"), work(200), work(50), work(200), None).estimate is None


def test_hours_of_the_paper_are_its_tables():
    training = Training("webshop", paper.LARGE, "lookahead")
    assert paper_hours(training, work(3), work(1), work(9)) == (12.78, False)


def test_hours_of_other_budgets_lie_on_a_line_through_the_papers():
    none, beam = (paper.TIMES["sokoban", paper.SMALL, method].hours for method in ("none", "beam"))
    training = Training("sokoban", paper.SMALL, "beam", (2, 1))
    for responses, hours in ((50, none), (200, beam), (125, (none + beam) / 2)):
        assert paper_hours(training, work(responses), work(50), work(200)) == (pytest.approx(hours), True)


def test_work_of_the_papers_beam_search():
    found = work_of(compose(parse(["sokoban", "beam", "scale=paper", "trainer.test_freq=5"])))
    assert found == Work(
        steps=200,
        responses=16 * 16 * (4 + 4 * 8),  # P L (M + (K - 1) M B)
        turns=5,
        devices=8,
        validation_episodes=41 * 256,
    )


def test_rate_of_which_only_tokens_a_second_are_known():
    found = from_paper(Training("sokoban", paper.SMALL, "none"), work(1), 8000, "given")
    assert found.share == pytest.approx((4.7 + 4.4) / 2 / 5)
    assert found.tokens_per_turn == pytest.approx((293 / 4.7 + 105 / 4.4) / 2)
    assert (found.rest_seconds, found.validation_seconds) == (0, 0)


def test_rate_of_a_run(tmp_path):
    steps = [
        {"step": 0, "timing_s/testing": 4.0},
        {"step": 1, "timing_s/step": 10.0, **search(1000, 2.0)},
        {"step": 2, "timing_s/step": 16.0, "timing_s/testing": 2.0, **search(3000, 6.0)},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    found = measured(tmp_path)
    assert found.tokens_per_second == 500
    assert found.tokens_per_turn == 25
    assert found.share == pytest.approx(160 / (2 * 200))  # 4 groups x 10 trajectories x 5 turns
    assert found.rest_seconds == pytest.approx((8 + 8) / 2)
    assert found.validation_seconds == pytest.approx(3 / 30)
    (tmp_path / "metrics.jsonl").write_text(json.dumps(steps[0]) + "\n")
    with pytest.raises(ValueError, match="no step of training"):
        measured(tmp_path)


def test_rates_of_two_cores_are_there_for_every_task():
    assert set(CPU_RATES) == {(task, searched) for task in paper.TASK_NAMES for searched in (False, True)}


def search(tokens: int, seconds: float) -> dict[str, float]:
    return {
        "train/search/generated_tokens": tokens,
        "train/search/nodes_expanded": tokens / 25,
        "train/search/seconds/generation": seconds,
    }


CONFIG = {
    "search": {"name": "none", "scorer": None, "rerolls": 0, "at_val": False, "record_groups": 2},
    "agent_proxy": {"max_turn": 5},
    "custom_envs": {"SimpleSokoban": {"env_type": "sokoban"}},
    "es_manager": {
        "train": {"env_groups": 4, "group_size": 10, "env_configs": {"tags": ["SimpleSokoban"]}},
        "val": {"env_groups": 30, "group_size": 1},
    },
    "trainer": {
        "total_training_steps": 2,
        "test_freq": 2,
        "val_before_train": True,
        "validation_steps": 1,
        "n_gpus_per_node": 1,
        "nnodes": 1,
    },
}
