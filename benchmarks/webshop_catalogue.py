"""What a large WebShop catalogue costs: seconds to build and to open, memory of the process, size in the cache.

    python benchmarks/webshop_catalogue.py [--products 100000] [--words 100]

Makes that many synthetic products under the full catalogue's file names, each description lengthened by so many words
(drawn from 200,000 with frequencies like those of a language) to the size of real ones, and opens them as `data=full`:
once with an empty cache and once with a full one, each in a process of its own. Then searches, pages of results and
goals are timed. In processor time, so that other programs on the machine matter little. Everything is written to a
temporary folder and removed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
import psutil

from ragen_tsr.embedded.env.webshop import synthetic
from ragen_tsr.embedded.env.webshop.shop import ShopSettings, open_shop

VOCABULARY = 200_000
QUERIES = 200
MIB = 2**20


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--products", type=int, default=100_000)
    arguments.add_argument("--words", type=int, default=100, help="words added to each description")
    arguments.add_argument("--open", dest="opened", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.opened:
        sys.stdout.write(json.dumps(measure(options.opened)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        folder.mkdir()
        synthetic.write(options.products, "", folder)
        lengthen(folder / "items_shuffle.json", options.words)
        source = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{options.products} products, {source / MIB:.0f} MiB of JSON")
        for label in ("empty cache", "full cache"):
            show(label, in_a_process(folder, Path(temporary) / "cache"))
        for path in sorted((Path(temporary) / "cache" / "ragen_tsr" / "webshop").glob("[!.]*")):
            size = sum(file.stat().st_size for file in path.iterdir())
            print(f"  in the cache: {path.name.split('-')[0]:10s} {size / MIB:6.0f} MiB")


def lengthen(path: Path, words: int) -> None:
    """Add words to every description, line by line."""
    draw = np.random.default_rng(0)
    with path.open("rb") as source, path.with_suffix(".long").open("wb") as target:
        for line in source:
            if line[:1] == b"{":
                product = orjson.loads(line.rstrip(b",\n"))
                drawn = np.minimum(draw.zipf(1.2, size=words), VOCABULARY)
                product["full_description"] += " " + " ".join(f"w{number:x}" for number in drawn)
                line = orjson.dumps(product) + (b",\n" if line.endswith(b",\n") else b"\n")
            target.write(line)
    path.with_suffix(".long").replace(path)


def in_a_process(folder: Path, cache: Path) -> dict[str, float]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--open", str(folder)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def measure(folder: str) -> dict[str, float]:
    """Open the shop of `folder` and use it; seconds and MiB."""
    process = psutil.Process()
    before = process.memory_info().rss
    start = time.process_time()
    shop = open_shop(ShopSettings(data="full", folder=folder))
    opened = time.process_time() - start
    peak = int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text()).group(1)) / 1024
    resident = (process.memory_info().rss - before) / MIB
    wanted = random.Random(1).sample(range(len(shop.goals)), QUERIES)
    goal_times, search_times, page_times = [], [], []
    for index in wanted:
        clock = [time.process_time()]
        goal = shop.goals[index]
        clock.append(time.process_time())
        found = shop.search(goal.instruction)
        clock.append(time.process_time())
        for place in found[:10]:
            _ = shop.catalogue[place].title
        clock.append(time.process_time())
        for times, seconds in zip((goal_times, search_times, page_times), np.diff(clock), strict=True):
            times.append(seconds)
    return {
        "opened": opened,
        "peak": peak,
        "resident": resident,
        "in_use": (process.memory_info().rss - before) / MIB,
        "goals": len(shop.goals),
        "goal_ms": 1e3 * statistics.median(goal_times),
        "search_ms": 1e3 * statistics.median(search_times),
        "page_ms": 1e3 * statistics.median(page_times),
    }


def show(label: str, found: dict[str, float]) -> None:
    print(
        f"{label}: open {found['opened']:.1f} s, peak of the process {found['peak']:.0f} MiB; the shop adds"
        f" {found['resident']:.0f} MiB, {found['in_use']:.0f} MiB after {QUERIES} searches"
    )
    print(
        f"  {found['goals']:.0f} goals; a goal {found['goal_ms']:.2f} ms, a search {found['search_ms']:.2f} ms,"
        f" ten products {found['page_ms']:.2f} ms (medians, each for the first time)"
    )


if __name__ == "__main__":
    main()
