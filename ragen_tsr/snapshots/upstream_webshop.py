"""Snapshots of upstream's WebShop adapter over ``webshop_minimal``: one session, taken out of the shop's server.

The server (catalogue, index, goals) belongs to the process and is only named. It keeps a record of every session under
a name that is the object's own prefix and the goal's number; a session is restored under the name that the object it
is restored into would have, so that two objects never write into one record. The page's source and address are kept
with that name left out; equal sources are one string.

A search that begins with ``<r>`` draws products from Python's global generator: that noise is the process's, not the
session's, and is not saved. Nothing of upstream is imported: the type is registered by its full name.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from .registry import register

NAMELESS = "\x00session\x00"
"""Stands for the session's name."""
SEPARATOR = " [SEP] "
DONE = "done"
"""How the address of the page after a purchase begins."""

_BUY_BUTTON = re.compile(r"(?:^|\[SEP\]|>)\s*Buy Now\s*(?:$|\[SEP\]|<)")


class SessionRecord:
    """The server's record of a session, with containers of its own."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = _with_own_containers(values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def copy(self) -> dict[str, Any]:
        """A record that the server may change."""
        return _with_own_containers(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, SessionRecord) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._values["asin"], self._values["page"], len(self._values["options"])))

    def __repr__(self) -> str:
        return f"SessionRecord({self._values!r})"


def _with_own_containers(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a record, the goal by reference: it is the server's."""
    return {key: value if key == "goal" else copy.copy(value) for key, value in values.items()}


class UpstreamWebShopState(NamedTuple):
    """Everything that an episode of upstream's WebShop goes on from."""

    server: Any
    """The process's shop; compared by identity."""
    number: str
    """The session's name without the object's prefix."""
    address: str
    """Of the page, with :data:`NAMELESS` for the session's name."""
    source: str
    """Of the page, likewise."""
    record: SessionRecord
    shown_instruction: str
    rendered: str
    """What the model is shown."""
    pages: tuple[str, ...]
    """Every page of the episode so far as it was observed, the present one last."""
    actions: tuple[str, ...]

    @property
    def instruction(self) -> str:
        """The sentence that the episode pursues."""
        return self.record["goal"]["instruction_text"]

    @property
    def wanted(self) -> tuple[str, ...]:
        """The option values asked for."""
        options = self.record["goal"]["goal_options"]
        return tuple(options.values() if isinstance(options, Mapping) else options)

    @property
    def chosen(self) -> frozenset[str]:
        """The option values chosen on the product that is looked at."""
        return frozenset(self.record["options"].values())

    @property
    def opened(self) -> bool:
        """A product page has been opened in this episode."""
        return bool(self.record["asins"]) or any(map(_is_product, self.pages))

    @property
    def bought(self) -> float | None:
        """What the purchase was worth, 0 to 1; None if the page is not the one after a purchase."""
        kind = self.address.removeprefix(self.server.base_url).split("/")[1]
        return self.record["reward"] if kind == DONE else None

    @property
    def text(self) -> str:
        """The texts of the page, without the instruction that stands before them."""
        page = self.pages[-1]
        _, found, body = page.partition(f"{self.instruction.strip()}{SEPARATOR}")
        return body if found else page


@lru_cache(maxsize=4096)
def _is_product(page: str) -> bool:
    """Whether a page, as text or as HTML, has the button that only products' pages have."""
    return _BUY_BUTTON.search(page) is not None


@register("ragen.env.webshop.env.WebShopEnv")
class UpstreamWebShopSnapshotter:
    """Saves and restores :class:`UpstreamWebShopState`; pages are deterministic, so there is no ``reseed``."""

    mergeable = True
    reseed = None

    def save(self, env: Any) -> UpstreamWebShopState:
        """The session of a ``ragen.env.webshop.env.WebShopEnv``; ``RuntimeError`` before its first reset."""
        browser, name = env.browser, env.session
        if name is None or browser.page_source is None:
            raise RuntimeError("the environment has no page yet: call reset(seed, mode) first")
        return UpstreamWebShopState(
            server=env.server,
            number=name.removeprefix(env.session_prefix),
            address=browser.current_url.replace(name, NAMELESS),
            source=sys.intern(browser.page_source.replace(name, NAMELESS)),
            record=SessionRecord(env.server.user_sessions[name]),
            shown_instruction=env.instruction_text,
            rendered=env.render_cache,
            pages=tuple(env.prev_obs),
            actions=tuple(env.prev_actions),
        )

    def restore(self, env: Any, snapshot: UpstreamWebShopState) -> None:
        """Go on from ``snapshot`` under the object's own name; ``ValueError`` if it is of another shop."""
        if snapshot.server is not env.server:
            raise ValueError("the state was made in another shop: allowed are states of the environment's own server")
        name = env.session_prefix + snapshot.number
        env.server.user_sessions[name] = snapshot.record.copy()
        env.session = env.browser.session_id = name
        env.browser.current_url = snapshot.address.replace(NAMELESS, name)
        env.browser.page_source = snapshot.source.replace(NAMELESS, name)
        env.instruction_text, env.render_cache = snapshot.shown_instruction, snapshot.rendered
        env.prev_obs, env.prev_actions = list(snapshot.pages), list(snapshot.actions)
        env.text_to_clickable = None  # every step reads it off the page first
