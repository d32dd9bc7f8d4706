"""WebShop's episodes: upstream's goals, pages, actions on offer, rewards and ``info`` under good and under wild play.

A case that searches for one of upstream's markers, or for a word that upstream then mistakes for the name of a page, is
marked; right after such a step it searches anew, so that nothing of it is left in the session.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from recorders import Upstream, webshop
from recorders.webshop import write_data

__all__ = ["CASES", "cases", "write_data"]

CASES = 60
MODES = ("train", "train", "val", "test")
LONGEST = 14
"""Actions of a wandering episode."""
GOAL_KEYS = (
    *("asin", "name", "category", "query", "product_category", "attributes"),
    *("goal_options", "price_upper"),
)
BUTTONS = (
    *("back to search", "< prev", "next >", "description", "features", "reviews", "buy now"),
    *("search", "attributes", "", " "),
)
MALFORMED = (
    *("", " ", "buy", "search", "search[]", "click[]", "[]", "[x]", "][", "think[x]", "🙂[🙂]", "search shoes"),
    *("click(buy now)", "click[buy now", "click buy now]", "Click[buy now]", "click [buy now]", " click[buy now]"),
    *("click[ buy now ]", "click[buy  now]", "click[[buy now]]", "click[buy now]]", "click[a][buy now]", "click[b0]"),
    *("click[buy\nnow]", "\nclick[buy now]", "click[buy now\n]", "click[buy now] and more", "I click[buy now]"),
    *("search［shoes］", "search[ ]", "search[shoes", "search[shoes]\nclick[next >]", "search[a [b] c]", "search[]]"),
    *("search[shoes] search[shirts]", "click[search]"),
)
SIGNS = ("[", "]", "\n", " ", "\r", "\u2028", "\x00", "İ", "ß", "中", "🙂", "'", '"', "<", "&", "\\", "{", "\u00a0")
MARKERS = ("<r>", "<R>", "<q> {query}", "<Q> nothing", "<c> {category}", "<c>", "<a> {query}", "<a>")
PAGE_NAMES = ("search_results", "item_page", "SEARCH_RESULTS", "item_sub_page", "my item_page 2", "done")
BUG_MARKER = "a search marker is carried out, or raises"
BUG_ADDRESS = "the kind of a page is read off an address that has the words searched for in it"


def cases(draw: random.Random, count: int, upstream: Upstream) -> Iterator[dict[str, Any]]:
    """Of 13 episodes six are good play, four wander, one goes beyond the ends of lists, two run into faults."""
    plays = (_buy, _wander, _buy, _wander, _buy, _past_the_end, _buy, _wander, _buy, _marker, _buy, _wander, _address)
    for number in range(count):
        play = plays[number % len(plays)]
        episode = Episode(draw, upstream)
        yield {"kind": play.__name__.strip("_"), **episode.case, **play(draw, episode), "steps": episode.steps}


class Episode:
    """An episode of upstream's that writes itself down; it begins with a reset."""

    def __init__(self, draw: random.Random, upstream: Upstream) -> None:
        self.draw, self.shop = draw, webshop.server(upstream)
        self.env = webshop.new_env(upstream)
        self.steps: list[dict[str, Any]] = []
        asked = {"mode": draw.choice(MODES), "seed": draw.choice([draw.randrange(2**32), draw.randrange(7000)])}
        reset = self._reset(**asked)
        index = int(self.env.session.removeprefix(self.env.session_prefix))
        self.goal = self.shop.goals[index]
        self.case = {
            **asked,
            "init_seed": upstream.seed,
            "shuffle_seed": webshop.SHUFFLE_SEED,
            "goal_index": index,
            "goal": {key: self.goal[key] for key in GOAL_KEYS},
            "goal_product_price": self.shop.product_prices[self.goal["asin"]],
            "instruction": self.goal["instruction_text"],
            "reset": reset,
        }

    @property
    def offered(self) -> list[str]:
        """What can be clicked."""
        return [action.removeprefix("click[")[:-1] for action in self.env.get_available_actions() if action[0] == "c"]

    @property
    def products(self) -> list[str]:
        """The products of the page, as they are clicked on."""
        return [text for text in self.offered if text.upper() in self.shop.product_item_dict]

    def act(self, action: str) -> bool:
        """Take a step; whether it ended the episode."""
        observation, reward, done, info = self.env.step(action)
        step = {"action": action, "observation": observation, "reward": reward, "raw_reward": info["raw_reward"]}
        self.steps.append(step | {"done": done, "info": info, **self._shown()})
        return done

    def click(self, text: str) -> bool:
        """Click on a text, written in one way or another."""
        return self.act(f"click[{self.draw.choice([text, text, text, text.upper(), text.title()])}]")

    def search(self, words: str | None = None) -> bool:
        """Search for these words, or for any."""
        return self.act(f"search[{words or webshop.search_words(self.draw, self.shop)}]")

    def search_anew(self) -> None:
        """An ordinary search, whatever was searched for before."""
        query = self.draw.choice(self.shop.all_products)["query"]
        self.act(f"search[{re.sub(r'[^a-z ]', '', query).strip() or 'shoes'}]")

    def fails(self, action: str) -> None:
        """Take a step that may raise; then the page stays."""
        before = self.env.observation
        try:
            self.act(action)
        except (IndexError, TypeError) as error:
            self.steps.append({"action": action, "raised": type(error).__name__, "observation": before})

    def reset(self) -> None:
        """Begin again with any goal."""
        asked = {"mode": self.draw.choice(MODES), "seed": self.draw.randrange(2**32)}
        self.steps.append({"reset": asked, **self._reset(**asked)})

    def _reset(self, seed: int, mode: str) -> dict[str, Any]:
        returned = self.env.reset(seed=seed, mode=mode)
        return {"returned": returned, "observation": self.env.observation, **self._shown()}

    def _shown(self) -> dict[str, Any]:
        return {"available_actions": self.env.get_available_actions(), "render": self.env.render()}


