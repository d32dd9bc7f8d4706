"""WebShop's scorer: milestones reached and words found, since its reward comes only with the purchase (paper, eq. 15).

``alpha * progress + beta * sim``, both in [0, 1].

*Progress* is the share of the goal's milestones that the episode has reached: a product page, each option that the
instruction asks for, and the purchase of what was asked for. A product page once opened stays reached, so that leaving
a wrong product costs nothing. An option counts for as long as it is chosen: leaving the product clears the choice, and
with it the milestone. The paper has an indicator in place of the share; the share tells two beams apart that are both
under way.

*Sim* is the share of the instruction's keywords that stand on the page. Its price and common words are no keywords, and
the instruction itself, which every page repeats, is not searched.

A purchase of the wrong thing ends the episode without success and scores 0, the least there is: its milestones lead
nowhere. (The order of preference of :mod:`ragen_tsr.search` puts live nodes before it anyhow.) A purchase of the right
thing scores ``alpha + beta``, the most there is.

Reads the snapshot, of this project's environment or of upstream's adapter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from ragen_tsr.embedded.env.webshop import WebShopState, pages_of, session
from ragen_tsr.scorers.registry import register
from ragen_tsr.scorers.types import EnvView, RankBy, Turn
from ragen_tsr.snapshots.upstream_webshop import UpstreamWebShopState

COMMON_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "but",
        "buy",
        "by",
        "can",
        "could",
        "do",
        "find",
        "for",
        "from",
        "get",
        "give",
        "has",
        "have",
        "i",
        "i'd",
        "i'm",
        "if",
        "in",
        "is",
        "it",
        "its",
        "like",
        "look",
        "looking",
        "me",
        "my",
        "need",
        "of",
        "on",
        "one",
        "or",
        "our",
        "please",
        "shop",
        "should",
        "show",
        "some",
        "something",
        "that",
        "the",
        "their",
        "them",
        "there",
        "these",
        "this",
        "to",
        "want",
        "wanting",
        "we",
        "which",
        "will",
        "with",
        "would",
        "you",
        "your",
    }
)
"""Words of an instruction that say nothing about the product."""

_PRICE = re.compile(r",? *(?:and )?price (?:lower|less) than [\d.,]*\d(?: dollars?)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@register("webshop")
@dataclass(frozen=True)
class WebShopScorer:
    """Equation 15, with the latest value standing for the branch."""

    alpha: float = 1.0
    """Weight of progress. The default lets one milestone of a goal with up to two options (four milestones)
    outweigh any difference in words."""
    beta: float = 0.25
    """Weight of sim."""

    rank_by: ClassVar[RankBy] = "last"

    def __post_init__(self) -> None:
        for key in ("alpha", "beta"):
            value = getattr(self, key)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
                raise ValueError(f"search.scorer.{key}={value!r}: must be a number > 0")

    def __call__(self, before: EnvView, turn: Turn, after: EnvView) -> float:
        now = facts(after.snapshot)
        if now.bought is not None:
            return self.alpha + self.beta if now.bought >= 1.0 else 0.0
        return self.alpha * progress(now) + self.beta * similarity(now)


class Facts(NamedTuple):
    """What is scored of a session, whichever environment it is of."""

    instruction: str
    wanted: tuple[str, ...]
    """The option values asked for."""
    chosen: frozenset[str]
    """The option values chosen on the product that is looked at."""
    opened: bool
    """A product page has been opened in this episode."""
    bought: float | None
    """What the purchase was worth, 0 to 1; None while nothing has been bought."""
    text: str
    """The texts of the page, without the instruction."""


def facts(state: Any) -> Facts:
    """What a snapshot says of its session; ``TypeError`` for a snapshot of an environment that is not known."""
    if isinstance(state, WebShopState):
        pages = pages_of(state.shop)
        goal = pages.shop.goals[state.goal]
        bought = state.reward if state.kind == session.DONE else None
        chosen = frozenset(value for _, value in state.options)
        wanted = tuple(goal.options.values())
        return Facts(goal.instruction, wanted, chosen, state.opened, bought, pages.page(state).body)
    if isinstance(state, UpstreamWebShopState):
        return Facts(*(getattr(state, name) for name in Facts._fields))
    raise TypeError(
        f"the scorer of webshop got a snapshot of type {type(state).__name__}: allowed are those of the embedded "
        f"environment ({WebShopState.__name__}) and of upstream's ({UpstreamWebShopState.__name__})"
    )


def progress(now: Facts) -> float:
    """Share of its goal's milestones that a session has reached, in [0, 1]."""
    if now.bought is not None and now.bought >= 1.0:
        return 1.0
    return (now.opened + sum(value in now.chosen for value in now.wanted)) / (len(now.wanted) + 2)


def similarity(now: Facts) -> float:
    """Share of the instruction's keywords on the page that a session shows, in [0, 1]."""
    wanted = keywords(now.instruction)
    if not wanted:
        return 0.0
    return len(wanted & _words(now.text)) / len(wanted)


@lru_cache(maxsize=4096)
def keywords(instruction: str) -> frozenset[str]:
    """The words of an instruction that say something about the product, in lower case."""
    return _words(_PRICE.sub(" ", instruction)) - COMMON_WORDS


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
