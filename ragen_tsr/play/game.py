"""One episode, turn by turn, with undo.

Decides how a person's words become a response of the agent's form, and when an episode is over. Leaves the rules and
saved states to :class:`~ragen_tsr.llm_agent.es_manager.SearchEnvStateManager`, prompts and the reading of responses
to the context manager, and scores to the scorer: all are those of a run, so that a person meets what the agent meets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from verl import DataProto

from ragen_tsr import backend, scorers
from ragen_tsr.llm_agent.es_manager import Branch, SearchEnvStateManager
from ragen_tsr.llm_agent.search_rollout import score_turn
from ragen_tsr.models.tokenizer import build_tokenizer

UNLIMITED = 1_000_000
"""Tokens of a prompt. The tokenizer here spells in bytes, so that a run's limit would cut where a run does not."""


@dataclass(frozen=True)
class Position:
    """Where the episode stands, and what the turn that led here was worth."""

    branch: Branch
    turn_score: float
    """The scorer's; 0 at the start."""
    total: float
    """What a search would rank by: the sum of the turns' scores, or the last one, as the scorer says."""


class Game:
    """An episode of the configuration's first validation slot, from its start.

    Args:
        config: The composed configuration, with one validation group of one slot.
        seed: Which start (room, map, wish); None: ``seed.val``.

    Raises:
        ValueError: There is no scorer for the environment.
    """

    def __init__(self, config: DictConfig, seed: int | None = None) -> None:
        config = OmegaConf.merge(config, {"actor_rollout_ref": {"rollout": {"max_model_len": UNLIMITED}}})  # type: ignore[assignment]
        self.max_turn = int(config.agent_proxy.max_turn)
        self._think = bool(config.agent_proxy.enable_think)
        self._separator = str(config.agent_proxy.action_sep)
        self._manager = SearchEnvStateManager(config, "val")
        self._prompts = backend.ContextManager(config, build_tokenizer([], 0, 1, UNLIMITED), mode="val")
        self.env_type = self._manager.env_type(0)
        self._scorer = scorers.resolve(config.search.scorer, self.env_type)
        self.rank_by = self._scorer.rank_by
        self.seed = int(config.seed.val) if seed is None else seed
        self._path: list[Position] = []
        self.start(self.seed)

    def start(self, seed: int) -> None:
        """Begin the episode of another seed, or the same one again."""
        self.seed = seed
        self._manager.reset(seed=seed)
        self._path = [Position(self._manager.roots()[0], 0.0, 0.0)]

    @property
    def position(self) -> Position:
        """Where the episode stands."""
        return self._path[-1]

    @property
    def turns(self) -> int:
        """Turns played and not taken back."""
        return len(self._path) - 1

    @property
    def actions_left(self) -> int:
        """Single actions that may still be executed."""
        return int(self.position.branch.cache["history"][-1]["actions_left"])

    @property
    def over(self) -> bool:
        """No turn may follow: the environment's end, the last action, or the last turn."""
        return self.position.branch.done or self.turns == self.max_turn

    @property
    def success(self) -> bool:
        """It ended as it should."""
        return self.position.branch.success

    @property
    def earned(self) -> tuple[float, float]:
        """The environment's rewards so far, and the format penalties."""
        branch = self.position.branch
        return float(sum(branch.status.rewards)), float(branch.cache["penalty"])

    def prompt(self) -> str:
        """What the agent would be sent now, as text with the chat's markers."""
        inputs = self._prompts.get_lm_inputs([self.position.branch.cache], prepare_for_update=False)
        kept = inputs.batch["attention_mask"][0].bool()
        return str(self._prompts.tokenizer.decode(inputs.batch["input_ids"][0][kept]))

    def actions(self) -> list[str]:
        """The actions on offer; where any text is one, those that the environment lists."""
        names = self._names()
        if names:
            return names
        self._manager.place(self.position.branch)
        return [str(action) for action in self._env().get_available_actions()]

    def read(self, words: str) -> list[str]:
        """A person's line as actions.

        Names may be cut short as far as they stay clear, and follow one another after blanks or commas. What is no
        name stays as it is, so that also an error can be played. Where any text is an action, the line is one.
        """
        names = self._names()
        if not names:
            return [words.strip()]
        parts = words.split(self._separator) if self._separator in words else re.split(r"[\s,]+", words)
        return [_whole(part.strip(), names) for part in parts if part.strip()]

    def response(self, actions: Sequence[str]) -> str:
        """The agent's answer that would name these actions, without a thought."""
        answer = f"<answer>{f' {self._separator} '.join(actions)}</answer>"
        return f"<think></think>{answer}" if self._think else answer

    def play(self, response: str) -> Position:
        """Answer the prompt with `response`, opening tag included, and go on to what comes of it.

        Raises:
            ValueError: The episode is over.
        """
        if self.over:
            raise ValueError("the episode is over")
        opening = "<think>" if self._think else "<answer>"
        before = self.position
        answer = {
            "response_texts": np.array([response.removeprefix(opening)], object),
            "env_ids": np.array([before.branch.env_id]),
        }
        [turn] = self._prompts.get_env_inputs(DataProto(non_tensor_batch=answer))
        [branch] = self._manager.extend([before.branch], [turn])
        score = score_turn(self._scorer, self.env_type, before.branch, branch)
        total = before.total + score if self.rank_by == "accumulated" else score
        self._path.append(Position(branch, score, total))
        return self.position

    def undo(self) -> bool:
        """Take the last turn back; False at the start. Played again, the turn has the noise of another sample, unless
        ``env_noise`` is upstream: then it has the same.
        """
        if not self.turns:
            return False
        self._path.pop()
        return True

    def named(self, actions: Sequence[Any]) -> list[str]:
        """Executed actions as a person would write them."""
        lookup = self._lookup()
        return [lookup.get(action, str(action)) for action in actions]

    def _env(self) -> Any:
        return self._manager.envs[0]["env"]

    def _lookup(self) -> dict[Any, str]:
        """Names by number; empty where any text is an action."""
        return dict(getattr(self._env().config, "action_lookup", None) or {})

    def _names(self) -> list[str]:
        return list(self._lookup().values())


def _whole(word: str, names: Sequence[str]) -> str:
    """The one name that `word` begins, else `word`."""
    begun = [name for name in names if name.lower().startswith(word.lower())]
    return begun[0] if len(begun) == 1 else word
