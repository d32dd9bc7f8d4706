"""Writes ``report.html``: one file, no network, from what the run folder has so far.

Decides in which sections it falls and what the head says. Which curves there are is left to :mod:`.panels`, which
figures are read to :mod:`.tables`, which episodes are shown to :mod:`.trajectories`, looks to ``template.html``
and ``looks.css``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from omegaconf import DictConfig, OmegaConf

from ragen_tsr.files import write_whole
from ragen_tsr.report import metrics as figures
from ragen_tsr.report import panels, tables, trajectories
from ragen_tsr.report.boards import BOARD_STYLE, Look, board_svg, look_of
from ragen_tsr.report.charts import Chart, svg
from ragen_tsr.report.summary import SUMMARY_FILE, summarise
from ragen_tsr.trainer.steps import METRICS_FILE

REPORT_FILE = "report.html"
CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class Section:
    """A heading of the page and what stands below it."""

    title: str
    charts: Sequence[Chart] = ()
    tables: Sequence[tables.Table | None] = ()

    def shown(self) -> dict[str, Any] | None:
        """What the template wants; None if there is nothing."""
        drawn = [(chart.title, chart.note, Markup(svg(chart))) for chart in self.charts]
        read = [table for table in self.tables if table is not None]
        return {"title": self.title, "charts": drawn, "tables": read} if drawn or read else None


def write_report(folder: Path) -> Path:
    """Write ``report.html`` of a run folder, complete or not, and return its path.

    Raises:
        FileNotFoundError: The folder has no ``metrics.jsonl``.
    """
    steps = figures.load(folder / METRICS_FILE)
    about = _about(folder)
    summary = summarise(steps, about)
    written = folder / CONFIG_FILE
    config = OmegaConf.load(written) if written.exists() else None
    assert config is None or isinstance(config, DictConfig)
    sections = [
        Section("Learning", panels.charts(steps)),
        Section("Filter", panels.filter_charts(steps), [tables.filter_table(steps)]),
        Section(
            "Search",
            panels.search_charts(steps),
            [tables.ledger_table(steps, _episodes(config)), tables.choice_table(steps)],
        ),
    ]
    page = template().render(
        title=about["run"],
        about=about,
        tiles=_tiles(summary),
        run=_run(summary, steps),
        sections=[shown for section in sections if (shown := section.shown()) is not None],
        episodes=_shown_episodes(folder, config),
        draw=artist(config),
        board_style=Markup(BOARD_STYLE),
        config=written.read_text(encoding="utf-8") if config is not None else "",
    )
    return write_whole(folder / REPORT_FILE, page)


def _shown_episodes(folder: Path, config: DictConfig | None) -> list[tuple[str, str, list[trajectories.Trajectory]]]:
    """Heading, remark and episodes of each strip of episodes that there is something for."""
    searched = config is not None and OmegaConf.select(config, "search.at_val")
    how = "Searched" if searched else "Plain sampling"
    kinds = [
        ("validation", f"{how}, latest validation.", trajectories.validated(folder)),
        ("training", "Committed trajectories, latest recorded steps.", trajectories.committed(folder)),
    ]
    shown = []
    for kind, remark, found in kinds:
        best, worst = trajectories.best_and_worst(found)
        shown += [(f"Best of {kind}", remark, best), (f"Worst of {kind}", remark, worst)]
    return [strip for strip in shown if strip[2]]


def _episodes(config: DictConfig | None) -> int | None:
    """Committed episodes of a training step."""
    manager = OmegaConf.select(config, "es_manager.train") if config is not None else None
    return manager.env_groups * manager.group_size if manager is not None else None


def artist(config: DictConfig | None) -> Callable[[str, str], Markup]:
    """What draws a state of an environment tag, as the run's configuration describes the tag."""
    known = config.get("custom_envs", {}) if config is not None else {}
    looks: dict[str, Look] = {}

    def draw(state: str, tag: str) -> Markup:
        if tag not in looks:
            looks[tag] = look_of(known[tag]) if tag in known else Look(tag)
        return Markup(board_svg(state, looks[tag]))

    return draw


def _run(summary: dict[str, Any], steps: Sequence[figures.Metrics]) -> dict[str, str]:
    """What is worth knowing of the run beside its facts: how it ended, how long it took, how it was validated."""
    seconds = [value for _, value in figures.STEP_SECONDS.series(steps)]
    rates = [rate for rate in map(figures.tokens_per_second, steps) if rate is not None]
    updates = ", ".join(f"{role} {count}" for role, count in summary["updates_with_gradient"].items() if count)
    rows = {
        "error": summary.get("error"),
        "wall time": _duration(summary["wall_seconds"]) if "wall_seconds" in summary else None,
        "a step": f"{sum(seconds) / len(seconds):.1f} s" if seconds else None,
        "generation": f"{sum(rates) / len(rates):,.0f} tokens a second" if rates else None,
        "validation": ", ".join(f"step {step}: {value:.1%}" for step, value in summary["validation_success"].items()),
        "updates": f"{updates} (steps with a gradient)" if updates else None,
    }
    return {key: value for key, value in rows.items() if value}


def _about(folder: Path) -> dict[str, Any]:
    """What the summary says, if there is one yet."""
    path = folder / SUMMARY_FILE
    written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {"run": folder.name, "status": "", "command": "", "facts": {}} | written


def _tiles(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Label, figure, remark: what the head of the page shows large."""
    tiles = []
    validation = list(summary["validation_success"].items())
    if validation:
        remark = f"from {validation[0][1]:.1%} before" if len(validation) > 1 else f"at step {validation[0][0]}"
        tiles.append(("Validation success", f"{validation[-1][1]:.1%}", remark))
    if summary["train_success_last"] is not None:
        tiles.append(("Training success", f"{summary['train_success_last']:.1%}", "last step, committed episodes"))
    totals, seconds = summary["search_totals"], summary["training_seconds"]
    tiles.append(("Steps", str(summary["steps"]), f"{_duration(seconds)} of training"))
    tiles.append(
        (
            "Generated tokens",
            _short(totals["generated_tokens"]),
            f"{_short(totals['generation_calls'])} generation calls",
        )
    )
    tiles.append(("Turns sampled", _short(totals["nodes_expanded"]), f"{_short(totals['env_steps'])} actions executed"))
    return tiles


def _short(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def template(package: str = "ragen_tsr.report") -> Any:
    """The page, which other reports fill too; or that of another package, which may include this one's parts."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("ragen_tsr.report", ".")]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    return environment.get_template("template.html")