def _buy(draw: random.Random, episode: Episode) -> dict[str, Any]:
    """Search for words of the goal, open its product or another, look around, choose options, buy; perhaps go on."""
    goal = episode.goal
    product = episode.shop.product_item_dict[goal["asin"]]
    texts = [product["name"], f"{goal['query']} {' '.join(goal['attributes'])}", goal["instruction_text"]]
    episode.search(draw.choice(texts))
    for _ in range(draw.randint(0, 2)):
        if goal["asin"].lower() not in episode.offered:
            episode.click("next >")
    while not (products := episode.products):
        episode.search_anew()
    own = goal["asin"].lower()
    episode.click(own if own in products and draw.random() < 0.8 else draw.choice(products))
    for _ in range(draw.choice([0, 0, 1, 2])):
        _look_around(draw, episode)
    wanted = [value for value in goal["goal_options"].values() if value in episode.offered]
    others = [text for text in episode.offered if text not in BUTTONS]
    chosen = draw.choice([wanted, wanted, wanted[:1], draw.sample(others, min(2, len(others)))])
    for value in draw.sample(chosen, len(chosen)):
        episode.click(value)
    if draw.random() < 0.2:
        _look_around(draw, episode)
    episode.click("buy now")
    if draw.random() < 0.3:
        _after_the_purchase(draw, episode)
    return {}


def _look_around(draw: random.Random, episode: Episode) -> None:
    """Open a sub-page and come back."""
    episode.click(draw.choice(["description", "features", "reviews"]))
    if draw.random() < 0.2:
        episode.act(_nonsense(draw, episode))
    episode.click("< prev")


def _after_the_purchase(draw: random.Random, episode: Episode) -> None:
    ways: tuple[Callable[[], Any], ...] = (
        lambda: episode.click("buy now"),
        lambda: episode.act(_nonsense(draw, episode)),
        lambda: episode.click("back to search"),
        episode.search,
        episode.reset,
    )
    for _ in range(draw.randint(1, 4)):
        draw.choice(ways)()


def _wander(draw: random.Random, episode: Episode) -> dict[str, Any]:
    """What is on offer at random, searches anywhere, and much that is no action or not on offer."""
    wild = draw.choice([0.1, 0.3, 0.8])
    for _ in range(draw.randint(4, LONGEST)):
        offered = [text for text in episode.offered if text != "buy now" or draw.random() < 0.3]
        if draw.random() < wild:
            episode.act(_nonsense(draw, episode))
        elif not offered or draw.random() < 0.15:
            episode.search()
        else:
            episode.click(draw.choice([*offered, draw.choice(offered[:12])]))
        if draw.random() < 0.03:
            episode.reset()
    return {}


def _nonsense(draw: random.Random, episode: Episode) -> str:
    """No action, or one that is not on offer, or one that is on offer with signs in wrong places."""
    elsewhere = draw.choice(episode.shop.all_products)
    values = [value for values in elsewhere["options"].values() for value in values]
    near = draw.choice(
        [*episode.env.get_available_actions(), f"search[{webshop.search_words(draw, episode.shop)}]", ""]
    )
    for _ in range(draw.randint(1, 3)):
        near = webshop.strewn(draw, near, SIGNS)
    action = draw.choice(
        [
            near,
            near,
            draw.choice(MALFORMED),
            draw.choice(MALFORMED),
            f"click[{draw.choice(BUTTONS)}]",
            f"click[{elsewhere['asin']}]",
            f"click[{draw.choice(values or ['large'])}]",
        ]
    )
    first_words = action.lower().replace("[", " ").split()[:3]
    return "nonsense" if {"<r>", "<q>", "<c>", "<a>"} & set(first_words) else action


def _past_the_end(draw: random.Random, episode: Episode) -> dict[str, Any]:
    """Turn pages beyond the end of a list, long or empty, and back, and open what is found there."""
    episode.search(draw.choice([None, "zzzqqq", "the of and", episode.goal["query"], webshop.PIECES[0] * 3]))
    for _ in range(draw.randint(3, 8)):
        episode.act("click[next >]")
    for _ in range(draw.randint(0, 5)):
        episode.click("< prev")
    if episode.offered and draw.random() < 0.5:
        episode.click(draw.choice(episode.offered))
        episode.click("< prev")
    episode.click(draw.choice(["back to search", "next >", "< prev"]))
    return {}


def _marker(draw: random.Random, episode: Episode) -> dict[str, Any]:
    """Searches that upstream takes for commands, each followed by an ordinary one."""
    for _ in range(draw.randint(1, 3)):
        product = draw.choice(episode.shop.all_products)
        episode.fails(f"search[{draw.choice(MARKERS).format(query=product['query'], category=product['category'])}]")
        episode.search_anew()
        episode.click(draw.choice(episode.offered))
        episode.act("click[< prev]")
    return {"upstream_bug": BUG_MARKER}


def _address(draw: random.Random, episode: Episode) -> dict[str, Any]:
    """Searches for words that upstream finds in an address, and goes back from a product and its sub-pages."""
    for _ in range(draw.randint(1, 3)):
        product = draw.choice(episode.shop.all_products)
        episode.search(f"{product['query']} {draw.choice(PAGE_NAMES)}")
        if products := episode.products:
            episode.click(draw.choice(products))
            if draw.random() < 0.6:
                episode.click(draw.choice(["description", "features", "reviews"]))
            episode.act("click[< prev]")
        episode.search_anew()
    return {"upstream_bug": BUG_ADDRESS}
