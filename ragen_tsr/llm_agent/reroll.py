"""How much of a committed trajectory was luck: its turns are played again, with noise that no search saw.

Measures and decides nothing. The same turns under other noise are not what the policy would have done under
it: it would have answered to what it saw. So the two returns may differ without any search too, by what
answering is worth; what a search adds to that difference is the luck that it selected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragen_tsr.llm_agent.es_manager import Branch, SearchEnvStateManager
from ragen_tsr.llm_agent.noise import Purpose
from ragen_tsr.snapshots import snapshot_for


@dataclass(frozen=True, slots=True)
class Rerolled:
    """How a trajectory ended when it was played again."""

    return_: float
    success: bool
    env_steps: int
    """Actions executed to find out."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What is to be committed to a slot."""

    start: Branch
    """Where the slot stood after ``reset``."""
    end: Branch
    answers: Sequence[Mapping[str, Any]]
    """The parsed responses that led from one to the other, turn by turn."""


def reroll(
    es_manager: SearchEnvStateManager, trajectories: Sequence[Trajectory], draws: int
) -> list[list[Rerolled]] | None:
    """Play each slot's trajectory again, ``draws`` times; noise follows from run, group, slot and draw alone.

    The turns are played as they were answered, by the manager's own rules: also actions that the committed
    outcome cut off, while the action limit counts what is executed now. An episode that ends early leaves
    the rest unplayed; one that is not over after its last turn stays unfinished, which is no success.
    Deterministic environments are not played: their trajectories end as they did.

    Args:
        es_manager: Its slots are left anywhere: commit afterwards.
        trajectories: One a slot, in slot order.
        draws: How often each is played.

    Returns:
        Per slot its outcomes (the committed one for a deterministic environment); None if the noise of one
        of the environments cannot be replaced.
    """
    snapshotters = [snapshot_for(entry["env"]) for entry in es_manager.envs]
    if any(found.reseed is None and not found.mergeable for found in snapshotters):
        return None
    results: list[list[Rerolled]] = [
        [] if found.reseed is not None else [Rerolled(sum(trajectory.end.status.rewards), trajectory.end.success, 0)]
        for found, trajectory in zip(snapshotters, trajectories, strict=True)
    ]
    noisy = [slot for slot, known in enumerate(results) if not known]
    for draw in range(draws):
        for slot in noisy:
            start = trajectories[slot].start
            es_manager.place(start, slot, noise=(*es_manager.start_key(Purpose.REROLL, start), draw, slot))
        _play(es_manager, {slot: trajectories[slot].answers for slot in noisy})
        for slot in noisy:
            status = es_manager.envs[slot]["status"]
            success = bool(status.terminated and not status.truncated)
            results[slot].append(Rerolled(sum(status.rewards), success, status.num_actions))
    return results


def _play(es_manager: SearchEnvStateManager, answers: Mapping[int, Sequence[Mapping[str, Any]]]) -> None:
    """Give each slot its answers, turn by turn, until they or its episode are over."""
    playing, turn = list(answers), 0
    while inputs := [{**answers[slot][turn], "env_id": slot} for slot in playing if turn < len(answers[slot])]:
        playing = [int(output["env_id"]) for output in es_manager.step(inputs)]
        turn += 1
