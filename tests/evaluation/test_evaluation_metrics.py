"""Figures of an evaluation, by hand."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from rich.console import Console

from ragen_tsr.evaluation.metrics import costs, measure, parts
from ragen_tsr.evaluation.own_validation import compare
from ragen_tsr.evaluation.report import CSV_FILE, JSON_FILE, PAGE_FILE, print_table, write_files
from ragen_tsr.files import write_json_lines


def episode(index: int, success: bool, turns: int, seen: bool | None = None, **changes: Any) -> dict[str, Any]:
    turn = {"state": "#P_", "response": "<think>go", "answer": "", "actions": [1], "reward": 1.0, "penalty": 0.0}
    return {
        "index": index,
        "seed": 123 + index,
        "tag": "SimpleSokoban",
        "start": f"room {index}",
        "success": success,
        "return": float(turns),
        "score": turns - 0.1,
        "turns": turns,
        "actions": 2 * turns,
        "valid_turns": 1,
        "prompt_tokens": 100,
        "response_tokens": 10 * turns,
        "neg_log_prob": 4.0 * turns,
        "log_prob_tokens": 10 * turns,
        "history": [{**turn, "tokens": 10} for _ in range(turns)],
        "final_state": "_",
        "seen": seen,
        "cost": dict.fromkeys(("prompt_tokens", "generated_tokens", "generation_calls", "env_steps"), 7)
        | {"nodes_expanded": turns},
        "seconds": 0.5,
        **changes,
    }


EPISODES = [episode(0, True, 1), episode(1, False, 3), episode(2, True, 4, start="room 0"), episode(3, False, 4)]


def test_figures():
    part = measure(EPISODES)
    estimates = {key: found.estimate for key, found in part.figures.items()}
    assert (part.episodes, part.distinct_starts) == (4, 3)
    assert estimates == pytest.approx(
        {
            "success": 0.5,
            "response_length": 30.0,
            "turns": 3.0,
            "turn_length": 10.0,  # 120 tokens in 12 turns: a turn counts, not an episode
            "entropy": 0.4,
            "score": 2.9,
            "return": 3.0,
            "valid_turns": 4 / 12,
            "actions": 6.0,
        }
    )
    assert (part.figures["success"].low, part.figures["success"].high) == pytest.approx((0.15004, 0.84996), abs=1e-5)
    assert part.figures["turns"].low < 3 < part.figures["turns"].high


def test_the_unseen_part_stands_by_itself():
    episodes = [episode(index, success=index == 0, turns=2, seen=index != 2) for index in range(4)]
    found = parts(episodes)
    assert found["all"].figures["success"].estimate == 0.25
    assert (found["unseen"].episodes, found["unseen"].figures["success"].estimate) == (1, 0.0)
    assert list(parts(EPISODES)) == ["all"]  # nobody knows what training has played
    assert list(parts([episode(0, True, 1, seen=True)])) == ["all"]


def test_a_worker_that_reports_no_log_probs_has_no_entropy():
    silent = [{**one, "neg_log_prob": None, "log_prob_tokens": 0} for one in EPISODES]
    assert measure(silent).figures["entropy"] is None
    assert measure([*silent, EPISODES[0]]).figures["entropy"].estimate == pytest.approx(0.4)


def test_costs_add_up():
    assert costs(EPISODES) == {
        "prompt_tokens": 28,
        "generated_tokens": 28,
        "env_steps": 28,
        "nodes_expanded": 12,
        "seconds": 2.0,
    }


def test_files_and_table_tell_the_same(tmp_path, evaluation):
    episodes = [*EPISODES, episode(4, True, 2, seen=False, start="</script><b>")]
    found, total = parts(episodes), costs(episodes)
    about = {"command": "bash eval.sh sokoban tiny", "step": 0, "facts": {"model": "tiny"}}
    write_files(tmp_path, about, evaluation(5, 5), found, total, episodes)
    written = json.loads((tmp_path / JSON_FILE).read_text())
    assert written["parts"]["all"]["success"]["estimate"] == 0.6
    assert written["parts"]["unseen"]["episodes"] == 1
    assert written["parts"]["unseen"]["turns"] == {"estimate": 2.0, "low": None, "high": None}
    rows = list(csv.DictReader(io.StringIO((tmp_path / CSV_FILE).read_text())))
    by_name = {(row["part"], row["metric"]): row for row in rows}
    assert float(by_name["all", "success"]["estimate"]) == 0.6
    assert float(by_name["all", "seconds"]["estimate"]) == 2.5
    page = (tmp_path / PAGE_FILE).read_text()
    assert "60.0 %" in page
    assert "<b>" not in page.split("Episodes")[1].split("Configuration")[0].replace('<b class="', "")
    assert "http" not in page.replace("http://www.w3.org", "")
    console = Console(record=True, width=120)
    print_table(console, found, total)
    shown = console.export_text()
    assert "60.0 %" in shown
    assert "unseen by training (1)" in shown


@pytest.mark.parametrize(
    ("change", "equal"),
    [({}, 3), ({"final_state": "other"}, 2), ({"neg_log_prob": 4.00001}, 3)],
    ids=["same", "other-end", "rounding"],
)
def test_comparison_with_the_runs_own_validation(tmp_path, change, equal):
    own = [{**EPISODES[0], **change}, *EPISODES[1:3], {**EPISODES[0], "success": False}]  # a second round
    write_json_lines(tmp_path / "validation" / "step_000020.jsonl", own)
    found = compare(tmp_path, 20, EPISODES)
    assert (found.prompts, found.equal, found.theirs, found.ours) == (3, equal, 2 / 3, 2 / 3)
    assert ("equal, episode by episode" in found.sentence(searched=False)) == (equal == 3)
    assert "without search" in found.sentence(searched=True)
    assert compare(tmp_path, 10, EPISODES) is None
    assert compare(tmp_path, 20, [episode(9, True, 1)]) is None
