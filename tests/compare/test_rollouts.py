"""Comparing rollouts: what is shown of known ones, what is played again, and a real one with a tiny policy."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from ragen_tsr.compare import played, rollouts
from ragen_tsr.compare.__main__ import main
from ragen_tsr.compare.command import Variation, load
from ragen_tsr.compare.played import Played
from ragen_tsr.compare.rollouts import Job

LEDGER = dict.fromkeys(rollouts.LEDGER, 100.0)
MEANS = ("return/sampled", "success/sampled", "valid_rate/committed", "actions_per_turn/committed")
RATES = {"none": 0.3, "best_of_n": 0.5, "beam": 0.8, "random": 0.1}


class Scripted:
    """Stands in for playing: success at a method's rate, and a record of who played."""

    def __init__(self, rates=RATES, again=False):
        self.rates, self.again, self.calls = rates, again, []

    def __call__(self, config, random_actions=None):
        method = "random" if random_actions is not None else config.search.name
        shape = (config.es_manager.train.env_groups, config.es_manager.train.group_size)
        self.calls.append((method, config.run_seed, config.search.slots, random_actions))
        # the same draws for all: a method that succeeds more often succeeds wherever the others do
        draws = np.random.default_rng(config.run_seed).random(shape)
        success = (draws < self.rates[method]).astype(float)
        cost = 2.0 if method == "beam" else 1.0
        metrics = {f"search/{key}": value * cost for key, value in LEDGER.items()}
        return Played(
            success=success,
            return_=success * 10,
            success_again=success * 0.5 if self.again else None,
            return_again=success * 5 if self.again else None,
            metrics=metrics | {f"search/{key}": 0.5 for key in MEANS},
            seconds=3.0 * cost,
            actions=[1, 2, 3],
        )


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """``compare(words, play)``: exit status and ``compare.json``; the folder is the same at every call."""

    def run(words, play):
        monkeypatch.setattr(rollouts, "play", play)
        monkeypatch.setattr(rollouts, "compose", settings)
        status = main(["sokoban", "--rollouts-only", "--starts", "60", "--folder", str(tmp_path / "out"), *words])
        path = tmp_path / "out" / "compare.json"
        return status, json.loads(path.read_text()) if path.is_file() else None

    run.folder = tmp_path / "out"
    return run


def settings(command, job):
    """As much of a configuration as :class:`Scripted` reads; composing one takes a second."""
    method = "none" if job.method == "random" else job.method
    _, _, *words = command.words(method, job.seed, job.variation)
    keys = dict(word.split("=") for word in words)
    return SimpleNamespace(
        run_seed=int(keys["run_seed"]),
        search=SimpleNamespace(name=method, slots=keys.get("search.slots")),
        es_manager=SimpleNamespace(train=SimpleNamespace(env_groups=command.starts, group_size=command.group_size)),
    )


def test_the_figures_of_known_rollouts(compare, capsys):
    play = Scripted(again=True)
    status, outcome = compare(["--methods", "random,none,beam"], play)
    shown = capsys.readouterr().out
    assert status == 0
    by_method = {row["method"]: row for row in outcome["rows"]}
    beam, none = by_method["beam"], by_method["none"]
    assert beam["success"] == pytest.approx((np.random.default_rng(0).random((60, 4)) < RATES["beam"]).mean())
    assert beam["success_gain"] == pytest.approx(beam["success"] - none["success"])
    assert beam["success_gain_low"] > 0.3
    assert beam["success_again"] == pytest.approx(beam["success"] / 2)
    assert (beam["tokens_ratio"], beam["seconds_ratio"]) == (2.0, 2.0)
    assert beam["generated_tokens"] == 200
    assert none["success_gain"] is None
    assert by_method["random"]["success_gain_high"] < 0
    assert f"{beam['success']:.3f} [" in shown
    rows = list(csv.DictReader((compare.folder / "compare.csv").open()))
    assert [row["method"] for row in rows] == ["random", "none", "beam"]
    assert float(rows[2]["success"]) == pytest.approx(beam["success"])
    page = (compare.folder / "compare.md").read_text()
    assert "python -m ragen_tsr.compare sokoban" in page
    assert f"| beam | {beam['success']:.3f} [" in page
    assert "| beam | 200 | 200 |" in page, "the ledger"


def test_random_acts_as_often_as_none_did(compare):
    play = Scripted()
    compare(["--methods", "random,none"], play)
    assert [call[0] for call in play.calls] == ["none", "random"]
    assert play.calls[1][3] == [1, 2, 3]


@pytest.mark.parametrize(
    ("rates", "min_effect", "status"),
    [
        ({"none": 0.3, "beam": 0.8}, "0.2", 0),
        ({"none": 0.3, "beam": 0.3}, "0.2", 0),
        ({"none": 0.8, "beam": 0.3}, "0.2", 1),
        ({"none": 0.3, "beam": 0.8}, "0.01", 2),
    ],
)
def test_exit_status(compare, rates, min_effect, status, capsys):
    words = ["--methods", "none,beam", "--fail-if-worse", "beam:none", "--min-effect", min_effect]
    found, outcome = compare(words, Scripted(rates))
    assert found == status == outcome["status"]
    assert "beam - none, success:" in capsys.readouterr().out


def test_what_is_over_is_not_played_again(compare):
    class Killed(Scripted):
        def __call__(self, config, random_actions=None):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().__call__(config, random_actions)

    words = ["--methods", "none,best_of_n,beam", "--group-size", "2"]
    killed = Killed()
    assert compare(words, killed) == (130, None)
    again = Scripted()
    status, outcome = compare(words, again)
    assert status == 0
    assert [call[0] for call in again.calls] == ["beam"]
    untouched = Scripted()
    assert compare(words, untouched) == (0, outcome)
    assert untouched.calls == []


def test_variations_and_seeds(compare):
    play = Scripted()
    _, outcome = compare(["--methods", "none,beam", "--vary", "search.slots=1,2", "--seeds", "2"], play)
    assert [(row["variation"], row["method"]) for row in outcome["rows"]] == [
        (f"search.slots={slots}", method) for slots in (1, 2) for method in ("none", "beam")
    ]
    assert [call[1:3] for call in play.calls] == [(0, "1"), (1, "1")] * 2 + [(0, "2"), (1, "2")] * 2
    assert outcome["rows"][0]["generated_tokens"] == 200, "seeds add up"


def test_a_real_rollout_of_the_tiny_policy(tiny_policy, tmp_path):
    """Twice the same; beam costs more than none and commits no less."""
    words = ["sokoban", "--rollouts-only", "--methods", "random,none,beam", "--starts", "4", "--group-size", "1"]
    words += ["--fail-if-worse", "beam:none", "--min-effect", "1", "beam:search.M=2"]
    assert main([*words, "--folder", str(tmp_path / "a")]) == 0
    rows = {row["method"]: row for row in json.loads((tmp_path / "a" / "compare.json").read_text())["rows"]}
    assert rows["beam"]["generated_tokens"] > 1.5 * rows["none"]["generated_tokens"]
    assert rows["beam"]["return"] >= rows["none"]["return"]
    assert rows["random"]["valid_rate_committed"] == 1.0
    kept = Played.load(tmp_path / "a" / "rollouts" / "0-none-0.json")
    assert kept.success.shape == kept.return_.shape == (4, 1)
    assert kept.actions
    again = Job(Variation("", ()), "none", 0, tmp_path / "again")
    np.testing.assert_array_equal(played.play(rollouts.compose(load(tmp_path / "a"), again)).return_, kept.return_)
