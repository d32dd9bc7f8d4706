"""Summary and report: from the lines of metrics.jsonl, complete or cut short."""

from __future__ import annotations

import json
import re

import pytest

from ragen_tsr.report import metrics as figures
from ragen_tsr.report import write_report, write_summary
from ragen_tsr.report.__main__ import main
from ragen_tsr.report.panels import charts, search_charts


def step(number: int, **more: float) -> dict[str, float]:
    return {
        "step": number,
        "train/SimpleSokoban/success": 0.1 * number,
        "train/search/success/committed": 0.1 * number,
        "train/search/generated_tokens": 1000,
        "train/search/generation_calls": 5,
        "train/search/nodes_expanded": 40,
        "train/search/pruned": 25,
        "train/search/merged": 5,
        "train/search/seconds/generation": 2.0,
        "actor/entropy": 1.0,
        "actor/grad_norm": 0.5,
        "critic/grad_norm": 0.0,
        "timing_s/step": 3.0,
        **more,
    }


STEPS = [
    {"step": 0, "val-env/SimpleSokoban/success": 0.25},
    step(1),
    step(2, **{"val-env/SimpleSokoban/success": 0.5}),
]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in STEPS))
    (tmp_path / "config.yaml").write_text("model_path: <tiny>\n")
    return tmp_path


def test_a_line_that_was_cut_short_is_left_out(run):
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "actor/en')
    assert [line["step"] for line in figures.load(run / "metrics.jsonl")] == [0, 1, 2]


def test_a_broken_line_in_the_middle_is_an_error(run):
    (run / "metrics.jsonl").write_text('{"step": \n{"step": 1}\n')
    with pytest.raises(ValueError, match="Expecting value"):
        figures.load(run / "metrics.jsonl")


def test_quantities_are_means_over_tags_and_do_not_take_the_searchs():
    line = {"train/A/success": 0.2, "train/B/success": 0.4, "train/search/success/committed": 1.0, "x": None}
    assert figures.TRAIN_SUCCESS.of(line) == pytest.approx(0.3)
    assert figures.VAL_SUCCESS.of(line) is None
    assert figures.tokens_per_second(STEPS[1]) == 500.0


def test_summary_counts_updates_and_adds_up_the_ledger(run):
    summary = write_summary(run, {"run": "r", "status": "finished"})
    assert summary == json.loads((run / "summary.json").read_text())
    assert summary["steps"] == 2
    assert summary["validation_success"] == {"0": 0.25, "2": 0.5}
    assert summary["validation_success_change"] == 0.25
    assert summary["updates_with_gradient"] == {"actor": 2, "critic": 0}
    assert summary["search_totals"]["generated_tokens"] == 2000
    assert summary["training_seconds"] == 6.0


def test_report_is_one_file_that_asks_for_nothing(run):
    write_summary(run, {"run": "sokoban-beam", "status": "finished", "command": "bash train.sh", "facts": {"a": "b"}})
    page = write_report(run).read_text()
    assert page.count("<svg") == len(charts(STEPS)) + len(search_charts(STEPS))
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page)
    assert "<script" not in page
    assert "sokoban-beam" in page
    assert "50.0%" in page
    assert "from 25.0% before" in page
    assert "model_path: &lt;tiny&gt;" in page


def test_panels_without_figures_are_left_out():
    assert [chart.title for chart in charts(STEPS[:1])] == ["Success"]
    titles = [chart.title for chart in charts(STEPS)]
    assert {"Success", "Entropy", "Gradient norm"} <= set(titles)
    assert {"Search: tokens", "Search: nodes"} <= {chart.title for chart in search_charts(STEPS)}
    assert "Return" not in titles


def test_what_was_played_again_is_shown_where_there_is_noise():
    [success] = charts([step(1)])[:1]
    assert [curve.label for curve in success.drawn] == ["training"]
    assert "Again" not in success.note
    again = {"train/search/success/rerolled": 0.2, "train/search/return/rerolled": 0.3}
    alike = charts([step(1, **again, **{"train/search/return/committed": 0.3})])
    assert all("Again" not in panel.note for panel in alike)
    panels = {panel.title: panel for panel in charts([step(1, **again, **{"train/search/return/committed": 0.9})])}
    for title, value in (("Success", 0.2), ("Return", 0.3)):
        assert "Again" in panels[title].note
        assert {curve.label: curve.points for curve in panels[title].drawn}["again"] == [(1, value)]


def test_nodes_are_told_apart_by_their_fate():
    panel = next(chart for chart in search_charts(STEPS) if chart.title == "Search: nodes")
    assert {curve.label: curve.points[0] for curve in panel.curves} == {
        "on a committed path": (1, 10.0),
        "pruned": (1, 25.0),
        "merged": (1, 5.0),
    }


def test_a_run_that_has_only_begun_has_a_report(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("")
    assert "No step has been finished yet" in write_report(tmp_path).read_text()


def test_command_writes_the_report_and_refuses_other_folders(run, tmp_path, capsys):
    assert main([str(run)]) == 0
    assert (run / "report.html").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty)]) == 2
    assert "must be a run folder" in capsys.readouterr().err
