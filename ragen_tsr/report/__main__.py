"""``python -m ragen_tsr.report RUN_FOLDER``: write the report of a run, finished or not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from ragen_tsr.report.page import write_report
from ragen_tsr.trainer.steps import METRICS_FILE


def main(arguments: list[str] | None = None) -> int:
    """Write ``report.html`` of the folder on the command line; 2 if it is no run folder."""
    parser = argparse.ArgumentParser(prog="python -m ragen_tsr.report", description=__doc__)
    parser.add_argument("run", type=Path, help="a folder that has a metrics.jsonl")
    folder = parser.parse_args(arguments).run
    if not (folder / METRICS_FILE).is_file():
        Console(stderr=True).print(f"{folder} has no {METRICS_FILE}: it must be a run folder", markup=False)
        return 2
    Console().print(str(write_report(folder)), markup=False, highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
