"""What runs came to, laid beside the paper's figures."""

from __future__ import annotations

import json

import matplotlib.figure
import pytest
from rich.console import Console

from ragen_tsr.experiments import pages, paper, pictures
from ragen_tsr.experiments.grid import TABLES, BeforeTraining, Evaluated, Row, Table, Training
from ragen_tsr.experiments.results import Figure, evaluation_folder, order, results, run_folder

TRAININGS = {method: Training("sokoban", "tiny", method) for method in ("none", "beam")}
BIG = Evaluated("sokoban", "api:big")
TABLE = Table(
    "table1",
    "Results",
    ("success", "turns", "hours", "steps_to_80", "reward", "grad_norm_max"),
    (
        Row("sokoban", paper.SMALL, "Big", BIG, {"success": 60.0}),
        Row("sokoban", paper.SMALL, "Base Model", BeforeTraining(TRAININGS["none"]), {"success": 8.9, "turns": 4.7}),
        Row("sokoban", paper.SMALL, "Instance Filtering", TRAININGS["none"], {"success": 29.0, "turns": 4.4}),
        Row("sokoban", paper.SMALL, "TSR (Beam Search)", TRAININGS["beam"], {"success": 38.3, "turns": 3.8}),
    ),
)


def episode(index: int, success: bool) -> dict[str, object]:
    return {"index": index, "success": success, "response_tokens": 20, "turns": 2 + index, "start": str(index)}


def make_run(folder, method: str, seed: int, success: dict[int, float], status: str = "finished") -> None:
    """A run of four steps whose validations, of ten prompts, had these successes."""
    path = run_folder(folder, TRAININGS[method], seed)
    (path / "validation").mkdir(parents=True)
    (path / "config.yaml").write_text(json.dumps({"trainer": {"total_training_steps": 4}}))
    (path / "summary.json").write_text(json.dumps({"status": status}))
    lines = []
    for step in range(5):
        line = {"step": step, "timing_s/train_total": 900.0 * step}
        if step:
            line |= {"train/search/return/committed": float(step), "actor/grad_norm": 0.1 * step}
        if step in success:
            line["val-env/SimpleSokoban/success"] = success[step]
            episodes = [episode(index, index < 10 * success[step]) for index in range(10)]
            text = "".join(json.dumps(one) + "\n" for one in episodes)
            (path / "validation" / f"step_{step:06d}.jsonl").write_text(text)
        lines.append(json.dumps(line) + "\n")
    (path / "metrics.jsonl").write_text("".join(lines))


@pytest.fixture
def folder(tmp_path):
    make_run(tmp_path, "none", 0, {0: 0.1, 2: 0.2, 4: 0.4})
    make_run(tmp_path, "none", 1, {0: 0.1, 2: 0.6, 4: 0.6})
    make_run(tmp_path, "beam", 0, {0: 0.1, 2: 0.3, 4: 0.7})
    make_run(tmp_path, "beam", 1, {0: 0.1, 2: 0.3}, status="interrupted")
    return tmp_path


def test_rows_have_the_last_validation_of_their_finished_runs(folder):
    big, base, none, beam = results(TABLE, folder, seeds=3)
    assert (big.seeds, big.figures) == (0, {})
    assert base.figures["success"].value == pytest.approx(10.0)
    assert base.figures["turns"].value == pytest.approx(6.5)
    assert (none.seeds, none.figures["success"].value) == (2, pytest.approx(50.0))
    assert none.figures["success"].deviation == pytest.approx(14.142, abs=0.001)
    assert (beam.seeds, beam.figures["success"]) == (1, Figure(pytest.approx(70.0)))


def test_times_are_those_of_the_mean_curve(folder):
    *_, none, beam = results(TABLE, folder, seeds=2)
    assert none.figures["hours"].value == pytest.approx(1.0)
    assert none.figures["steps_to_80"].value == 2  # 0.4 is 80 % of 0.5
    assert beam.figures["steps_to_80"].value == 4
    assert none.figures["reward"].value == 4.0
    assert none.figures["grad_norm_max"].value == pytest.approx(0.4)


