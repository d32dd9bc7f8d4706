"""What a report says beside its curves: filter, search ledger, what the search chose, best and worst episodes."""

from __future__ import annotations

import json

import pytest

from ragen_tsr.report import write_report
from ragen_tsr.report.panels import filter_charts, search_charts
from ragen_tsr.report.tables import NONE, choice_table, filter_table, ledger_table, number
from ragen_tsr.report.trajectories import best_and_worst, committed, validated

ROOM = "#####\n#PXO#\n#___#\n#####"
SOLVED = "#####\n#_P√#\n#___#\n#####"
DOWN = "#####\n#_XO#\n#P__#\n#####"

STEPS = [
    {"step": 0, "val-env/SimpleSokoban/success": 0.25},
    *(
        {
            "step": step,
            "rollout/in_group_std": 1.0,
            "rollout/chosen_in_group_std": 2.0 * step,
            "rollout/in_group_mean": 0.0,
            "rollout/filter_kept_count": 4.0,
            "rollout/filter_kept_ratio": 0.5,
            "rollout/filter_zero_count": 3 - step,
            "train/search/generated_tokens": 1000 * step,
            "train/search/generation_calls": 5,
            "train/search/seconds/generation": 2.0,
            "train/search/return/committed": 3.0,
            "train/search/return/sampled": 1.0 * step,
            "timing_s/step": 4.0,
        }
        for step in (1, 2)
    ),
]


def node(number: int, parent: int, state: str, **more: object) -> dict[str, object]:
    turn = {"response": f"<answer>{number}</answer>", "actions": [number], "reward": -0.1, "penalty": 0.0, "score": 0.5}
    return {"id": number, "parent": parent, "state": state, "success": False, **turn, **more}


def search(seed: int, chosen: list[int], start: str = ROOM) -> dict[str, object]:
    nodes = [node(0, -1, DOWN), node(1, 0, ROOM, reward=-1.0, penalty=-0.1), node(2, -1, SOLVED, reward=9.0)]
    nodes[2]["success"] = True
    return {"tag": "SimpleSokoban", "seed": seed, "start": start, "chosen": chosen, "nodes": nodes}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in STEPS))
    tag = {"env_type": "sokoban", "env_config": {"dim_x": 4, "dim_y": 5}}
    config = {"custom_envs": {"SimpleSokoban": tag}, "es_manager": {"train": {"env_groups": 2, "group_size": 5}}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    (tmp_path / "rollouts").mkdir()
    for step, chosen in ((1, [0]), (12, [1, 2, 2])):
        line = json.dumps(search(step, chosen)) + "\n"
        (tmp_path / "rollouts" / f"step_{step:06d}.jsonl").write_text(line)
    return tmp_path


def rows(table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def test_filter_table_has_first_mean_and_last_step():
    found = rows(filter_table(STEPS))
    assert found["spread of scores in a group: kept groups"] == ("2", "3", "4")
    assert found["groups whose episodes all score the same"] == ("2", "1.50", "1")
    assert found["best score of a group: all groups"] == (NONE,) * 3
    assert filter_table(STEPS[:1]) is None
    assert [chart.title for chart in filter_charts(STEPS)] == ["Filter: spread", "Filter: score", "Filter: groups"]


def test_ledger_table_has_run_step_and_episode():
    found = rows(ledger_table(STEPS, episodes=10))
    assert found["generated tokens"] == ("3,000", "1,500", "150")
    assert found["generated tokens a second"] == (NONE, "750", NONE)
    assert "prompt tokens" not in found
    assert rows(ledger_table(STEPS, None))["generated tokens"] == ("3,000", "1,500", NONE)
    assert ledger_table(STEPS[:1], 10) is None


def test_choice_table_sets_committed_beside_sampled():
    found = rows(choice_table(STEPS))
    assert found["return"] == ("1.50", "3", NONE)
    assert found["success"] == (NONE,) * 3


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, NONE), (1234567.8, "1,234,568"), (12.345, "12.35"), (512.34, "512.3"), (0.12345, "0.123"), (-2.0, "-2")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_committed_trajectories_are_walked_from_the_start(run):
    [one] = [each for each in committed(run) if each.step == 12 and not each.success]
    assert [turn.state for turn in one.turns] == [DOWN, ROOM]
    assert [turn.response for turn in one.turns] == ["<answer>0</answer>", "<answer>1</answer>"]
    assert one.score == pytest.approx(-1.2)
    assert (one.start, one.tag, one.seed) == (ROOM, "SimpleSokoban", 12)
    assert {each.step for each in committed(run, latest=1)} == {12}


def test_best_and_worst_share_none_and_repeat_none(run):
    best, worst = best_and_worst(committed(run))
    assert [one.success for one in best] == [True, False]  # the two equal ones are one
    assert [one.score for one in worst] == pytest.approx([-1.2])
    assert best_and_worst([]) == ([], [])


def test_other_starts_come_before_better_episodes_of_the_same():
    found = []
    for start, scores in ((ROOM, (9.0, 8.0, 7.0)), (DOWN, (1.0,)), (SOLVED, (0.5, 0.1))):
        for place, score in enumerate(scores):
            record = search(0, [2], start)
            record["nodes"][2] |= {"reward": score, "state": f"{place}"}
            found.append(record)
    from ragen_tsr.report.trajectories import _walked

    best, worst = best_and_worst([_walked(record, 2, 0) for record in found], count=3)
    assert [one.score for one in best] == [9.0, 1.0, 0.5]
    assert [one.score for one in worst] == [0.1, 7.0, 8.0]


def test_page_has_the_sections_and_draws_the_grids(run):
    page = write_report(run).read_text()
    for heading in ("Learning", "Filter", "Search"):
        assert f'<h2 class="section">{heading}</h2>' in page
    assert "Best of training" in page
    assert page.count('class="board"') == 7  # SOLVED: 2, DOWN ROOM: 3, and DOWN of step 1: 2
    assert "&lt;answer&gt;2&lt;/answer&gt;" in page
    assert "150" in page
    assert "<script" not in page


def test_answers_of_a_model_are_escaped(run):
    record = search(12, [2])
    record["nodes"][2] |= {"response": "<script>alert(1)</script>", "state": "<img src=x onerror=alert(1)>"}
    (run / "rollouts" / "step_000012.jsonl").write_text(json.dumps(record) + "\n")
    page = write_report(run).read_text()
    assert "<script" not in page
    assert "<img" not in page


def test_search_charts_need_a_search():
    assert {chart.title for chart in search_charts(STEPS)} == {"Search: tokens", "Search: seconds"}
    assert search_charts(STEPS[:1]) == []


def test_validated_episodes_are_those_of_the_latest_validation(run):
    turn = {"response": "<answer>Right</answer>", "actions": [4], "reward": 10.9, "penalty": -0.1}
    record = {"tag": "SimpleSokoban", "seed": 123, "start": ROOM, "success": True, "final_state": SOLVED}
    (run / "validation").mkdir()
    for step in (10, 20):
        lines = [record | {"history": [turn | {"state": ROOM}]}, record | {"history": [], "success": False}]
        text = "".join(json.dumps(line | {"seed": step}) + "\n" for line in lines)
        (run / "validation" / f"step_{step:06d}.jsonl").write_text(text)
    solved, unsolved = validated(run)
    assert [turn.state for turn in solved.turns] == [SOLVED]
    assert (solved.seed, solved.step, solved.score) == (20, 20, pytest.approx(10.8))
    assert (unsolved.turns, unsolved.success) == ((), False)
    assert "Worst of validation" in write_report(run).read_text()
