"""Which runs stand behind which table."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ragen_tsr.config import CONFIG_DIR, compose, parse
from ragen_tsr.experiments import paper
from ragen_tsr.experiments.grid import (
    DEFAULT_BUDGET,
    QUANTITIES,
    STAND_IN,
    TABLES,
    TINY,
    BeforeTraining,
    Evaluated,
    Training,
    seed_words,
    shell_lines,
)


def test_every_table_and_figure_is_there():
    assert list(TABLES) == [*(f"table{number}" for number in range(1, 11)), "fig3", "fig4"]
    for table in TABLES.values():
        assert set(table.quantities) <= set(QUANTITIES)
        for row in table.rows:
            assert set(row.paper) <= set(QUANTITIES)


@pytest.mark.parametrize(
    ("name", "trainings", "evaluations"),
    [
        ("table1", 16, 0),
        ("table2", 4, 0),
        ("table3", 8, 4),
        ("table4", 3, 0),
        ("table5", 12, 0),
        ("table7", 6, 0),
        ("table10", 4, 0),
        ("fig3", 20, 0),
        ("fig4", 4, 0),
    ],
)
def test_numbers_of_runs(name, trainings, evaluations):
    assert len(TABLES[name].trainings) == trainings
    assert len(TABLES[name].evaluations) == evaluations


def test_base_model_is_what_a_run_validates_first():
    [base] = [row for row in TABLES["table2"].rows if row.label == "Base Model"]
    assert base.source == BeforeTraining(Training("webshop", paper.LARGE, "none"))


def test_tables_share_the_runs_that_they_have_in_common():
    main = set(TABLES["table1"].trainings)
    assert set(TABLES["table3"].trainings) <= main
    assert set(TABLES["table8"].trainings) <= main
    assert set(TABLES["fig4"].trainings) <= main
    assert {one.budget for one in set(TABLES["table5"].trainings) & main} == {None}
    assert len(set(TABLES["table5"].trainings) & main) == 2  # M=4, B=2 of both models
    beam = OmegaConf.load(CONFIG_DIR / "search" / "beam.yaml")
    assert (beam.M, beam.B) == DEFAULT_BUDGET


def test_small_grid_has_the_same_tasks_methods_and_budgets():
    for table in TABLES.values():
        small = table.at("cpu")
        assert {one.model for one in small.trainings} == {TINY}
        assert {(one.env, one.method, one.budget) for one in small.trainings} == {
            (one.env, one.method, one.budget) for one in table.trainings
        }
        assert {one.model for one in small.evaluations} <= {STAND_IN}
        assert table.at("paper") is table
    assert {row.model for row in TABLES["table1"].at("cpu").rows} == {paper.SMALL}
    assert {row.model for row in TABLES["fig3"].at("cpu").rows} == {
        paper.SMALL,
        paper.LARGE,
    }  # WebShop has the large one


def test_larger_models_have_no_figure_of_the_paper_beside_their_stand_in():
    small = TABLES["table3"].at("cpu").rows
    rows = [row for row in small if isinstance(row.source, Evaluated)]
    assert [(row.task, row.paper) for row in rows] == [("sokoban", {}), ("frozen_lake", {})]
    assert [row.task for row in small] == ["sokoban"] * 5 + ["frozen_lake"] * 5
    assert small[4].label == "tiny (Beam Search)"


@pytest.mark.parametrize("scale", ["paper", "cpu"])
def test_words_compose(scale):
    training = TABLES["table7"].at(scale).trainings[0]
    words = (*training.words(scale, ("trainer.total_training_steps=7",)), *seed_words(1, 10_000))
    config = compose(parse(words))
    assert (config.search.name, config.search.M, config.search.B) == ("beam", 2, 1)
    assert (config.run_seed, config.seed.train) == (1, 110_000)
    assert config.es_manager.val.env_groups == 256
    assert (config.trainer.total_training_steps, config.trainer.test_freq) == (7, 5)
    assert config.model_path == {"paper": "Qwen/Qwen2.5-3B-Instruct", "cpu": "tiny"}[scale]


def test_shell_lines_are_what_is_run():
    words = Training("sokoban", TINY, "beam", (2, 1)).words("cpu")
    assert shell_lines(words, 1, 10_000).startswith(
        "bash train.sh sokoban beam scale=cpu model=tiny search.M=2 search.B=1"
    )
    assert shell_lines(words, 1, 10_000).endswith("run_seed=0 seed.train=10000")
    line = shell_lines(words, 3, 10_000)
    assert line.startswith("for seed in 0 1 2; do ")
    assert line.endswith("run_seed=$seed seed.train=$((10000 + 100000 * seed)); done")
