"""One driver for all groups: their searches advance together, and each turn is one batch.

The driver decides nothing about the search. It merges what the groups ask for, checks what comes back, and
writes the fate of every node when its group is finished. Redraws are answered before the next turn, so a
search that asks for one keeps step with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from ragen_tsr.search.lockstep import lockstep, resume
from ragen_tsr.search.types import Expansion, Fate, Node, Redraw, Search, is_redraw, path

Request = tuple[int, Expansion]
"""An expansion and the index of the group that wants it."""

Expand = Callable[[list[Request]], list[list[Node]]]
"""Samples, plays and scores one turn: the children of every request, in the order of requests."""

Finished = Callable[[int, list[Node]], None]
"""Told the index of a group whose search is over, and the leaves it chose."""

Again = Callable[[list[tuple[int, Redraw]]], list[list[Node]]]
"""Plays the last turn of every requested node again with fresh noise: one node each, in the order of
requests."""


def drive(
    searches: Sequence[Search], expand: Expand, redraw: Again | None = None, finished: Finished | None = None
) -> list[list[Node]]:
    """Run the searches of all groups to their ends with one ``expand`` call a turn.

    Args:
        searches: One a group.
        expand: Answers expansions.
        redraw: Answers redraws; only strategies that draw noise again need it.
        finished: Told of each group as soon as its search is over, while others go on.

    Returns:
        For each search, the L leaves it chose; leaf i belongs to slot i.

    Raises:
        ValueError: If a request is not answered with as many nodes as it asks for, or a redraw is wanted and
            there is no ``redraw``.
    """
    together = lockstep(
        [_labelled(group, search, finished) for group, search in enumerate(searches)],
        lambda request: is_redraw(request[1]),
    )
    made: list[Node] = []
    families: list[list[Node]] | None = None
    while True:
        try:
            requests = resume(together, families)
        except StopIteration as stop:
            _settle(made, stop.value)
            return stop.value
        families = _answer(requests, expand, redraw)
        wanted, given = [ask.samples for _, ask in requests], [len(family) for family in families]
        if wanted != given:
            raise ValueError(f"nodes wanted of each request: {wanted}; given: {given}")
        made.extend(node for family in families for node in family)


def _answer(requests: list[tuple[int, Any]], expand: Expand, redraw: Again | None) -> list[list[Node]]:
    if not is_redraw(requests[0][1]):
        return expand(requests)
    if redraw is None:
        raise ValueError("a strategy wants a turn's noise drawn again, and drive() was given nothing that does")
    return redraw(requests)


def _labelled(
    group: int, search: Search, finished: Finished | None
) -> Generator[list[tuple[int, Any]], list[list[Node]], list[Node]]:
    """The same search, with its group's index beside every expansion."""
    families: list[list[Node]] | None = None
    while True:
        try:
            asks = resume(search, families)
        except StopIteration as stop:
            if finished is not None:
                finished(group, stop.value)
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
