"""What an action means and what it does to a session.

Decides how a text is read as an action, which ones are ignored, and the state that follows. What a page
offers is decided in :mod:`.pages`; rewards of a turn and the record of it in :mod:`.env`.
"""

from __future__ import annotations

from typing import NamedTuple

from . import session
from .index import is_marker
from .pages import Click, Page, Pages
from .session import WebShopState


class Action(NamedTuple):
    """A text read as ``name[argument]``; an argument of ``None`` means that it has not that form."""

    name: str
    argument: str | None


def read(text: str) -> Action:
    """Read a text, in linear time.

    Only its first line counts. The argument ends at the last closing bracket and begins after the last opening one that
    leaves an argument and a name; it is put in lower case. What stands before that bracket is the name, what follows
    the argument is ignored.
    """
    line = text.partition("\n")[0]
    end = line.rfind("]")
    start = line.rfind("[", 1, max(end - 1, 0))
    return Action(text, None) if start < 0 else Action(line[:start], line[start + 1 : end].lower())


class Outcome(NamedTuple):
    """What an action came to."""

    state: WebShopState
    carried_out: bool
    """Something happened, if only that a chosen option was chosen again; ignored actions did nothing."""
    valid: bool
    """It was one of those on offer."""
    purchase: dict | None = None
    """The parts of the reward, if this was a purchase."""


def follow(pages: Pages, state: WebShopState, page: Page, action: Action) -> Outcome:
    """Carry an action out on ``page``, the page of ``state``.

    Searching works on every page, also where it is not on offer and after the purchase. A search whose first
    word is a marker such as ``<r>`` is ignored: upstream takes it for a command, or fails.
    """
    name, argument = action
    here = state if state.kind != session.START else state._replace(kind=session.SEARCH)
    if argument is not None and name == "search" and not is_marker(argument):
        found = WebShopState(state.shop, state.goal, session.RESULTS, words=argument, number=1, opened=state.opened)
        return Outcome(found, True, state.kind in (session.START, session.SEARCH))
    if argument is not None and name == "click" and argument in page.clicks:
        click = page.clicks[argument]
        if click.target != "buy":
            return Outcome(_clicked(here, click), True, True)
        reward, parts = pages.purchase(state)
        bought = state._replace(kind=session.DONE, words="", number=0, reward=float(reward))
        return Outcome(bought, True, True, parts)
    return Outcome(here, False, False)


def _clicked(state: WebShopState, click: Click) -> WebShopState:
    target = click.target
    if target == "option":
        options = {**dict(state.options), click.name: click.value}
        return state._replace(options=tuple(sorted(options.items())))
    if target == "product":
        return state._replace(kind=session.ITEM, asin=click.value, opened=True)
    if target == "next":
        return state._replace(number=state.number + 1)
    if target == "back":
        return WebShopState(state.shop, state.goal, session.SEARCH, opened=state.opened)
    if target in session.SUB_PAGES:
        return state._replace(kind=target)
    # previous: from a sub-page to the item, from the item to its list, in the list to the page before
    if state.kind in session.SUB_PAGES:
        return state._replace(kind=session.ITEM)
    if state.kind == session.ITEM:
        return state._replace(kind=session.RESULTS, asin="", options=())
    return state._replace(number=state.number - 1)
