"""Folders as trained runs leave them, with made-up figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

PROMPTS = 16


def make_run(
    folder: Path,
    solved: Mapping[int, int],
    *,
    steps: int,
    tokens: int,
    seconds: float = 2.0,
    config: str = "{}",
    first_solved: Callable[[int], int] = lambda step: 0,
) -> Path:
    """A finished run.

    Args:
        solved: By validated step, how many of :data:`PROMPTS` prompts were solved.
        steps: Training steps.
        tokens: Generated in each step.
        seconds: Of training in each step.
        first_solved: The first of the prompts that a step solves; the others follow.
    """
    (folder / "validation").mkdir(parents=True)
    lines = []
    for step in range(steps + 1):
        line: dict[str, float] = {"step": step}
        if step:
            line |= {
                "train/search/generated_tokens": tokens,
                "train/search/return/committed": 0.1 * step,
                "train/search/entropy": 1.0 / step,
                "actor/grad_norm": 0.5,
                "timing_s/train_total": seconds * step,
            }
        if step in solved:
            line["val-env/Sokoban/success"] = solved[step] / PROMPTS
            episodes = [
                _episode(index, first_solved(step) <= index < first_solved(step) + solved[step])
                for index in range(PROMPTS)
            ]
            path = folder / "validation" / f"step_{step:06d}.jsonl"
            path.write_text("".join(json.dumps(episode) + "\n" for episode in reversed(episodes)))
        lines.append(json.dumps(line) + "\n")
    (folder / "metrics.jsonl").write_text("".join(lines))
    (folder / "config.yaml").write_text(config)
    (folder / "summary.json").write_text(json.dumps({"status": "finished"}))
    return folder


def _episode(index: int, success: bool) -> dict:
    return {
        "index": index,
        "seed": 123 + index,
        "start": f"room {index}",
        "success": success,
        "return": 10.0 if success else -1.0,
        "turns": 2 if success else 5,
        "response_tokens": 20,
    }
