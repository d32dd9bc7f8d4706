"""The live comparison finds differences, and finds none that are not there; the second needs upstream."""

import importlib
import json
import os
import random
import sys
from pathlib import Path

import pytest
from rich.console import Console

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def compare():
    sys.path.insert(0, str(HERE))
    return importlib.import_module("compare")


@pytest.fixture(scope="module")
def checkout():
    home = os.environ.get("RAGEN_HOME")
    if not home:
        pytest.skip("needs an upstream RAGEN checkout at the pin: RAGEN_HOME")
    pytest.importorskip("gym_sokoban", reason="needs upstream's packages: config/constraints/upstream-cpu.txt")
    return Path(home).resolve()


@pytest.fixture(scope="module")
def upstream(compare, checkout, tmp_path_factory):
    return compare.open_upstream(checkout, tmp_path_factory.mktemp("tokenizer"))


def test_what_was_replaced_is_not_taken_for_upstream(compare, tmp_path):
    recorders = sys.modules["recorders"]
    upstream = recorders.Upstream(tmp_path, tokenizer=None)
    with pytest.raises(recorders.NotUpstream, match="json"):
        upstream.own(json.dumps)


def test_sentences_are_the_text_around_their_marks(compare):
    wording = sys.modules["recorders.wording"]
    assert wording.template("{x} STATE of 70001", {"STATE": "state", "70001": "turn"}) == "{{x}} {state} of {turn}"
    assert wording._added("a\nwarn\nb\n", "a\nb\n") == "warn\n"
    assert wording.between("<", "a<b>c>", ">") == "b"
    with pytest.raises(ValueError, match="has no"):
        wording.between("<", "abc", ">")


def test_an_unknown_name_is_refused_before_anything_is_loaded(compare, capsys):
    with pytest.raises(SystemExit):
        compare.main(["nowhere", "--only", "chess"])
    assert "chess" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_responses(compare):
    scripts = importlib.import_module("recorders.scripts")
    config = {"agent_proxy": {"action_sep": "||", "enable_think": True}}
    first, second = ([scripts.response(random.Random(s), config, wild=1) for s in range(20)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 10


def test_upstreams_sentences_are_those_recorded(compare, upstream):
    recorded = HERE.parents[3] / "shared" / "conformance" / "wording.json"
    if not recorded.is_file():
        pytest.skip("needs the recorded wording, in shared/conformance beside the checkout")
    assert sys.modules["recorders.wording"].wording(upstream) == json.loads(recorded.read_text(encoding="utf-8"))


def test_webshops_sentences_are_those_recorded(compare, upstream):
    webshop = sys.modules["recorders.webshop"]
    if why := webshop.missing():
        pytest.skip(f"needs upstream's WebShop (docs/webshop.md): {why}")
    recorded = HERE.parents[3] / "shared" / "webshop" / "data" / "wording.json"
    if not recorded.is_file():
        pytest.skip("needs the recorded wording, in shared/webshop/data beside the checkout")
    assert webshop.wording(upstream) == json.loads(recorded.read_text(encoding="utf-8"))


def test_a_webshop_that_is_missing_is_named_in_one_line_and_left_out(compare, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["recorders.webshop"], "missing", lambda: "No module named 'webshop_minimal'")
    assert compare._possible(["parse", *WEBSHOP], Console(soft_wrap=True)) == ["parse"]
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        "WebShop not run (episodes, rewards, search): No module named 'webshop_minimal'; "
        "docs/webshop.md says what it needs"
    )
    assert compare._possible(["parse"], Console()) == ["parse"]
    assert not capsys.readouterr().out


def _spoil(case):
    """Change one recorded output of a case."""
    for path in (
        ("reset", "obs"),
        ("script", 0, "env_outputs", 0, "history", 0, "state"),
        ("results", 0, "llm_response"),
        ("env_inputs", 0, "llm_response"),
        ("generation", 0, "prompts", 0),
        ("first_attempt_error",),
        ("reset", "observation"),
        ("hits", 0),
    ):
        part = case
        try:
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = "?" + part[path[-1]]
        except (KeyError, IndexError):
            continue
        return
    for name in ("rm_scores_last", "reward_std", "advantages"):
        if case.get(name):
            case[name][0] = 12345.0 if name != "advantages" else [12345.0] * len(case[name][0])
            return
    case["reward" if "options" in case else "kept_rows"] = [12345]


NAMES = ["sokoban", "frozen_lake", "es_manager", "parse", "context", "rollout_filter", "advantages"]
WEBSHOP = ["episodes", "rewards", "search"]


@pytest.mark.parametrize("name", NAMES + WEBSHOP)
def test_fresh_cases_agree_and_a_changed_one_does_not(compare, upstream, tmp_path, name, capfd, monkeypatch):
    if name in WEBSHOP and (why := sys.modules["recorders.webshop"].missing()):
        pytest.skip(f"needs upstream's WebShop (docs/webshop.md): {why}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    upstream.tokenizer.save_pretrained(tmp_path / sys.modules["recorders"].TOKENIZER)
    wording = sys.modules["recorders.wording"].wording(upstream)
    (tmp_path / "wording.json").write_text(json.dumps(wording), encoding="utf-8")
    compare.record(name, upstream, tmp_path, seed=11, scale=4 / importlib.import_module(f"recorders.{name}").CASES)
    runner = importlib.import_module("run")
    assert runner.main(["--data", str(tmp_path), "--only", name]) == 0, capfd.readouterr().out

    path = tmp_path / f"{name}.jsonl"
    recorded = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    _spoil(recorded[0])
    path.write_text("".join(json.dumps(case) + "\n" for case in recorded), encoding="utf-8")
    assert runner.main(["--data", str(tmp_path), "--only", name]) == 1
