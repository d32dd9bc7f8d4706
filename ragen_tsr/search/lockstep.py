"""Running searches side by side: what they ask for in one turn becomes one list.

Used twice: for the L independent searches of a group, and by the driver for the groups.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from ragen_tsr.search.types import Node

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


def resume(search: Generator[Ask, Answer, Result], answer: Answer | None) -> Ask:
    """Send ``answer`` to a search; None starts it (which the type of ``send`` has no way to say)."""
    return search.send(answer)  # type: ignore[arg-type]


def lockstep(
    searches: Sequence[Generator[list[Ask], list[list[Node]], Result]],
) -> Generator[list[Ask], list[list[Node]], list[Result]]:
    """Advance all searches one turn at a time, and return their results in order.

    Each yield is the concatenation, in the order of ``searches``, of what the searches still running ask for;
    what is sent back is dealt out accordingly. A search sees nothing of its neighbours.
    """
    results: dict[int, Result] = {}
    asked: dict[int, list[Ask]] = {}

    def advance(index: int, answer: list[list[Node]] | None) -> None:
        try:
            asked[index] = resume(searches[index], answer)
        except StopIteration as stop:
            asked.pop(index, None)
            results[index] = stop.value

    for index in range(len(searches)):
        advance(index, None)
    while asked:
        families = yield [ask for asks in asked.values() for ask in asks]
        answers = iter(families)
        for index, asks in list(asked.items()):
            advance(index, [next(answers) for _ in asks])
    return [results[index] for index in range(len(searches))]
