"""Runs named on the command line, made by ``scripted_train``: ``scripted_compare.py FOLDER STEPS NAME...``"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console

from ragen_tsr.compare import runs

runs.TRAIN = (sys.executable, str(Path(__file__).with_name("scripted_train.py")))
runs.POLL_SECONDS = 0.02


def config(steps, error_at):
    settings = {"total_training_steps": steps, "total_training_tokens": None, "steps_until_error": error_at}
    return OmegaConf.create({"trainer": {**settings, "local_log_dir": "", "experiment_name": None}})


def main(folder, steps, *names, parallel=1, max_seconds=None, failing=()):
    specs = [runs.RunSpec(name, ("sokoban", "none")) for name in names]
    runs.check_all = lambda specs, folder: [config(steps, 3 if spec.name in failing else None) for spec in specs]
    return runs.run_all(specs, folder, parallel=parallel, max_seconds=max_seconds, console=Console(file=sys.stdout))


if __name__ == "__main__":
    results = main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    sys.exit(0 if all(result.status == "finished" for result in results) else 1)
