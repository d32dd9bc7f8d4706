"""Runs upstream RAGEN live on fresh random cases and counts where the embedded runtime differs: class by class.

    python tests/upstream/live/compare.py CHECKOUT [--seed N] [--scale X] [--only NAME,...] [--folder DIR]

CHECKOUT is an upstream checkout at the pin. Each module of ``recorders/`` draws cases from the seed (printed; a new one
each time unless given), runs them through upstream's code and writes them down as conformance data; a second process,
which knows nothing of the checkout, compares them with this project by ``tests/conformance/run.py``. The exit status is
0 only if no case differs. Cases that run into a fault of upstream which is corrected here on purpose are counted apart.
WebShop's (``episodes``, ``rewards``, ``search``) need more packages than the others: where one is missing, it is named.

This file decides what is recorded in which order; what a case is is left to ``recorders/NAME.py``, what a difference is
to ``tests/conformance/checks/NAME.py``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from rich.console import Console

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CONFORMANCE = ROOT / "tests" / "conformance"
for folder in (ROOT, HERE, CONFORMANCE):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from checks import plain  # noqa: E402
from recorders import TOKENIZER, Upstream, webshop  # noqa: E402
from recorders.wording import wording  # noqa: E402

NAMES = ("sokoban", "frozen_lake", "es_manager", "parse", "context", "rollout_filter", "advantages", *webshop.NAMES)


def open_upstream(checkout: Path, folder: Path, seed: int = 0) -> Upstream:
    """Make upstream importable, and a tokenizer in ``folder``; ``seed`` is for what upstream draws unseeded.

    Raises:
        ragen_tsr.backend.BackendError: ``checkout`` is not one of the pinned commit.
    """
    os.environ["RAGEN_HOME"] = str(checkout)
    from ragen_tsr import backend, upstream

    backend.choice()
    upstream.prepare()
    return Upstream(checkout, _tokenizer(checkout, folder / TOKENIZER), seed)


def _tokenizer(checkout: Path, folder: Path) -> Any:
    """A ChatML tokenizer trained on upstream's task settings, saved in ``folder`` and loaded from there."""
    from transformers import AutoTokenizer

    from ragen_tsr.models.tokenizer import build_tokenizer

    texts = (checkout / "config" / "envs.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    build_tokenizer(texts, vocab_size=700, min_frequency=2, model_max_length=100_000).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def record(name: str, upstream: Upstream, folder: Path, seed: int, scale: float) -> int:
    """Write ``NAME.jsonl``, and what its check reads beside it, into ``folder``; return how many cases it has."""
    recorder = importlib.import_module(f"recorders.{name}")
    if hasattr(recorder, "write_data"):
        recorder.write_data(upstream, folder)
    count = max(1, round(recorder.CASES * scale))
    draw = random.Random(f"{seed}/{name}")
    with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as lines:
        for number, case in enumerate(recorder.cases(draw, count, upstream)):
            line = json.dumps(plain({"id": f"{name}/{seed}/{number}", **case}), ensure_ascii=False, allow_nan=False)
            lines.write(line + "\n")
    return count


def replay(folder: Path, names: list[str]) -> int:
    """Compare the cases in ``folder`` in a process of its own, without the checkout; return its exit status."""
    variables = {key: value for key, value in os.environ.items() if key not in ("RAGEN_HOME", "RAGEN_TSR_BACKEND")}
    variables["XDG_CACHE_HOME"] = str(folder / "cache")  # for WebShop's index, which is of no use later
    command = [sys.executable, str(CONFORMANCE / "run.py"), "--data", str(folder), "--only", ",".join(names)]
    return subprocess.run(command, env=variables, check=False).returncode


def _possible(names: list[str], console: Console) -> list[str]:
    """The names that can be run here; says which cannot, and why: WebShop's packages may be missing."""
    left_out = [name for name in names if name in webshop.NAMES]
    if not left_out or (why := webshop.missing()) is None:
        return names
    console.print(f"WebShop not run ({', '.join(left_out)}): {why}; docs/webshop.md says what it needs", markup=False)
    return [name for name in names if name not in left_out]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 only if no case differs."""
    parser = argparse.ArgumentParser(description="Compare the embedded runtime with upstream RAGEN, live.")
    parser.add_argument("checkout", type=Path, help="an upstream checkout at the pin")
    parser.add_argument("--seed", type=int, help="what the cases are drawn from (a new one each time)")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the usual number of cases (1)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(NAMES), help=", ".join(NAMES))
    parser.add_argument("--folder", type=Path, help="keep the cases here, for tests/conformance/run.py --data")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.only) - set(NAMES)):
        parser.error(f"--only: {unknown} not among {', '.join(NAMES)}")
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"seed {seed} (repeat with --seed {seed})")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        upstream = open_upstream(options.checkout.resolve(), folder, seed)
        names = _possible(options.only, console)
        if not names:
            return 1
        (folder / "wording.json").write_text(json.dumps(wording(upstream), ensure_ascii=False), encoding="utf-8")
        for name in names:
            started = time.monotonic()
            count = record(name, upstream, folder, seed, options.scale)
            console.print(f"upstream ran {count} cases of {name} in {time.monotonic() - started:.0f} s")
        return replay(folder, names)


if __name__ == "__main__":
    sys.exit(main())
