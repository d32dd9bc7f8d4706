"""A trained comparison from its command to its page; the runs are made up."""

from __future__ import annotations

import io
import json
import re

import pytest
from made_up_runs import PROMPTS, make_run
from omegaconf import OmegaConf
from rich.console import Console

from ragen_tsr.compare import budgets, command, runs, training
from ragen_tsr.compare.runs import RunResult
from ragen_tsr.config import ConfigError

STEPS = 4
FINAL = {"none": 4, "best_of_n": 6, "lookahead": 8, "beam": 12}
TOKENS = {"none": 100, "best_of_n": 200, "lookahead": 400, "beam": 400}
WORDS = ["sokoban", "scale=cpu", "model=nowhere", f"trainer.total_training_steps={STEPS}"]


def asked(folder, *words):
    made, folder = command.read([*WORDS, "--folder", str(folder), *words])
    return training.Plan(made), folder


@pytest.fixture
def trained(monkeypatch):
    """Training is replaced by made-up runs; ``trained`` lists the words of those that were asked for."""
    asked_for = []

    def run_all(specs, folder, *, parallel, max_seconds, console):
        results = []
        for spec in specs:
            path = folder / "runs" / spec.name
            method, seed = re.match(r"(\w+)-seed(\d)", spec.name).groups()
            if not path.exists():
                asked_for.append(spec.words)
                solved = {0: 2, 1: 3, 2: FINAL[method] - 1, STEPS: FINAL[method] + int(seed) % 2}
                make_run(path, solved, steps=STEPS, tokens=TOKENS[method], config=CONFIG)
            results.append(RunResult(spec, path, "finished"))
        return results

    monkeypatch.setattr(runs, "run_all", run_all)
    monkeypatch.setattr(runs, "check_all", lambda specs, folder: [])
    return asked_for


CONFIG = OmegaConf.to_yaml(
    {
        "seed": {"train": 10000},
        "trainer": {"total_training_steps": STEPS},
        "es_manager": {"train": {"env_groups": 1}},
        "custom_envs": {},
    }
)


@pytest.fixture(autouse=True)
def _starts(monkeypatch):
    """The training stream had the first room only."""
    monkeypatch.setattr("ragen_tsr.compare.outcome.first_steps", lambda config, steps: {"room 0": 1})


@pytest.fixture
def no_figures(monkeypatch):
    """Drawing takes a second; not every test looks at the figures."""
    monkeypatch.setattr("ragen_tsr.compare.page._figures", lambda runs, found: {})


def compare(folder, *words):
    screen = io.StringIO()
    plan, folder = asked(folder, *words)
    return training.main(plan.command, folder, Console(file=screen, width=200)), screen.getvalue()


def test_a_comparison_leaves_tables_figures_and_a_page(trained, tmp_path):
    folder = tmp_path / "c"
    status, screen = compare(folder, "--seeds", "2", "--fail-if-worse", "beam:none", "--min-effect", "0.5")
    assert status == 0
    assert len(trained) == 8
    for kind in ("steps", "tokens"):
        for name in (f"table-{kind}.md", f"table-{kind}.csv", f"table-{kind}.tex", f"times-{kind}.md"):
            assert (folder / name).stat().st_size > 0
    for name in ("fig3", "fig4"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / f"{name}.svg").read_text()
    page = (folder / "compare.html").read_text()
    assert page.count("<svg") == 2
    assert "http://" not in re.sub(
        r"http://www\.w3\.org\S*|http://purl\.org\S*|http://creativecommons\.org\S*", "", page
    )
    assert "beam - none, success: +0.500" in screen
    assert not list(folder.glob("**/*.partial"))
    numbers = json.loads((folder / "compare.json").read_text())
    assert numbers["budgets"]["steps"]["amount"] == {"": STEPS}
    assert numbers["budgets"]["tokens"]["amount"] == {"": STEPS * TOKENS["none"]}
    rows = {row["method"]: row for row in numbers["budgets"]["steps"]["rows"]}
    assert rows["beam"]["success"]["estimate"] == pytest.approx(12.5 / PROMPTS)
    assert rows["base"]["success"]["estimate"] == pytest.approx(2 / PROMPTS)
    assert rows["beam"]["unseen"]["estimate"] == pytest.approx(11.5 / (PROMPTS - 1))  # room 0 was solved by all
    at_tokens = {row["method"]: row for row in numbers["budgets"]["tokens"]["rows"]}
    assert (at_tokens["beam"]["steps"], at_tokens["none"]["steps"]) == (1, STEPS)
    assert at_tokens["beam"]["success"]["estimate"] == pytest.approx(3 / PROMPTS)


def test_the_paper_s_table_in_latex_has_the_best_in_bold(trained, no_figures, tmp_path):
    compare(tmp_path / "c", "--seeds", "1")
    text = (tmp_path / "c" / "table-steps.tex").read_text()
    lines = [line for line in text.splitlines() if "&" in line]
    assert lines[0].startswith(r"Method & Success Rate $\uparrow$ & Resp. Len $\downarrow$ & Turns $\downarrow$")
    assert [line.partition(" &")[0] for line in lines[1:]] == [
        *("Base Model", "Instance Filtering", "TSR (Best-of-N)", "TSR (Lookahead)", "TSR (Beam Search)")
    ]
    assert r"\textbf{75.0}" in lines[-1]


