"""The best and the worst episodes of a run, turn by turn.

Decides which episodes are shown. They come from the recorded searches of training (``rollouts/``) and from the
records of validation episodes (``validation/``); how a state is drawn is left to :mod:`.boards`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragen_tsr.files import read_json_lines

ROLLOUTS, VALIDATION = "rollouts", "validation"
LATEST = 5
"""Recorded steps of training that are looked at: an agent's early episodes say little of it."""


@dataclass(frozen=True)
class Turn:
    """One answer of the policy, and where it led."""

    response: str
    actions: int
    """How many actions were executed."""
    reward: float
    """The environment's reward for the turn."""
    penalty: float
    """Format penalty, at most 0."""
    score: float | None
    """The scorer's, where a search ran."""
    state: str
    """After the turn."""


@dataclass(frozen=True)
class Trajectory:
    """A finished episode."""

    step: int
    """Of training."""
    tag: str
    seed: int | None
    start: str
    """State before the first turn."""
    turns: tuple[Turn, ...]
    success: bool

    @property
    def score(self) -> float:
        """Rewards and penalties of the episode, added up."""
        return sum(turn.reward + turn.penalty for turn in self.turns)

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """Equal for episodes that look the same."""
        return self.start, tuple(turn.state for turn in self.turns)


def committed(folder: Path, latest: int = LATEST) -> list[Trajectory]:
    """The committed trajectories of a run folder's latest recorded training steps; none without records."""
    return [
        _walked(record, leaf, step)
        for step, records in _latest(folder / ROLLOUTS, latest)
        for record in records
        for leaf in record["chosen"]
    ]


def validated(folder: Path) -> list[Trajectory]:
    """The episodes of a run folder's latest recorded validation; none if there are no records."""
    return [finished(record, step) for step, records in _latest(folder / VALIDATION, 1) for record in records]


def best_and_worst(trajectories: Iterable[Trajectory], count: int = 3) -> tuple[list[Trajectory], list[Trajectory]]:
    """The ``count`` best and the ``count`` worst, each from other starts as far as there are enough.

    Better is: success, then the higher score, then fewer turns. None stands among both, and of episodes that look the
    same one is shown.
    """
    distinct = list({one.key: one for one in trajectories}.values())
    ranked = sorted(distinct, key=lambda one: (one.success, one.score, -len(one.turns)), reverse=True)
    best = _of_other_starts(ranked, min(count, (len(ranked) + 1) // 2))
    rest = [one for one in reversed(ranked) if one not in best]
    return best, _of_other_starts(rest, count)


def _of_other_starts(ranked: list[Trajectory], count: int) -> list[Trajectory]:
    """The first of each start, then the others, in order of rank."""
    first = {one.start: one for one in reversed(ranked)}
    taken = [one for one in ranked if first[one.start] is one][:count]
    taken += [one for one in ranked if one not in taken][: count - len(taken)]
    return sorted(taken, key=ranked.index)


def _latest(folder: Path, count: int) -> list[tuple[int, list[dict[str, Any]]]]:
    """Step and records of the newest ``step_<n>.jsonl`` files, oldest first."""
    files = sorted(folder.glob("step_*.jsonl"))[-count:]
    return [(int(path.stem.removeprefix("step_")), read_json_lines(path)) for path in files]


def _walked(record: Mapping[str, Any], leaf: int, step: int) -> Trajectory:
    """The path of a recorded search that ends at node ``leaf``; -1 is the start itself."""
    nodes = {node["id"]: node for node in record["nodes"]}
    path = []
    while leaf != -1:
        path.append(nodes[leaf])
        leaf = nodes[leaf]["parent"]
    turns = tuple(
        Turn(node["response"], len(node["actions"]), node["reward"], node["penalty"], node["score"], node["state"])
        for node in reversed(path)
    )
    return Trajectory(step, record["tag"], record["seed"], record["start"], turns, bool(path and path[0]["success"]))


def finished(record: Mapping[str, Any], step: int) -> Trajectory:
    """A recorded episode; see :func:`ragen_tsr.llm_agent.episodes.episode_record`."""
    states = [*(turn["state"] for turn in record["history"]), record["final_state"]]
    turns = tuple(
        Turn(turn["response"], len(turn["actions"]), turn["reward"], turn["penalty"], None, state)
        for turn, state in zip(record["history"], states[1:], strict=True)
    )
    return Trajectory(step, record["tag"], record["seed"], record["start"], turns, record["success"])
