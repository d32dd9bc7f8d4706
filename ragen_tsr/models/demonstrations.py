"""Turns and episodes that the tiny policy learns from.

Decides what a demonstrated turn says, and plays whole episodes of such turns. Leaves what is done in a turn to
the environment's `Task`, and the game, its limits and the text of every prompt to the run's own
`EnvStateManager` and `ContextManager`, so that what is learnt is what will be asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from transformers import PreTrainedTokenizerBase
from verl import DataProto

from ragen_tsr import backend
from ragen_tsr.models.recipe import PlayRecipe
from ragen_tsr.models.tasks.base import Task, Turn

#: Stands for the position while a prompt's tail is read off; no prompt contains it.
_MARK = "<<position>>"


UNLIMITED = 1_000_000
"""Tokens. A tokenizer that has learnt nothing yet spells prompts in bytes: nothing may be cut off."""


@dataclass(frozen=True)
class Chat:
    """An episode as the policy saw it: its last prompt, with all that was before, and its last response."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]


class Demonstrator:
    """Plays turns: the solver's with probability `solver_share`, else random ones.

    Args:
        task: what solver and random player do.
        play: thoughts and lengths.
        config: the run's configuration; reads ``agent_proxy``.
    """

    def __init__(
        self, task: Task[Any], play: PlayRecipe, config: DictConfig, solver_share: float, rng: random.Random
    ) -> None:
        proxy = config.agent_proxy
        self._task = task
        self._play = play
        self._think = bool(proxy.enable_think)
        self._separator = f" {proxy.action_sep} "
        self._most = min(play.max_actions, int(proxy.max_actions_per_turn))
        self._least = min(play.min_actions, self._most)
        self._share = solver_share
        self._rng = rng

    def turn(self, position: Any, actions_left: int) -> Turn:
        """One turn."""
        length = min(self._rng.randint(self._least, self._most), actions_left)
        thought, actions = "", []
        if self._rng.random() < self._share and (actions := self._task.solve(position, length, self._rng)):
            thought = self._play.thought_solver + self._task.remark(position)
        else:
            thought, actions = self._play.thought_random, self._task.wander(position, length, self._rng)
        answer = self._separator.join(actions) + "</answer>"
        return Turn(actions, f"{thought}</think><answer>{answer}" if self._think else answer)


def demonstration_config(config: DictConfig, play: PlayRecipe, groups: int) -> DictConfig:
    """`config` with `groups` training environments of the recipe's tag, one slot each, and its seeds."""
    if play.tag not in config.custom_envs:
        known = sorted(map(str, config.custom_envs))
        raise ValueError(f"the tiny policy plays custom_envs.{play.tag}, which is missing; custom_envs has {known}")
    changes = {
        "es_manager": {
            "train": {
                "env_groups": groups,
                "group_size": 1,
                "env_configs": {"tags": [play.tag], "n_groups": [groups]},
            },
            "val": {
                "env_groups": groups,
                "group_size": 1,
                "env_configs": {"tags": [play.tag], "n_groups": [groups]},
            },
        },
        "agent_proxy": {"max_turn": play.max_turn},
        "seed": {"train": play.first_seed, "val": play.first_seed},
        "actor_rollout_ref": {"rollout": {"max_model_len": UNLIMITED}},
    }
    merged = OmegaConf.merge(config, changes)
    assert isinstance(merged, DictConfig)
    return merged


@dataclass(frozen=True)
class Frame:
    """What stands around a position in a generation prompt."""

    between: str | None
    """Between the last response and the position; None where prompts do not show the last response."""
    tails: dict[int, str]
    """Behind the position, by the number of actions left (from 1 to all)."""

    def prompt(self, position: Any, actions_left: int) -> str:
        """The end of a prompt, from the last response on, or else from the line break before the position on."""
        before = "\n" if self.between is None or not position.last_reply else position.last_reply + self.between
        return f"{before}{position.text}{self.tails[actions_left]}"


def frame(config: DictConfig, tokenizer: PreTrainedTokenizerBase) -> Frame:
    """Read off the context manager's own rendering of a first and of a second turn."""
    manager = backend.ContextManager(config, tokenizer)
    tag = config.es_manager.train.env_configs.tags[0]

    def rendered(*history: dict[str, Any]) -> list[str]:
        """The text around the marks."""
        inputs = manager.get_lm_inputs(
            [{"env_id": 0, "group_id": 0, "tag": tag, "history": list(history), "penalty": 0}],
            prepare_for_update=False,
        )
        return tokenizer.decode(inputs.batch["input_ids"][0]).split(_MARK)

    tails = {}
    most = int(config.custom_envs[tag].max_actions_per_traj)
    for left in range(1, most + 1):
        parts = rendered({"state": _MARK, "actions_left": left})
        if len(parts) != 2 or not parts[0].endswith("\n"):
            raise ValueError(f"wording.turn must put the state at the beginning of a line; it renders as {parts!r}")
        tails[left] = parts[1]
    first = {"state": "", "actions_left": most, "reward": 0.0, "actions": [""], "llm_response": _MARK, "info": {}}
    parts = rendered(first, {"state": _MARK, "actions_left": most - 1})
    return Frame(parts[1] if len(parts) == 3 else None, tails)


def play_chats(
    config: DictConfig,
    tokenizer: PreTrainedTokenizerBase,
    task: Task[Any],
    demonstrator: Demonstrator,
    rounds: int,
) -> Iterator[Chat]:
    """Play `rounds` episodes in every slot of `config` and yield each episode's conversation.

    In ``full`` mode an episode's last prompt holds all its turns; in the other modes every turn is yielded.
    """
    environments = backend.EnvStateManager(config, "train")
    manager = backend.ContextManager(config, tokenizer)
    whole = config.agent_proxy.context_window_mode == "full"
    for _ in range(rounds):
        live = environments.reset()
        last: dict[int, Chat] = {}
        for _ in range(int(config.agent_proxy.max_turn)):
            if not live:
                break
            ids = [cache["env_id"] for cache in live]
            responses = [
                demonstrator.turn(
                    task.position(environments.envs[cache["env_id"]]["env"]), cache["history"][-1]["actions_left"]
                ).reply
                for cache in live
            ]
            prompts = unpadded(manager.get_lm_inputs(live, prepare_for_update=False), tokenizer)
            for env_id, prompt, response in zip(ids, prompts, responses, strict=True):
                reply = (*tokenizer(response)["input_ids"], tokenizer.eos_token_id)
                if not whole and env_id in last:
                    yield last[env_id]
                last[env_id] = Chat(prompt, reply)
            live = environments.step(
                manager.get_env_inputs(
                    DataProto(
                        non_tensor_batch={
                            "response_texts": np.array(responses, object),
                            "env_ids": np.array(ids),
                        }
                    )
                )
            )
        yield from last.values()


def unpadded(inputs: DataProto, tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, ...]]:
    """Token ids of each prompt of `inputs` (padded on the left) without the padding."""
    ids, mask = inputs.batch["input_ids"], inputs.batch["attention_mask"].bool()
    return [tuple(row[kept].tolist()) for row, kept in zip(ids, mask, strict=True)]
