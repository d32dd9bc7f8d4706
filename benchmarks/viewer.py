"""How long does the viewer take to draw a large tree, to step through it and to zoom?

    python benchmarks/viewer.py [--slots 8]

A group of beam searches in which no episode ends early, all slots at once, in a headless Chromium (Debian: `apt install
chromium`). Milliseconds of the page's own work up to the finished layout; the median of many, and the longest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "view"))  # a browser to drive, a run to show

from recorded_run import wide, write_run
from view_browser import CHROMIUM, Browser

from ragen_tsr.view.page import write_page
from ragen_tsr.view.searches import RecordedRun

MEASURE = """((action, times) => {
    const taken = [];
    for (let at = 0; at < times; at += 1) {
        const begin = performance.now();
        action(at);
        document.querySelector('#tree .node').getBoundingClientRect();
        taken.push(performance.now() - begin);
    }
    return taken;
})"""
ACTIONS = {
    "draw": """(at) => document.querySelector(`#slots button:nth-child(${at % 2 ? 1 : 2})`).click()""",
    "turn": """(at) => document.dispatchEvent(
        new KeyboardEvent('keydown', {key: at % 2 ? 'ArrowRight' : 'ArrowLeft'}))""",
    "zoom": """(at) => document.getElementById('tree').dispatchEvent(
        new WheelEvent('wheel', {deltaY: at % 2 ? 50 : -50}))""",
}


def main() -> int:
    """Draw, step, zoom; print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--slots", type=int, default=8)
    arguments = parser.parse_args()
    if CHROMIUM is None:
        parser.error("needs a chromium on the PATH")
    with tempfile.TemporaryDirectory() as scratch:
        run = RecordedRun(write_run(Path(scratch) / "run", {1: [wide(arguments.slots)]}))
        page = Browser(Path(scratch) / "profile")
        try:
            page.open(write_page(run, Path(scratch) / "view.html").as_uri())
            page.click("#slots button:first-child")
            nodes = page.run("document.querySelectorAll('#tree .node').length")
            print(f"{nodes} nodes")
            for name, action in ACTIONS.items():
                taken = page.run(f"{MEASURE}({action}, 40)")
                print(f"{name}  median {statistics.median(taken):6.1f} ms   longest {max(taken):6.1f} ms")
        finally:
            page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