@pytest.mark.parametrize(
    ("pair", "budget", "min_effect", "status"),
    [
        ("beam:none", "steps", "0.5", 0),
        ("none:beam", "steps", "0.5", 1),
        ("beam:lookahead", "steps", "0.01", 2),  # better, but by an interval that is too wide
        ("beam:none", "tokens", "0.5", 0),
    ],
)
def test_the_exit_status_is_the_verdict_s(trained, no_figures, tmp_path, pair, budget, min_effect, status):
    words = ["--seeds", "1", "--fail-if-worse", pair, "--budget", budget, "--min-effect", min_effect]
    found, screen = compare(tmp_path / "c", "--methods", "none,lookahead,beam", *words)
    assert found == status, screen


def test_the_same_command_again_writes_the_pages_without_training(trained, no_figures, tmp_path):
    compare(tmp_path / "c", "--seeds", "1")
    (tmp_path / "c" / "compare.html").unlink()
    compare(tmp_path / "c", "--seeds", "1", "--budget", "tokens")
    assert len(trained) == 4
    assert (tmp_path / "c" / "compare.html").exists()
    compare(tmp_path / "c", "--seeds", "2")
    assert len(trained) == 8
    with pytest.raises(ConfigError, match="holds another comparison"):
        compare(tmp_path / "c", "--seeds", "1", "agent_proxy.max_turn=3")


def test_variations_have_rows_and_a_figure_of_their_own(trained, tmp_path):
    folder = tmp_path / "c"
    compare(folder, "--methods", "none,beam", "--seeds", "1", "--vary", "algo=ppo,grpo")
    assert [words[:2] for words in trained] == [("sokoban", "none"), ("sokoban", "none")] + [("sokoban", "beam")] * 2
    assert (folder / "variations-steps.png").exists()
    assert "algo=grpo" in (folder / "table-steps.md").read_text()
    assert r"\multicolumn{3}{c}{algo=grpo}" in (folder / "table-steps.tex").read_text()
    assert sorted(path.name for path in (folder / "runs").iterdir()) == [
        *("beam-seed0-algo-grpo", "beam-seed0-algo-ppo", "none-seed0-algo-grpo", "none-seed0-algo-ppo")
    ]


def test_runs_that_are_missing_are_named_and_the_others_shown(trained, no_figures, tmp_path, monkeypatch):
    make = runs.run_all

    def without_beam(specs, folder, **settings):
        there = [spec for spec in specs if not spec.name.startswith("beam")]
        missing = [RunResult(spec, folder / "runs" / spec.name, "not started") for spec in specs if spec not in there]
        return make(there, folder, **settings) + missing

    monkeypatch.setattr(runs, "run_all", without_beam)
    status, screen = compare(tmp_path / "c", "--seeds", "1")
    assert status == training.UNFINISHED
    assert "Not finished: beam-seed0" in screen
    assert "TSR (Lookahead)" in screen
    assert "TSR (Beam Search)" not in screen


def test_a_comparison_without_any_run_yet_says_so(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(
        runs, "run_all", lambda specs, folder, **_: [RunResult(spec, folder, "not started") for spec in specs]
    )
    status, screen = compare(tmp_path / "c", "--methods", "none,beam", "--seeds", "1")
    assert status == training.UNFINISHED
    assert "Not finished: none-seed0, beam-seed0" in screen
    assert not (tmp_path / "c" / "compare.html").exists()


def test_a_bound_that_is_infinite_is_null_in_json(trained, no_figures, tmp_path, monkeypatch):
    seen = {f"room {index}": 1 for index in range(PROMPTS - 1)}  # a single room is left
    monkeypatch.setattr("ragen_tsr.compare.outcome.first_steps", lambda config, steps: seen)
    compare(tmp_path / "c", "--methods", "none", "--seeds", "1")
    rows = json.loads((tmp_path / "c" / "compare.json").read_text())["budgets"]["steps"]["rows"]
    assert rows[-1]["unseen"]["high"] is None


def test_texts_are_escaped_in_the_page(trained, no_figures, tmp_path):
    compare(tmp_path / "c", "--methods", "none", "--seeds", "1", "--vary", "trainer.project_name='<b>&'")
    page = (tmp_path / "c" / "compare.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page


def test_words_of_a_run_are_defaults_then_the_command_s_then_seeds_and_budgets(tmp_path):
    plan, _ = asked(tmp_path / "c", "--seeds", "2", "trainer.test_freq=3", "beam:search.M=2")
    [variation] = plan.command.variations
    plan.tokens[variation] = 1234
    words = plan.words(("beam", 1, variation))
    assert words[:2] == ("sokoban", "beam")
    assert words.index("trainer.test_freq=1") < words.index("trainer.test_freq=3")
    assert {"run_seed=1", "seed.train=110000", "search.M=2", "es_manager.val.env_groups=256"} <= set(words)
    assert "trainer.total_training_tokens=1234" in words
    assert not [word for word in plan.words(("none", 1, variation)) if "tokens" in word]  # it says how many there are
    fixed, _ = asked(tmp_path / "d", "--tokens", "5000")
    assert fixed.reference == []
    assert "trainer.total_training_tokens=5000" in fixed.words(("none", 0, variation))
    assert budgets.TOKENS in command.BUDGETS
