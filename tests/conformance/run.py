"""Replays recorded behaviour of upstream RAGEN against this project and counts what agrees.

    python tests/conformance/run.py --data DIR [--only NAME,...]

DIR is laid out like the conformance data (``NAME.jsonl`` files, ``wording.json``, tokenizer folders) or like
WebShop's (``NAME.jsonl`` files, the catalogue in ``data``). This file decides how cases are read, counted and
reported; what a case means is left to ``checks/NAME.py``, which defines

* ``check(case, context) -> list[str]``: the differences found, empty if the case passes. It may raise
  :class:`~checks.Departed` for a recorded fault that is corrected here on purpose, or
  :class:`~checks.NotRun` for a case that needs something this project does not have yet; both are counted
  neither way.
* ``DEPARTURES: dict[str, str]`` (optional): the reason for each kind of departure.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT, Path(__file__).resolve().parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from checks import Context, Departed, NotRun, read_cases  # noqa: E402

CHECKS = Path(__file__).resolve().parent / "checks"
SHOWN = 5
"""How many failing cases of a file are described."""
LINES = 4
"""How many differences of a case are described."""


def names(data: Path, only: list[str] | None) -> list[str]:
    """The files to run: those in ``data``, or those of ``only``.

    Raises:
        SystemExit: There is no data, or none of a name of ``only``.
    """
    recorded = sorted(path.stem for path in data.glob("*.jsonl"))
    if not recorded:
        raise SystemExit(f"--data: no .jsonl files in {data}")
    if unknown := sorted(set(only or []) - set(recorded)):
        raise SystemExit(f"--only: {unknown} not among {recorded}")
    return only or recorded


def run_file(name: str, context: Context) -> tuple[int, int]:
    """Run one file's cases, print what came out, return (passed, failed)."""
    if not (CHECKS / f"{name}.py").is_file():
        cases = len(list(read_cases(context.data / f"{name}.jsonl")))
        print(f"{name}: 0 passed, 0 failed\n  not run: this project has no check of {name} yet ({cases})")
        return 0, 0
    module = importlib.import_module(f"checks.{name}")
    passed = failed = 0
    departed: Counter[str] = Counter()
    not_run: Counter[str] = Counter()
    report: list[str] = []
    for number, case in enumerate(read_cases(context.data / f"{name}.jsonl")):
        try:
            differences = module.check(case, context)
        except Departed as departure:
            if not case.get("upstream_bug"):
                differences = [f"departs ({departure.kind}) from a case that is not marked upstream_bug"]
            else:
                departed[departure.kind] += 1
                continue
        except NotRun as reason:
            not_run[str(reason)] += 1
            continue
        except Exception as error:  # noqa: BLE001 (a case that raises has failed, and the others still run)
            differences = [f"raised {type(error).__name__}: {error}"]
        passed, failed = passed + (not differences), failed + bool(differences)
        if differences and failed <= SHOWN:
            report.append(f"  {case.get('id', f'{name}[{number}]')}")
            report += [f"    {line}" for line in differences[:LINES]]
            if len(differences) > LINES:
                report.append(f"    and {len(differences) - LINES} more")
    print(f"{name}: {passed} passed, {failed} failed")
    for kind, count in sorted(departed.items()):
        print(f"  departed: {kind} ({count}): {module.DEPARTURES[kind]}")
    for why, count in sorted(not_run.items()):
        print(f"  not run: {why} ({count})")
    if report:
        print("\n".join(report))
    return passed, failed


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 only if no case failed."""
    parser = argparse.ArgumentParser(description="Replay recorded behaviour of upstream RAGEN.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the recorded cases")
    parser.add_argument("--only", type=lambda text: text.split(","), help="file names without .jsonl, with commas")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        raise SystemExit(f"--data: {options.data} is not a folder")
    context = Context(options.data.resolve())
    totals = [run_file(name, context) for name in names(options.data, options.only)]
    passed, failed = sum(p for p, _ in totals), sum(f for _, f in totals)
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
