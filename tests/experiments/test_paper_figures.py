"""The paper's figures as data: they agree with one another, and with the paper's text where it is at hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragen_tsr.experiments import paper
from ragen_tsr.experiments.paper import LARGE, MAIN, SCALING, SMALL, TIMES

TEXT = Path(__file__).resolve().parents[3] / "shared" / "paper" / "tsr-paper.md"


def printed(number: int) -> list[list[float]]:
    """The rows of numbers that follow a table's caption in the paper's text."""
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    [start] = [
        place for place, line in enumerate(lines) if re.match(rf"Table {number}\.|.*\bTable {number}\. \*\*", line)
    ]
    rows: list[list[float]] = []
    for line in lines[start + 1 :]:
        if line.startswith(("Table ", "#")) or re.match(r"^\d+(\.\d)?\. [A-Z]|^[A-Z]\.\d", line):
            break
        cells = [cell for cell in line.split("\t") if re.fullmatch(r"\d+(\.\d+)?", cell)]
        if cells:
            rows.append([float(cell) for cell in cells])
    return rows


def of(figures: object) -> list[float]:
    return list(vars(figures).values())


@pytest.mark.skipif(not TEXT.is_file(), reason="needs the paper's text, shared/paper/tsr-paper.md beside the checkout")
class TestText:
    def test_tables_1_and_2(self):
        methods = (paper.BASE, *paper.METHODS)
        two = [
            of(MAIN[task, SMALL, method]) + of(MAIN[task, LARGE, method])
            for task in ("sokoban", "frozen_lake")
            for method in methods
        ]
        assert printed(1) == two
        assert printed(2) == [of(MAIN["webshop", LARGE, method]) for method in methods]

    def test_table_3(self):
        larger = [
            [paper.LARGER[name, task] for task in ("sokoban", "frozen_lake")]
            for name in ("GPT-4o (zero-shot)", "Qwen2.5-72B (zero-shot)")
        ]
        small = [[MAIN[task, SMALL, method].success for task in ("sokoban", "frozen_lake")] for method in paper.METHODS]
        assert printed(3) == larger + small

    @pytest.mark.parametrize(("number", "task"), [(5, "sokoban"), (6, "frozen_lake"), (7, "webshop")])
    def test_tables_of_search_budgets(self, number, task):
        budgets = [(m, b) for b in (1, 2) for m in (2, 4, 6)]
        models = [model for model in (SMALL, LARGE) if (task, model, 2, 1) in SCALING]
        assert printed(number) == [[n for model in models for n in of(SCALING[(task, model, *one)])] for one in budgets]

    @pytest.mark.parametrize(("number", "task"), [(8, "sokoban"), (9, "frozen_lake"), (10, "webshop")])
    def test_tables_of_times(self, number, task):
        models = [model for model in (SMALL, LARGE) if (task, model, "beam") in TIMES]
        assert printed(number) == [of(TIMES[task, model, method]) for model in models for method in paper.METHODS]


def test_final_success_is_the_same_in_all_tables():
    for key, times in TIMES.items():
        assert times.success == MAIN[key].success
    for (task, model, m, b), figures in SCALING.items():
        if (m, b) == (2, 2):  # the paper's headline is that of M=2, though its text says M=4
            assert figures.success == MAIN[task, model, "beam"].success


def test_hours_are_shares_of_the_whole():
    for (task, *_), times in TIMES.items():
        for steps, hours in (
            (times.steps_to_80, times.hours_to_80),
            (times.steps_to_convergence, times.hours_to_convergence),
        ):
            assert hours == pytest.approx(times.hours * steps / paper.STEPS[task], abs=0.011)
