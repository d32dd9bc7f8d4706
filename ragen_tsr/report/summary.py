"""``summary.json``: what came of a run, in a few figures, for programs and for the head of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragen_tsr.files import write_whole
from ragen_tsr.report import metrics as figures
from ragen_tsr.trainer.steps import METRICS_FILE

SUMMARY_FILE = "summary.json"


def summarise(steps: Sequence[figures.Metrics], about: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of the steps that a run has made so far.

    Args:
        steps: What :func:`ragen_tsr.report.metrics.load` returns.
        about: What metrics do not say (command, status, machine); copied.
    """
    successes = figures.TRAIN_SUCCESS.series(steps)
    trained = [step for step in steps if figures.STEP_SECONDS.of(step) is not None]
    validation = figures.VAL_SUCCESS.series(steps)
    gradients = {
        "actor": figures.ACTOR_GRADIENT.series(steps),
        "critic": figures.CRITIC_GRADIENT.series(steps),
    }
    ledger = {
        "prompt_tokens": figures.PROMPT_TOKENS,
        "generated_tokens": figures.GENERATED_TOKENS,
        "generation_calls": figures.GENERATION_CALLS,
        "env_steps": figures.ENV_STEPS,
        "nodes_expanded": figures.NODES,
        "merged": figures.MERGED,
        "pruned": figures.PRUNED,
    }
    return {
        **about,
        "steps": int(steps[-1]["step"] or 0) if steps else 0,
        "training_seconds": sum(figures.STEP_SECONDS.of(step) or 0.0 for step in trained),
        "validation_success": {str(step): value for step, value in validation},
        "validation_success_change": validation[-1][1] - validation[0][1] if len(validation) > 1 else None,
        "train_success_last": successes[-1][1] if successes else None,
        "updates_with_gradient": {role: sum(norm > 0 for _, norm in series) for role, series in gradients.items()},
        "search_totals": {name: sum(value for _, value in quantity.series(steps)) for name, quantity in ledger.items()},
    }


def write_summary(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``summary.json`` of a run folder, complete or not, and return what it holds."""
    path = folder / METRICS_FILE
    summary = summarise(figures.load(path) if path.exists() else [], about)
    write_whole(folder / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
    return summary
