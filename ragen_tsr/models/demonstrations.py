"""Turns and episodes that the tiny policy learns from.

Decides what a demonstrated turn says and does, and plays whole episodes of such turns. Leaves the game,
its limits and the text of every prompt to the run's own `EnvStateManager` and `ContextManager`, so that
what is learnt is what will be asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from transformers import PreTrainedTokenizerBase
from verl import DataProto

from ragen_tsr import backend
from ragen_tsr.models.recipe import PlayRecipe
from ragen_tsr.models.solver import OneBoxRoom, State

#: Stands for the board while a prompt's tail is read off; no prompt contains it.
_MARK = "<<board>>"


@dataclass(frozen=True)
class Position:
    """A state of a room with its text."""

    room: OneBoxRoom
    state: State
    text: str


@dataclass(frozen=True)
class Chat:
    """An episode as the policy saw it: its last prompt, with all that was before, and its last response."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]


class Demonstrator:
    """Plays turns: the solver's with probability `solver_share`, else random ones.

    Args:
        play: thoughts and lengths.
        config: the run's configuration; reads the action names of the tag and ``agent_proxy``.
    """

    def __init__(self, play: PlayRecipe, config: DictConfig, solver_share: float, rng: random.Random) -> None:
        proxy = config.agent_proxy
        self._play = play
        self._think = bool(proxy.enable_think)
        self._separator = f" {proxy.action_sep} "
        self._most = min(play.max_actions, int(proxy.max_actions_per_turn))
        self._least = min(play.min_actions, self._most)
        self._names: dict[int, str] = dict(_env_config(config, play.tag).action_lookup)
        self._share = solver_share
        self._rng = rng

    def turn(self, room: OneBoxRoom, state: State, actions_left: int) -> str:
        """The response of one turn, without the tag that the prompt already opened."""
        length = min(self._rng.randint(self._least, self._most), actions_left)
        if self._rng.random() < self._share and room.distance.get(state):
            thought, actions = self._play.thought_solver, _solve(room, state, length)
        else:
            thought = self._play.thought_random
            actions = [self._rng.choice(list(self._names)) for _ in range(length)]
        answer = self._separator.join(self._names[action] for action in actions) + "</answer>"
        return f"{thought}</think><answer>{answer}" if self._think else answer


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
        # A tokenizer that has learnt nothing yet spells prompts in bytes: nothing may be cut off.
        "actor_rollout_ref": {"rollout": {"max_model_len": 1_000_000}},
    }
    merged = OmegaConf.merge(config, changes)
    assert isinstance(merged, DictConfig)
    return merged


def position_of(env: Any) -> Position:
    """Where a Sokoban environment with one box stands."""
    fixed, live = env.room_fixed, env.room_state
    (box,) = np.argwhere((live == 3) | (live == 4)).tolist()
    player = (int(env.player_position[0]), int(env.player_position[1]))
    return Position(OneBoxRoom.from_fixed(fixed.tolist()), (player, (box[0], box[1])), env.render())


def walk(
    config: DictConfig, play: PlayRecipe, rng: random.Random, per_room: int = 12, steps: int = 30
) -> Iterator[Position]:
    """Unsolved, solvable states of one room after another, met on random walks from its start.

    Args:
        per_room: at most this many different states of a room.
        steps: length of the walk.
    """
    settings = config.custom_envs[play.tag]
    env = backend.REGISTERED_ENVS[settings.env_type](_env_config(config, play.tag))
    seed = play.first_seed
    while True:
        env.reset(seed=seed)
        seed += 1
        start = position_of(env)
        met: dict[State, str] = {}
        state, room = start.state, start.room
        for _ in range(steps):
            if not room.distance.get(state) or len(met) == per_room:
                break
            met.setdefault(state, env.render())
            action = rng.choice((1, 2, 3, 4))
            env.step(action)
            state = room.step(state, action)
        yield from (Position(room, state, text) for state, text in met.items())


def prompt_tails(config: DictConfig, tokenizer: PreTrainedTokenizerBase, most_left: int) -> dict[int, str]:
    """What follows the board in a generation prompt, by the number of actions left (1 to `most_left`).

    Read off the context manager's own rendering of a first turn.
    """
    manager = backend.ContextManager(config, tokenizer)
    tails = {}
    for left in range(1, most_left + 1):
        history = [{"state": _MARK, "actions_left": left}]
        tag = config.es_manager.train.env_configs.tags[0]
        inputs = manager.get_lm_inputs(
            [{"env_id": 0, "group_id": 0, "tag": tag, "history": history, "penalty": 0}],
            prepare_for_update=False,
        )
        text = tokenizer.decode(inputs.batch["input_ids"][0])
        before, mark, tail = text.partition(_MARK)
        if not mark or not before.endswith("\n"):
            raise ValueError(f"wording.turn must put the state at the beginning of a line; it renders as {text!r}")
        tails[left] = tail
    return tails


def play_chats(
    config: DictConfig, tokenizer: PreTrainedTokenizerBase, demonstrator: Demonstrator, rounds: int
) -> Iterator[Chat]:
    """Play `rounds` episodes in every slot of `config` and yield each episode's conversation.

    In ``full`` mode an episode's last prompt holds all its turns; in the other modes every turn is yielded.
    """
    environments = backend.EnvStateManager(config, "train")
    manager = backend.ContextManager(config, tokenizer)
    whole = config.agent_proxy.context_window_mode == "full"
    for _ in range(rounds):
        live = environments.reset()
        rooms = {entry["env_id"]: position_of(entry["env"]).room for entry in environments.envs}
        last: dict[int, Chat] = {}
        for _ in range(int(config.agent_proxy.max_turn)):
            if not live:
                break
            ids = [cache["env_id"] for cache in live]
            responses = [
                demonstrator.turn(
                    rooms[cache["env_id"]],
                    _state(environments.envs[cache["env_id"]]["env"]),
                    cache["history"][-1]["actions_left"],
                )
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


def _solve(room: OneBoxRoom, state: State, length: int) -> Sequence[int]:
    actions: list[int] = []
    while len(actions) < length and (best := room.optimal_actions(state)):
        actions.append(best[0])
        state = room.step(state, best[0])
    return actions


def _state(env: Any) -> State:
    return position_of(env).state


def _env_config(config: DictConfig, tag: str) -> Any:
    settings = OmegaConf.to_container(config.custom_envs[tag], resolve=True)
    assert isinstance(settings, dict)
    return backend.REGISTERED_ENV_CONFIGS[settings["env_type"]](**(settings.get("env_config") or {}))