def test_evaluations_are_read_when_they_are_complete(folder):
    made = folder / "evaluations" / BIG.name / "eval-sokoban-big-20260101-000000"
    made.mkdir(parents=True)
    (made / "episodes.jsonl").write_text("".join(json.dumps(episode(index, index < 3)) + "\n" for index in range(4)))
    assert results(TABLE, folder, 1)[0].seeds == 0
    (made / "evaluation.json").write_text("{}")
    assert evaluation_folder(folder, BIG) == made
    assert results(TABLE, folder, 1)[0].figures["success"].value == 75.0


def test_order_is_told_beside_the_papers(folder):
    assert order(results(TABLE, folder, 2)) == []  # a row without a result
    trained = results(Table("table1", "", ("success",), TABLE.rows[2:]), folder, 2)
    assert order(trained) == ["Sokoban, by success: TSR (Beam Search) > Instance Filtering; as in the paper"]
    make_run(folder, "none", 2, {0: 0.1, 4: 1.0})
    make_run(folder, "none", 3, {0: 0.1, 4: 1.0})
    turned = results(Table("table1", "", ("success",), TABLE.rows[2:]), folder, 4)
    assert "in the paper TSR (Beam Search) > Instance Filtering" in order(turned)[0]


def test_written_tables_have_both_figures(folder):
    found = results(TABLE, folder, 2)
    paths = pages.write(TABLE, found, folder, "A remark.")
    assert [path.name for path in paths] == ["table1.md", "table1.csv", "table1.json"]
    text = paths[0].read_text()
    assert (
        "| Sokoban | Qwen2.5-0.5B | Instance Filtering | 2 | 50.0 ± 14.1 | 29.0 | 6.50 ± 0.00 | 4.40 | 1.00 | 2 |"
        in text
    )
    assert "A remark." in text
    assert paths[1].read_text().splitlines()[2].startswith("Sokoban,Qwen2.5-0.5B,Base Model,2,10.0 ± 0.0,8.9")
    rows = json.loads(paths[2].read_text())["rows"]
    assert rows[3]["here"]["success"] == {"value": pytest.approx(70.0), "std": None}
    assert rows[3]["paper"]["success"] == 38.3


def test_screen_says_which_model_stands_for_the_papers(folder):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(pages.screen(TABLE, results(TABLE, folder, 2), ""))
    text = captured.get()
    assert "Sokoban, tiny (Qwen2.5-0.5B)" in text
    assert "50.0 ± 14.1 (29.0)" in text


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [("hours", 1.724, "1.72"), ("hours", 0.0123, "0.0123"), ("steps_to_80", 90.0, "90"), ("entropy", 0.4567, "0.457")],
)
def test_decimals(quantity, value, text):
    assert pages.text(quantity, Figure(value)) == text


def test_figures_3_and_4_are_drawn(folder):
    for name in ("fig3", "fig4"):
        table = Table(name, "", ("success",), TABLE.rows[2:])
        [path] = pictures.write(table, folder, 2)
        assert path.read_text().count("Sokoban, tiny") >= 1
    assert pictures.write(TABLE, folder, 2) == []


def test_known_points_of_the_papers_curves_are_marked_beside_runs_of_its_policies(folder, monkeypatch):
    marked = []
    monkeypatch.setattr(pictures, "_mark", lambda axes, rows: marked.append([row.label for row in rows]))
    pictures.write(Table("fig3", "", ("success",), TABLE.rows[2:]), folder, 2)
    assert marked == [["Instance Filtering", "TSR (Beam Search)"]]


def test_crosses_stand_where_the_paper_has_them():
    axes = matplotlib.figure.Figure().subplots()
    rows = [row for row in TABLES["fig3"].rows if row.task == "webshop"]
    pictures._mark(axes, rows)
    xs = [list(line.get_xdata()) for line in axes.lines]
    assert xs == [[78, 85], [60, 70], [45, 65], [45, 50]]
    assert list(axes.lines[-1].get_ydata()) == pytest.approx([0.8 * 0.853, 0.853])
    tiny = matplotlib.figure.Figure().subplots()
    pictures._mark(tiny, [row for row in TABLES["fig3"].at("cpu").rows if row.task == "webshop"])
    assert not tiny.lines


def test_no_runs_no_figure(folder):
    assert pictures.write(TABLES["fig3"], folder, 2) == []
