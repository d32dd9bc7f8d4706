"""Runs the recorded cases where they are at hand: ``shared/conformance`` and ``shared/webshop`` beside the
project's root.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared"
WEBSHOP = ("episodes", "rewards", "search")
"""The files of ``shared/webshop``; all others are in ``shared/conformance``."""
CHECKED = sorted(path.stem for path in (HERE / "checks").glob("*.py") if path.stem != "__init__")


@pytest.fixture(scope="module")
def runner():
    spec = importlib.util.spec_from_file_location("conformance_run", HERE / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CHECKED)
def test_every_recorded_case_passes(runner, name, capsys):
    data = SHARED / ("webshop" if name in WEBSHOP else "conformance")
    if not data.is_dir():
        pytest.skip(f"needs the recorded cases, in shared/{data.name} beside the checkout")
    status = runner.main(["--data", str(data), "--only", name])
    assert status == 0, capsys.readouterr().out


def test_the_exit_status_and_the_last_line_count_failures(runner, tmp_path, capsys):
    (tmp_path / "wording.json").write_text("{}")
    (tmp_path / "parse.jsonl").write_text('{"id": "parse/x", "kind": "no such kind", "config": {}}\n')
    assert runner.main(["--data", str(tmp_path), "--only", "parse"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "parse: 0 passed, 1 failed"
    assert out[1].strip() == "parse/x"
    assert out[-1] == "0 passed, 1 failed"


def test_int_and_float_are_told_apart(runner):
    checks = sys.modules["checks"]
    assert checks.exact("reward", 0, 0) == []
    assert checks.exact("reward", 0.0, 0) != []
    assert checks.exact("flag", True, 1) != []
    assert checks.close("score", float("nan"), "nan") == []
    assert checks.close("score", 1.0 + 1e-7, 1.0, absolute=1e-6) == []
    assert checks.close("score", 1.1, 1.0, absolute=1e-6) != []
