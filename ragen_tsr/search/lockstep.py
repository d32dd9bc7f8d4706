"""Running searches side by side: what they ask for in one turn becomes one list.

Used twice: for the L independent searches of a group, and by the driver for the groups.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
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
    first: Callable[[Ask], bool],
) -> Generator[list[Ask], list[list[Node]], list[Result]]:
    """Advance all searches one turn at a time, and return their results in order.

    Each yield is the concatenation, in the order of ``searches``, of what the searches still running ask for;
    what is sent back is dealt out accordingly. Lists of which ``first`` holds come before the others, in
    yields of their own, so that a search which waits for them misses no turn. A search sees nothing of its
    neighbours.

    Args:
        searches: Each asks with lists of which ``first`` holds for all items or for none.
        first: Which wishes are not to wait for the turn of all.
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
        turn = {index: asks for index, asks in asked.items() if first(asks[0])} or dict(asked)
        families = yield [ask for asks in turn.values() for ask in asks]
        answers = iter(families)
        for index, asks in turn.items():
            advance(index, [next(answers) for _ in asks])
    return [results[index] for index in range(len(searches))]
