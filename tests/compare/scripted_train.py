"""Stands in for ``ragen_tsr.train``: logs a step every few milliseconds, goes on where its folder stands.

``trainer.steps_until_error`` in its configuration makes it fail, and a file ``fail-at-start`` once. Each start is a
line of ``starts.log``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

SECONDS_A_STEP = 0.02


def main() -> int:
    folder = Path(sys.argv[1].removeprefix("resume="))
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return 2
    if (folder / "fail-at-start").exists():
        (folder / "fail-at-start").unlink()
        return 1
    settings = OmegaConf.load(folder / "config.yaml").trainer
    with (folder / "starts.log").open("a") as log:
        log.write("start\n")
    metrics = folder / "metrics.jsonl"
    done = metrics.read_text().splitlines() if metrics.exists() else []
    status = "failed"
    try:
        for step in range(len(done), settings.total_training_steps + 1):
            if step == settings.steps_until_error:
                return 1
            with metrics.open("a") as log:
                log.write(json.dumps({"step": step, "train/search/generated_tokens": 10}) + "\n")
            time.sleep(SECONDS_A_STEP)
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        return 130
    finally:
        (folder / "summary.json.partial").write_text(json.dumps({"status": status}))
        (folder / "summary.json.partial").replace(folder / "summary.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
