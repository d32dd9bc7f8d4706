"""The WebShop environment: a session in a shop that all environments of a process share.

Decides what a step returns and what the model is shown, as RAGEN's adapter of WebShop does: the reward is 1
for a purchase of exactly what was asked for and 0 otherwise. Pages come from :mod:`.pages`, the meaning of
actions from :mod:`.actions`, the worth of a purchase from :mod:`.reward`.
"""

from __future__ import annotations

import random
from typing import Any

from ..base import BaseLanguageBasedEnv
from . import session
from .actions import follow, read
from .config import WebShopEnvConfig
from .pages import SEPARATOR, Pages, options_as_json, pages_of
from .session import WebShopState
from .types import Goal

RANDOM_SEEDS = 2**32


class WebShopEnv(BaseLanguageBasedEnv):
    """WebShop, observed as text and acted on by text: ``search[words]`` and ``click[button]``.

    An object is one session: its settings, and a state of a few words. Unlike upstream's it has no page
    before ``reset``.
    """

    def __init__(self, config: WebShopEnvConfig | None = None) -> None:
        self.config = config or WebShopEnvConfig()
        self.wording = self.config.sentences
        self.pages: Pages = pages_of(self.config.shop)
        self._state: WebShopState | None = None

    def reset(self, seed: int | None = None, mode: str = "train") -> str:  # type: ignore[override]
        """Start an episode; returns an empty string, as upstream does: :meth:`render` and
        :attr:`observation` show the page.

        Args:
            seed: Which goal of the split is pursued; ``None`` draws one.
            mode: ``train``, ``val`` or ``test``: which split of the goals.

        Raises:
            ValueError: Another mode, or a seed that is no whole number from 0.
        """
        if seed is None:
            seed = random.SystemRandom().randrange(RANDOM_SEEDS)
        if not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed={seed!r}: allowed are None and whole numbers from 0")
        goal = self.pages.shop.goal_index(mode, seed)
        self._state = WebShopState(self.config.shop, goal)
        return ""

    def step(self, action: str) -> tuple[str, float, bool, dict[str, Any]]:
        """Execute one action; a text that is none is ignored.

        Returns:
            The page; 1.0 if this bought what was asked for, else 0.0; whether it was a purchase; and ``info``:
            the parts of a purchase's worth, then ``reward``, ``raw_reward`` (the worth; the integer 0 when
            the action was ignored), ``action_is_effective`` (the text changed), ``action_is_valid`` (it was
            on offer), ``success``, ``success_purchase`` (something was bought), ``success_find``,
            ``end_of_page`` (only back to search and previous are on offer).
        """
        before = self.state
        outcome = follow(self.pages, before, self.pages.page(before), read(action))
        self._state = after = outcome.state
        bought = outcome.purchase is not None
        raw: float = after.reward if bought else 0.0 if outcome.carried_out else 0
        reward = 1.0 if raw >= 1.0 else 0.0
        success = int(reward)
        observation = self.observation
        info = {
            **(outcome.purchase or {}),
            "reward": reward,
            "raw_reward": raw,
            "action_is_effective": observation != self._observation(before),
            "action_is_valid": outcome.valid,
            "success": success,
            "success_purchase": int(bought),
            "success_find": success,
            "end_of_page": int(self.pages.page(after).end_of_page),
        }
        return observation, reward, bought, info

    def render(self, mode: str | None = None) -> str:
        """What the model is shown: the page, the hints, and the actions on offer; before the first action
        the instruction in place of the page.
        """
        state = self.state
        shown = f"Instruction: {self.goal.instruction}" if state.kind == session.START else self.observation
        return self.wording.prompt(shown, self.pages.page(state).offered)

    def get_available_actions(self) -> list[str]:
        """The actions on offer; ``search[<content>]`` stands for a search of any words."""
        return list(self.pages.page(self.state).offered)

    @property
    def observation(self) -> str:
        """The text of the page."""
        return self._observation(self.state)

    @property
    def goal(self) -> Goal:
        """What this episode asks for."""
        return self.pages.shop.goals[self.state.goal]

    @property
    def state(self) -> WebShopState:
        """The state of the episode; assigning it goes on from there.

        Only a state of a session in the same shop can be assigned (``ValueError``). ``RuntimeError`` before
        the first reset.
        """
        if self._state is None:
            raise RuntimeError("the environment has no page yet: call reset(seed, mode) first")
        return self._state

    @state.setter
    def state(self, state: WebShopState) -> None:
        if state.shop != self.config.shop:
            raise ValueError(f"the state was made in {state.shop!r}: allowed are states of {self.config.shop!r}")
        self._state = state

    def _observation(self, state: WebShopState) -> str:
        if state.kind == session.DONE:
            texts = self.wording.done_texts(state.asin, options_as_json(state.options), str(state.reward))
            return SEPARATOR.join(text.strip() for text in texts)
        instruction = f"Instruction:{SEPARATOR}{self.pages.shop.goals[state.goal].instruction.strip()}{SEPARATOR}"
        title = f"WebShop{SEPARATOR}" if state.kind in (session.START, session.SEARCH) else ""
        return title + instruction + self.pages.page(state).body
