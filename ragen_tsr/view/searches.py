"""Reads the recorded searches of a run folder and adds what a page needs to show them.

Decides what is worked out before the page has it: pictures (each state once), names of actions, return and success turn
by turn of what was committed and of what plain sampling would have had. What a state looks like is
:mod:`ragen_tsr.report.boards`'; how a tree is laid out and walked through is the page's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ragen_tsr import backend
from ragen_tsr.files import read_json_lines
from ragen_tsr.report.boards import Look, board_svg, look_of
from ragen_tsr.report.page import CONFIG_FILE
from ragen_tsr.report.summary import SUMMARY_FILE
from ragen_tsr.search.sampled import running_sums

ROLLOUTS_FOLDER = "rollouts"
"""What :class:`ragen_tsr.trainer.agent_trainer.TSRAgentTrainer` writes."""

ARROWS = {"Up": "↑", "Down": "↓", "Left": "←", "Right": "→"}
START = -1
"""The parent of a first turn."""

Record = Mapping[str, Any]
"""A recorded search: see :func:`ragen_tsr.llm_agent.search_metrics.search_record`."""


class NoSearchesError(ValueError):
    """A folder that is no run's, or has no recorded searches."""


@dataclass
class Pictures:
    """The pictures of a page, each state once."""

    markup: list[str] = field(default_factory=list)
    """HTML, in order of first use."""
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def place(self, tag: str, state: str, look: Look) -> int:
        """The number of a state's picture."""
        key = (tag, state)
        if key not in self._places:
            self._places[key] = len(self.markup)
            self.markup.append(board_svg(state, look))
        return self._places[key]


