"""Takes pictures of reports and of the viewer, as they stand in docs/.

    python docs/screenshots.py report=RUN viewer=RUN#step=2 viewer-group=RUN#slot=all [--beside RUN] [--into FOLDER]

Each NAME=RUN makes NAME.png: of the run's report where NAME begins with `report`, else of its recorded searches. What
follows a # is the end of the viewer's address as the page writes it, or where the report's picture begins (#episodes).
--beside is for runs with the same starts. Needs a Chromium on the PATH (Debian: apt install chromium) and no network.
The commands that the pictures in docs/ were taken with stand in docs/viewer.md.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ragen_tsr.report import METRICS_FILE, write_report
from ragen_tsr.view import RecordedRun, write_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VIEWER, REPORT = (1600, 1000), (1100, 1500)
"""Sizes of the window in pixels."""
SETTLED = 4000
"""Milliseconds of the page's own clock until the picture is taken."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 if it cannot work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", metavar="NAME=RUN[#ADDRESS]")
    parser.add_argument("--beside", type=Path, metavar="RUN")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, metavar="FOLDER")
    asked = parser.parse_args(arguments)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return _refuse(f"needs one of {', '.join(BROWSERS)} on the PATH")
    asked.into.mkdir(parents=True, exist_ok=True)
    try:
        beside = RecordedRun(asked.beside) if asked.beside else None
        for words in asked.pictures:
            take_one(browser, words, beside, asked.into)
    except ValueError as error:
        return _refuse(str(error))
    return 0


def take_one(browser: str, words: str, beside: RecordedRun | None, into: Path) -> None:
    """Take the picture that ``NAME=RUN[#ADDRESS]`` asks for.

    Raises:
        ValueError: The words or the run cannot work.
    """
    name, equals, where = words.partition("=")
    folder, _, address = where.partition("#")
    run = Path(folder)
    if not name or not equals or not folder:
        raise ValueError(f"{words}: must be NAME=RUN or NAME=RUN#ADDRESS")
    if name.startswith("report"):
        if not (run / METRICS_FILE).is_file():
            raise ValueError(f"{run} has no {METRICS_FILE}: it must be a run folder")
        with tempfile.TemporaryDirectory() as scratch:
            page = Path(scratch) / "report.html"
            page.write_text(_from(write_report(run).read_text(encoding="utf-8"), address), encoding="utf-8")
            take(browser, page.as_uri(), into / f"{name}.png", REPORT)
        return
    with tempfile.TemporaryDirectory() as scratch:
        page = write_page(RecordedRun(run), Path(scratch) / "view.html", beside)
        take(browser, f"{page.as_uri()}#{address}", into / f"{name}.png", VIEWER)


def _from(report: str, section: str) -> str:
    """A report without what stands before a section."""
    if section and f'id="{section}"' not in report:
        raise ValueError(f"#{section}: the report has no such section")
    return report + (f"<style>main > :not(#{section}, #{section} ~ *) {{ display: none }}</style>" if section else "")


def take(browser: str, address: str, target: Path, size: tuple[int, int]) -> None:
    """Write a picture of a page.

    Raises:
        subprocess.CalledProcessError: The browser failed.
        subprocess.TimeoutExpired: It took more than two minutes.
    """
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--virtual-time-budget={SETTLED}"]
    shot = [f"--window-size={size[0]},{size[1]}", f"--screenshot={target.resolve()}"]
    subprocess.run([browser, *flags, *shot, address], check=True, timeout=120, capture_output=True)
    Console().print(str(target), markup=False, highlight=False, soft_wrap=True)


def _refuse(why: str) -> int:
    Console(stderr=True).print(why, style="red", markup=False, soft_wrap=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
