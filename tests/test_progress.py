"""The progress display, on a terminal and without one."""

from __future__ import annotations

import io

from rich.console import Console

from ragen_tsr.progress import ProgressDisplay

STEP = {
    "train/SimpleSokoban/success": 0.5,
    "train/search/return/committed": -0.25,
    "train/search/generated_tokens": 3000,
    "train/search/seconds/generation": 2.0,
    "actor/entropy": 1.5,
    "actor/grad_norm": 0.75,
    "timing_s/step": 4.0,
}


def shown(terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    with ProgressDisplay(console, total_steps=3) as display:
        display.on_step(0, {"val-env/SimpleSokoban/success": 0.125})
        for step in (1, 2):
            display.on_phase("gen")
            display.on_step(step, STEP)
    return out.getvalue()


def test_without_a_terminal_there_is_one_plain_line_a_step():
    lines = shown(terminal=False).splitlines()
    assert len(lines) == 3
    assert lines[0] == "step 0/3  validation success 0.125"
    assert lines[1].startswith("step 1/3  success 0.50  return -0.25  entropy 1.50  grad 0.75  1,500 tok/s  4.0 s")
    assert lines[2].endswith("left")
    assert "\x1b" not in "".join(lines)


def test_on_a_terminal_the_phase_and_the_latest_figures_are_shown():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=160, color_system=None)
    with ProgressDisplay(console, total_steps=3) as display:
        display.on_step(1, STEP)
        display.on_phase("update_actor")
    text = out.getvalue()
    assert "step 2/3" in text
    assert "actor update" in text
    assert "1,500" in text


def test_time_left_follows_the_pace_of_the_steps_made_here(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    display = ProgressDisplay(Console(file=io.StringIO()), total_steps=20)
    assert display.seconds_left() is None
    display.on_step(10, {})  # the first one seen, as after a resume
    assert display.seconds_left() is None
    now[0] += 6.0
    display.on_step(12, {})
    assert display.seconds_left() == 24.0
    now[0] += 2.0
    assert display.seconds_left() == 22.0


def test_the_first_step_already_gives_a_pace(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    display = ProgressDisplay(Console(file=io.StringIO()), total_steps=3)
    now[0] += 50.0  # starting and validating
    display.on_step(0, {})
    display.on_phase("gen")
    now[0] += 5.0
    display.on_step(1, {})
    assert display.seconds_left() == 10.0
