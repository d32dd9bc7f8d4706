"""One driver for all groups: their searches advance together, and each turn is one batch.

The driver decides nothing about the search. It merges what the groups ask for, checks what comes back, and
writes the fate of every node when its group is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence

from ragen_tsr.search.lockstep import lockstep, resume
from ragen_tsr.search.types import Expansion, Fate, Node, Search, path

Request = tuple[int, Expansion]
"""An expansion and the index of the group that wants it."""

Expand = Callable[[list[Request]], list[list[Node]]]
"""Samples, plays and scores one turn: the children of every request, in the order of requests."""


def drive(searches: Sequence[Search], expand: Expand) -> list[list[Node]]:
    """Run the searches of all groups to their ends with one ``expand`` call a turn.

    Returns:
        For each search, the L leaves it chose; leaf i belongs to slot i.

    Raises:
        ValueError: If ``expand`` does not answer every request with as many children as it asks for.
    """
    together = lockstep([_labelled(group, search) for group, search in enumerate(searches)])
    made: list[Node] = []
    families: list[list[Node]] | None = None
    while True:
        try:
            requests = resume(together, families)
        except StopIteration as stop:
            _settle(made, stop.value)
            return stop.value
        families = expand(requests)
        wanted, given = [ask.samples for _, ask in requests], [len(family) for family in families]
        if wanted != given:
            raise ValueError(f"children wanted of each expansion: {wanted}; given: {given}")
        made.extend(node for family in families for node in family)


def _labelled(group: int, search: Search) -> Generator[list[Request], list[list[Node]], list[Node]]:
    """The same search, with its group's index beside every expansion."""
    families: list[list[Node]] | None = None
    while True:
        try:
            asks = resume(search, families)
        except StopIteration as stop:
            return stop.value
        families = yield [(group, ask) for ask in asks]


def _settle(made: Iterable[Node], chosen: Iterable[Iterable[Node]]) -> None:
    """Write what became of each node: on a committed path, merged, or pruned."""
    for node in made:
        if node.fate is Fate.LIVE:
            node.fate = Fate.PRUNED
    for leaves in chosen:
        for leaf in leaves:
            for node in path(leaf):
                node.fate = Fate.CHOSEN
