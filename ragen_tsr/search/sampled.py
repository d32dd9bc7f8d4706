"""What an agent would see that took, at each turn, one of the sampled turns at random: what a search is measured by.

For plain sampling this is what happened. Only the shape of a tree counts here; what a turn's value is (its reward,
whether it solved the task) is the caller's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


def running_sums(turns: Iterable[tuple[int, bool, float]]) -> list[float]:
    """Sums from the first turn on: the mean value of the turns sampled there, weighted by the share still going on.

    Args:
        turns: ``(turn, done, value)`` of every sampled node; turns count from 1.

    Returns:
        Entry t is the sum over the first t + 1 turns; the last one is the episode's.
    """
    levels: dict[int, list[tuple[bool, float]]] = defaultdict(list)
    for turn, done, value in turns:
        levels[turn].append((done, value))
    sums, total, going_on = [], 0.0, 1.0
    for turn in sorted(levels):
        level = levels[turn]
        total += going_on * sum(value for _, value in level) / len(level)
        going_on *= 1.0 - sum(done for done, _ in level) / len(level)
        sums.append(total)
    return sums
