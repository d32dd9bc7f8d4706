"""Takes the pictures of the report and of the viewer that stand in docs/.

    python docs/screenshots.py RUN [--beside RUN] [--shop RUN] [--at ADDRESS] [--into FOLDER]

RUN is a run folder with recorded searches, --beside one of search=none with the same seeds, --shop one of WebShop.
Needs a Chromium on the PATH (Debian: apt install chromium) and no network. docs/viewer.md has the commands that the
pictures there were taken with.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from ragen_tsr.report import METRICS_FILE, write_report
from ragen_tsr.view import NoSearchesError, RecordedRun, write_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VIEWER, REPORT = (1600, 1000), (1100, 1500)
"""Sizes of the window in pixels."""
SETTLED = 4000
"""Milliseconds of the page's own clock until the picture is taken."""


def main() -> int:
    """Run the command line; 2 if it cannot work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--shop", type=Path)
    parser.add_argument("--at", default="", help="what the viewer shows, as the end of its address says: step=1&slot=0")
    parser.add_argument("--shop-at", default="")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return _refuse(f"needs one of {', '.join(BROWSERS)} on the PATH")
    try:
        runs = {name: RecordedRun(folder) for name, folder in vars(asked).items() if name in RUNS and folder}
    except NoSearchesError as error:
        return _refuse(str(error))
    if not (asked.run / METRICS_FILE).is_file():
        return _refuse(f"{asked.run} has no {METRICS_FILE}")
    asked.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = write_page(runs["run"], Path(folder) / "view.html", runs.get("beside"))
        take(browser, f"{page.as_uri()}#{asked.at}", asked.into / "viewer.png", VIEWER)
        take(browser, f"{page.as_uri()}#{asked.at}&slot=all", asked.into / "viewer-group.png", VIEWER)
        if "shop" in runs:
            page = write_page(runs["shop"], Path(folder) / "shop.html")
            take(browser, f"{page.as_uri()}#{asked.shop_at}", asked.into / "viewer-shop.png", VIEWER)
    take(browser, write_report(asked.run).resolve().as_uri(), asked.into / "report.png", REPORT)
    return 0


RUNS = ("run", "beside", "shop")


def take(browser: str, address: str, target: Path, size: tuple[int, int]) -> None:
    """Write a picture of a page.

    Raises:
        subprocess.CalledProcessError: The browser failed.
        subprocess.TimeoutExpired: It took more than two minutes.
    """
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--virtual-time-budget={SETTLED}"]
    window = f"--window-size={size[0]},{size[1]}"
    subprocess.run(
        [browser, *flags, window, f"--screenshot={target.resolve()}", address],
        check=True,
        timeout=120,
        capture_output=True,
    )
    Console().print(str(target), markup=False, highlight=False, soft_wrap=True)


def _refuse(why: str) -> int:
    Console(stderr=True).print(why, style="red", markup=False, soft_wrap=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