class RecordedRun:
    """The searches that a run has recorded so far; the run may go on.

    Args:
        folder: A run folder.

    Raises:
        NoSearchesError: It has no configuration, or no recorded searches.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / CONFIG_FILE).is_file():
            raise NoSearchesError(f"{folder} has no {CONFIG_FILE}: it must be a run folder")
        self.folder = folder.resolve()
        self.config: Any = OmegaConf.load(folder / CONFIG_FILE)
        self._customs: dict[str, Any] = OmegaConf.to_container(self.config.custom_envs, resolve=True)  # type: ignore[assignment]
        if not self.steps():
            raise NoSearchesError(
                f"{folder} has no recorded searches ({ROLLOUTS_FOLDER}/step_*.jsonl): the run was made with "
                f"search.record_groups={self.config.search.record_groups} and may not have finished a rollout"
            )

    def steps(self) -> list[int]:
        """The training steps that have recorded searches."""
        return sorted(int(path.stem.partition("_")[2]) for path in self._rollouts.glob("step_*.jsonl"))

    def about(self) -> dict[str, Any]:
        """What the head of the page says of the run."""
        summary = self.folder / SUMMARY_FILE
        written = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {}
        settings: Any = OmegaConf.to_container(self.config.search, resolve=True)
        sizes = [f"{key}={settings[key]}" for key in ("N", "M", "B", "D") if settings.get(key) is not None]
        return {
            "run": self.folder.name,
            "status": written.get("status", ""),
            "command": written.get("command", ""),
            "method": settings["name"],
            "search": " ".join([settings["name"], *sizes]),
        }

    def records(self, step: int) -> list[Record]:
        """The recorded searches of a step, one per recorded group; none if the step has none."""
        path = self._rollouts / f"step_{step:06d}.jsonl"
        return read_json_lines(path) if path.exists() else []

    def look(self, tag: str) -> Look:
        """How states of a tag are drawn; a tag that the configuration lacks is shown as text."""
        return look_of(self._customs[tag]) if tag in self._customs else Look(tag)

    def action_names(self, tag: str) -> Mapping[int, str]:
        """Names of the numbered actions of a tag; none where actions are texts."""
        custom = self._customs.get(tag, {})
        if not self.look(tag).is_grid:
            return {}
        settings = custom.get("env_config") or {}
        names = settings.get("action_lookup") or backend.REGISTERED_ENV_CONFIGS[custom["env_type"]]().action_lookup
        return {int(number): name for number, name in names.items()}

    @property
    def _rollouts(self) -> Path:
        return self.folder / ROLLOUTS_FOLDER


def step_page(run: RecordedRun, step: int, beside: RecordedRun | None = None) -> dict[str, Any]:
    """Everything that the page shows of a training step, as JSON.

    Args:
        run: The run that is looked at.
        step: One of ``run.steps()``.
        beside: Another run, whose search of the same step and start is put beside each, where it recorded one.
    """
    pictures = Pictures()
    others = beside.records(step) if beside else []
    searches = []
    for record in run.records(step):
        shown = _search(run, record, pictures)
        twin = next((other for other in others if _start_of(other) == _start_of(record)), None)
        shown["beside"] = None
        if beside is not None and twin is not None:
            shown["beside"] = {**beside.about(), "search": _search(beside, twin, pictures)}
        searches.append(shown)
    return {"step": step, "searches": searches, "pictures": pictures.markup}


def _start_of(record: Record) -> tuple[str, int, str]:
    return record["tag"], record["seed"], record["start"]


def _search(run: RecordedRun, record: Record, pictures: Pictures) -> dict[str, Any]:
    tag = record["tag"]
    look, names = run.look(tag), run.action_names(tag)
    nodes = record["nodes"]
    by_slot = all(nodes[leaf]["slot"] == slot for slot, leaf in enumerate(record["chosen"]))
    return {
        **{key: record[key] for key in ("group", "tag", "seed", "chosen", "ledgers", "rerolled")},
        "start": pictures.place(tag, record["start"], look),
        "nodes": [_node(node, names, pictures.place(tag, node["state"], look)) for node in nodes],
        "by_slot": by_slot,
        "gain": {
            "all": gain(record, range(len(record["chosen"]))),
            **({str(slot): gain(record, [slot]) for slot in range(len(record["chosen"]))} if by_slot else {}),
        },
    }


def _node(node: Record, names: Mapping[int, str], picture: int) -> dict[str, Any]:
    shown = {key: _written(value) for key, value in node.items() if key != "state"}
    if shown["raw_response"] == shown["response"]:
        del shown["raw_response"]
    labels = [names.get(action, str(action)) if isinstance(action, int) else action for action in node["actions"]]
    return {**shown, "actions": [ARROWS.get(label, label) for label in labels], "picture": picture}


def _written(value: Any) -> Any:
    """A value as JSON can hold it: a score may be infinite, and is then its name."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def gain(record: Record, slots: Sequence[int]) -> dict[str, list[float]]:
    """Return and success up to each turn: of what was committed to ``slots``, and of plain sampling, estimated.

    The latter is :func:`ragen_tsr.search.sampled.running_sums` over the turns that were sampled for these slots, as in
    the metrics ``return/sampled`` and ``success/sampled``, there over all slots of a group.
    """
    nodes = record["nodes"]
    everything = len(slots) == len(record["chosen"])
    sampled = [node for node in nodes if not node["redrawn"] and (everything or node["slot"] in slots)]
    paths = [_path(nodes, record["chosen"][slot]) for slot in slots]
    turns = max([node["turn"] for node in sampled] + [len(path) for path in paths])
    figures = {}
    for name, key in (("return", "reward"), ("success", "success")):
        at_random = running_sums((node["turn"], node["done"], float(node[key])) for node in sampled)
        figures[f"{name}/sampled"] = at_random
        figures[f"{name}/committed"] = [
            sum(float(node[key]) for path in paths for node in path[: turn + 1]) / len(paths) for turn in range(turns)
        ]
    return figures


def _path(nodes: Sequence[Record], leaf: int) -> list[Record]:
    """The nodes from the first turn to a leaf."""
    path = []
    while leaf != START:
        path.append(nodes[leaf])
        leaf = nodes[leaf]["parent"]
    return path[::-1]
