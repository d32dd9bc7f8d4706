"""``python -m ragen_tsr.view RUN``: look at the searches that a run has recorded.

Serves a page to this machine's browser, or writes it as one file with --html FILE.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ragen_tsr.view.page import write_page
from ragen_tsr.view.searches import NoSearchesError, RecordedRun
from ragen_tsr.view.server import HOST, make_server

OK, REFUSED = 0, 2
PORT = 8017


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ragen_tsr.view", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run folder with recorded searches (search.record_groups > 0)")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write one file, which needs no server and no network"
    )
    parser.add_argument("--steps", metavar="N,N,...", help="with --html: only these training steps (default: all)")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="RUN",
        help="another run, as of search=none: its search of each same step and start",
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"to serve on; 0 takes a free one (default: {PORT})")
    asked = parser.parse_args(arguments)
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        run = RecordedRun(asked.run)
        beside = RecordedRun(asked.beside) if asked.beside else None
        steps = _steps(asked.steps, run, asked.html)
    except NoSearchesError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    if asked.html:
        console.print(str(write_page(run, asked.html, beside, steps)), markup=False, soft_wrap=True)
        return OK
    try:
        server = make_server(run, beside, asked.port)
    except (OSError, OverflowError) as error:
        errors.print(
            f"--port={asked.port}: cannot be served on ({error}); 0 takes a free one", style="red", markup=False
        )
        return REFUSED
    console.print(f"http://{HOST}:{server.server_port}/   Ctrl-C ends", markup=False, soft_wrap=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return OK


def _steps(words: str | None, run: RecordedRun, html: Path | None) -> list[int] | None:
    if words is None:
        return None
    if html is None:
        raise NoSearchesError(f"--steps={words}: goes with --html; what is served has all steps")
    recorded = run.steps()
    chosen = [int(word) if word.strip().isdigit() else -1 for word in words.split(",")]
    if not set(chosen) <= set(recorded):
        raise NoSearchesError(f"--steps={words}: must be among the recorded ones: {', '.join(map(str, recorded))}")
    return sorted(set(chosen))


if __name__ == "__main__":
    sys.exit(main())
