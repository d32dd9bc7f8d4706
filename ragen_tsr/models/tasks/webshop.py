"""WebShop's task: search, open a product, choose the options, buy.

Decides how a simple shopper plays: search for the whole wish, open the first product that is not too dear, choose each
option that is asked for, turn back where one is missing, buy. Its thoughts name the option that comes next, in the
instruction's own words: which ones have been chosen stands on no page. A random player searches for some first words
and clicks anything that is on offer. Leaves pages and prices to the embedded environment.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig

from ragen_tsr.embedded.env.webshop import WebShopEnv, session
from ragen_tsr.embedded.env.webshop.types import Goal, Product
from ragen_tsr.models.recipe import ModelRecipe, PlayRecipe, Recipe, StageRecipe, TokenizerRecipe
from ragen_tsr.models.tasks.base import Play, Task, make_env

SEARCH = "search[<content>]"
"""How a page offers its search bar."""
BACK, PREVIOUS, BUY = "click[back to search]", "click[< prev]", "click[buy now]"
PRICE = "price"
"""What comes after the last option in an instruction."""
_BUTTONS = "|".join(
    map(re.escape, ("Back to Search", "< Prev", "Next >", "Description", "Features", "Reviews", "Buy Now"))
)
PAGE_CUTS = (
    r"</?(?:think|answer)>",
    # what is the same on every page, as few tokens as can be
    r"(?<=</answer>)[^\n<]+",
    r"[^\n\d<\]]+(?=<(?:think|answer)>)",
    r"(?<=\n)(?![A-Z]\w*:)(?:(?! \[SEP\] )[^\n\d<])+(?=\n)",
    r"(?<=\n)[A-Z]\w*:? (?:\[SEP\] )?",
    rf"(?: \[SEP\] (?:{_BUTTONS}|Rating: N\.A\.))+(?: \[SEP\] )?",
    r"Page \d+ \(Total results: \d+\)",
    rf"(?:click\[(?:{_BUTTONS.lower()})\](?:, )?)+",
    r" ?\[SEP\] ?",
    r"\], ",
    r"(?:click|search)\[",
    # ASINs, in two parts
    r"[Bb]0[0-9A-Za-z]{4}(?=[0-9A-Za-z]{4}\b)",
    r"(?<=\b[Bb]0[0-9A-Za-z]{4})[0-9A-Za-z]{4}\b",
    # instructions: a value never has the blank before it, here or on a page; the other words do, here and in titles
    r", and\b",
    r": ",
    r" ?\$?\d+(?:\.\d+)?",
    r"\n",
    r" ?\w+",
)
"""Words, and longer pieces for what the pages of a shop have in common."""
_SEARCH_FORM = re.compile(r"search\[[^\[\]]+\]", re.IGNORECASE)
_PRICE = re.compile(r", and price ")


@dataclass(frozen=True)
class ShopPosition:
    """A page of a session."""

    text: str
    goal: Goal
    kind: str
    """One of the kinds of `session`."""
    offered: tuple[str, ...]
    """Actions, as the page lists them."""
    products: tuple[tuple[Product, float], ...]
    """Those of a page of results, or the one that is looked at, with their lowest prices."""
    chosen: tuple[tuple[str, str], ...]
    """Options chosen so far, (name, value)."""
    last_reply: str = ""

    @property
    def wish(self) -> str:
        """What the instruction asks for, without the price."""
        return _PRICE.split(self.goal.instruction, maxsplit=1)[0]

    @property
    def missing(self) -> tuple[str, str] | None:
        """The first option that is asked for and not chosen."""
        chosen = dict(self.chosen)
        return next(((name, value) for name, value in self.goal.options.items() if chosen.get(name) != value), None)


class WebShopTask(Task[ShopPosition]):
    """See the module."""

    env_type = "webshop"
    recipe = Recipe(
        play=PlayRecipe(tag="WebShop", max_turn=9),
        segments=StageRecipe(
            samples=8_000, batch=32, steps=250, solver_share=0.9, matrix_rate=0.02, other_rate=4e-3, parts=4
        ),
        chats=StageRecipe(
            samples=320, batch=8, steps=40, solver_share=0.85, matrix_rate=0.01, other_rate=2e-3, parts=4
        ),
        tokenizer=TokenizerRecipe(vocab_size=6_000, episodes=128, positions=2_000),
        model=ModelRecipe(hidden_size=96, intermediate_size=192, layers=3, heads=3, rope_theta=1e6, copying=True),
    )
    cuts = PAGE_CUTS
    code = (__name__,)

    def position(self, env: Any) -> ShopPosition:
        """Where a session of the embedded environment stands."""
        if not isinstance(env, WebShopEnv):
            raise TypeError(f"{type(env)!r}: the tiny policy learns from ragen_tsr's own WebShop environment only")
        state, offered = env.state, tuple(env.get_available_actions())
        asins = [click.value for click in env.pages.page(state).clicks.values() if click.target == "product"]
        if state.kind == session.ITEM:
            asins = [state.asin]
        products = tuple((product, min(product.price_range)) for product in map(env.pages.product, asins))
        return ShopPosition(env.render(), env.goal, state.kind, offered, products, state.options)

    def solve(self, position: ShopPosition, length: int, rng: random.Random) -> list[str]:
        """What the shopper does next; one action."""
        if SEARCH in position.offered:
            return [f"search[{position.wish}]"]
        if position.kind == session.RESULTS:
            best = _best(position)
            return [f"click[{best.asin.lower()}]" if best else BACK]
        if position.kind == session.ITEM:
            if position.missing is None:
                return [BUY]
            name, value = position.missing
            ((product, _),) = position.products
            return [f"click[{value}]" if value in product.options.get(name, ()) else PREVIOUS]
        return [PREVIOUS] if PREVIOUS in position.offered else []

    def remark(self, position: ShopPosition) -> str:
        """The option that comes next, after the one before it: word for word as in the instruction."""
        if position.kind != session.ITEM:
            return ""
        asked = [*position.goal.options.items()]
        done = asked.index(position.missing) if position.missing else len(asked)
        following = ": ".join(position.missing) if position.missing else PRICE
        return f": {asked[done - 1][1]}, and {following}" if done else f" with {following}"

    def wander(self, position: ShopPosition, length: int, rng: random.Random) -> list[str]:
        """A search for some first words of the instruction, or any click on offer; one action."""
        if SEARCH in position.offered:
            words = position.goal.instruction.split()
            return [f"search[{' '.join(words[: rng.randint(1, len(words))])}]"]
        return [rng.choice(position.offered)] if position.offered else []

    def walk(
        self, config: DictConfig, seed: int, rng: random.Random, play: Play[ShopPosition]
    ) -> Iterator[ShopPosition]:
        """All pages of demonstrated episodes."""
        env, turns = make_env(config, self.recipe.play.tag), self.recipe.play.max_turn
        while True:
            env.reset(seed=seed)
            seed += 1
            reply = ""
            for turn in range(turns):
                position = replace(self.position(env), last_reply=reply)
                yield position
                demonstrated = play(position, turns - turn)
                _, _, done, _ = env.step(demonstrated.actions[0])
                if done:
                    break
                reply = demonstrated.reply

    def legal(self, position: ShopPosition, actions: Sequence[str]) -> list[str]:
        """What is on offer; a search with any words where there is a search bar."""
        return [
            action
            for action in actions
            if action.lower() in position.offered or (SEARCH in position.offered and _SEARCH_FORM.fullmatch(action))
        ]


def _best(position: ShopPosition) -> Product | None:
    """The first product of a page of results that is affordable, or the first one; None if the page is empty."""
    affordable = [product for product, price in position.products if price <= position.goal.price_upper]
    return next(iter(affordable or [product for product, _ in position.products]), None)
