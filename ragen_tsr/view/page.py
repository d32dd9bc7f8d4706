"""Puts the page together: markup, looks and script in one document, with the searches in it or to be asked for.

Decides how data gets into HTML without being taken for markup, and that the page asks nobody but its own server for
anything: its security policy allows the one script that is in it, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from ragen_tsr.files import write_whole
from ragen_tsr.report.boards import BOARD_STYLE
from ragen_tsr.view.searches import RecordedRun, step_page

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("data.js", "layout.js", "tree.js", "panel.js", "app.js")
"""In the order in which they need each other."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def in_script(value: Any) -> Markup:
    """A value as JSON that can stand in a ``<script>``: whatever texts hold, nothing in it ends the element."""
    return Markup(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES))


def index(run: RecordedRun, steps: Iterable[int], beside: RecordedRun | None, *, served: bool) -> dict[str, Any]:
    """What the page knows before a step is looked at."""
    about = beside.about() if beside else None
    return {"about": run.about(), "beside": about, "steps": list(steps), "served": served}


def served_page(run: RecordedRun, beside: RecordedRun | None) -> str:
    """The document that asks its server for steps."""
    return _document(index(run, run.steps(), beside, served=True), [])


def write_page(
    run: RecordedRun, target: Path, beside: RecordedRun | None = None, steps: Iterable[int] | None = None
) -> Path:
    """Write one file that shows the recorded searches and opens from disk; returns its path.

    Args:
        run: The run that is looked at.
        target: The file; replaced if it is there.
        beside: See :func:`ragen_tsr.view.searches.step_page`.
        steps: The training steps that go in; None: all that are recorded.
    """
    chosen = run.steps() if steps is None else list(steps)
    page = _document(index(run, chosen, beside, served=False), [step_page(run, step, beside) for step in chosen])
    return write_whole(target, page)


def _document(about: dict[str, Any], steps: list[dict[str, Any]]) -> str:
    script = _script()
    environment = Environment(
        loader=PackageLoader("ragen_tsr.view", "page"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    return environment.get_template("view.html").render(
        title=about["about"]["run"],
        policy=_policy(script),
        style=Markup(BOARD_STYLE + (PARTS / "view.css").read_text(encoding="utf-8")),
        script=Markup(script),
        index=in_script(about),
        steps=[(step["step"], in_script(step)) for step in steps],
    )


@cache
def _script() -> str:
    parts = [(PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return '\n(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
