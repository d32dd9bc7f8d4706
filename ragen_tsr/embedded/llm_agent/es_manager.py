"""The environments of a rollout and the record of what happened in them.

Decides what a turn does: which of the given actions are executed, what they cost, what is written into the
record, and when an episode is over. It leaves the reading of responses to :mod:`ctx_manager`, the game to
the environment, and the number of turns to :mod:`agent_proxy`. Semantics, dictionary keys and number types
(``0`` and ``0.0`` differ: rewards are shown to the policy) are those of upstream's
``ragen.llm_agent.es_manager.EnvStateManager``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS, REGISTERED_ENVS
from ragen_tsr.embedded.llm_agent.rollout_metrics import add_episode_metrics, add_group_metrics

VALIDATION_SEED = 123
"""Seed of validation rooms where ``seed.val`` is not given."""
RANDOM_SEEDS = 1_000_000
"""Largest first seed drawn for training where ``seed.train`` is not given."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass
class EnvStatus:
    """Where an episode stands."""

    truncated: bool = False
    """Over without success."""
    terminated: bool = False
    """Over, for whatever reason."""
    num_actions: int = 0
    """Single actions executed so far."""
    rewards: list[float] = field(default_factory=list)
    """The environment's reward of each turn."""
    seed: int | None = None
    """What the environment was reset with."""


class EnvStateManager:
    """Environments in ``env_groups`` groups of ``group_size`` slots; a group's slots share one start.

    Args:
        config: The composed configuration; reads ``es_manager``, ``custom_envs`` and ``seed``.
        mode: ``"train"`` or ``"val"``: which part of ``es_manager`` and ``seed`` applies.

    Attributes:
        envs: A dict per slot: ``env_id`` (its index), ``tag``, ``group_id``, ``env``, ``config``, ``status``
            (:class:`EnvStatus`), ``max_actions_per_traj``, ``parallel_friendly``, ``max_workers``.
        rollout_cache: A dict per slot: ``env_id``, ``history``, ``group_id``, ``tag``, ``penalty``;
            ``None`` before the first :meth:`reset`. A history has a dict per turn: ``state``,
            ``actions_left`` (``images`` where the state is pictures; ``manager_invalid_action`` after a
            turn without a legal action), completed by the turn's ``actions``, ``reward``, ``info``,
            ``llm_response`` and ``llm_raw_response``. The last entry only has the former.
        seed_counter: How far training's seeds have moved from ``base_seed``; part of a run's state.

    Raises:
        ValueError: The configuration names an unknown tag or environment type, or its counts disagree.
    """

    def __init__(self, config: DictConfig, mode: str = "train") -> None:
        if mode not in ("train", "val"):
            raise ValueError(f"mode={mode!r}; allowed: 'train', 'val'")
        self.sys_config = config
        self.mode = mode
        self.config = config.es_manager[mode]
        self.env_groups = int(self.config.env_groups)
        self.group_size = int(self.config.group_size)
        self.base_seed: int | None = OmegaConf.select(config, f"seed.{mode}")
        self.seed_counter = 0
        self.format_penalty = config.es_manager.format_penalty
        self.envs = self._make_envs()
        self.rollout_cache: list[dict[str, Any]] | None = None
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def _make_envs(self) -> list[dict[str, Any]]:
        tags, counts = list(self.config.env_configs.tags), list(self.config.env_configs.n_groups)
        where = f"es_manager.{self.mode}"
        if len(tags) != len(counts):
            raise ValueError(f"{where}.env_configs: {len(tags)} tags {tags} but {len(counts)} n_groups {counts}")
        if sum(counts) != self.env_groups:
            raise ValueError(
                f"{where}.env_configs.n_groups={counts} must add up to {where}.env_groups={self.env_groups}"
            )
        envs: list[dict[str, Any]] = []
        for tag, count in zip(tags, counts, strict=True):
            for _ in range(count * self.group_size):
                envs.append(self._make_entry(tag, env_id=len(envs)))
        return envs

    def _make_entry(self, tag: str, env_id: int) -> dict[str, Any]:
        if tag not in self.sys_config.custom_envs:
            known = sorted(map(str, self.sys_config.custom_envs))
            raise ValueError(f"es_manager.{self.mode}.env_configs.tags has {tag!r}; custom_envs has {known}")
        settings = OmegaConf.to_container(self.sys_config.custom_envs[tag], resolve=True)
        assert isinstance(settings, dict)
        env_type = settings["env_type"]
        if env_type not in REGISTERED_ENVS:
            raise ValueError(f"custom_envs.{tag}.env_type={env_type!r}; registered: {sorted(REGISTERED_ENVS)}")
        env_config = REGISTERED_ENV_CONFIGS[env_type](**(settings.get("env_config") or {}))
        return {
            "tag": tag,
            "group_id": env_id // self.group_size,
            "env_id": env_id,
            "env": REGISTERED_ENVS[env_type](env_config),
            "config": env_config,
            "status": EnvStatus(),
            "max_actions_per_traj": settings["max_actions_per_traj"],
            "parallel_friendly": bool(settings.get("parallel_friendly", False)),
            "max_workers": int(settings.get("max_workers") or 1),
        }

    def reset(self, seed: int | None = None) -> list[dict[str, Any]]:
        """Start an episode in every slot.

        Group g gets seed ``s + g``, counted across tags; all slots of a group the same. ``s`` is ``seed``
        if given, else in training the base seed plus ``seed_counter`` (which then moves on by
        ``env_groups``), in validation always the base seed.

        Args:
            seed: First group's seed. In training it also sets the counter, to ``seed - base_seed + 1``.

        Returns:
            :attr:`rollout_cache`, new: every slot's history has one entry. These are the live dicts, not
            copies.
        """
        first = self._first_seed(seed)
        states = self._in_slots([(entry, first + entry["group_id"]) for entry in self.envs], self._reset_slot)
        self.rollout_cache = [
            {
                "env_id": entry["env_id"],
                "history": [_entry_of(state, actions_left=entry["max_actions_per_traj"])],
                "group_id": entry["group_id"],
                "tag": entry["tag"],
                "penalty": 0,
            }
            for entry, state in zip(self.envs, states, strict=True)
        ]
        return self.rollout_cache

    def _first_seed(self, seed: int | None) -> int:
        if seed is not None:
            if self.mode == "train" and self.base_seed is not None:
                self.seed_counter = seed - self.base_seed + 1
            return seed
        if self.mode == "val":
            return VALIDATION_SEED if self.base_seed is None else self.base_seed
        if self.base_seed is None:
            return random.randint(0, RANDOM_SEEDS)
        first = self.base_seed + self.seed_counter
        self.seed_counter += self.env_groups
        return first

    def _reset_slot(self, entry: dict[str, Any], seed: int) -> Any:
        entry["env"].reset(seed=seed, mode=self.mode)
        entry["status"] = EnvStatus(seed=seed)
        return entry["env"].render()

    def step(self, all_env_inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Play one turn in some slots.

        Args:
            all_env_inputs: In any order, at most one per slot: ``env_id``, ``actions`` (names, or whatever
                an environment without an ``action_lookup`` takes), ``llm_response``, ``llm_raw_response``.

        Returns:
            The caches of those slots whose episode goes on, in the order of the inputs: live dicts, not
            copies.

        Raises:
            ValueError: An ``env_id`` is no slot or comes twice (the two turns would follow one another
            silently).
            RuntimeError: There was no :meth:`reset`.
        """
        cache = self._live_cache()
        ids = [int(turn["env_id"]) for turn in all_env_inputs]
        if unknown := sorted({env_id for env_id in ids if not 0 <= env_id < len(self.envs)}):
            raise ValueError(f"env_id {unknown}: allowed are 0 to {len(self.envs) - 1}")
        if len(set(ids)) != len(ids):
            raise ValueError(f"env_id {sorted({i for i in ids if ids.count(i) > 1})} given twice in one step")
        over = self._in_slots(
            [(self.envs[env_id], turn) for env_id, turn in zip(ids, all_env_inputs, strict=True)],
            lambda entry, turn: self._play(entry, cache[entry["env_id"]], turn),
        )
        return [cache[env_id] for env_id, done in zip(ids, over, strict=True) if not done]

    def _play(self, entry: dict[str, Any], cache: dict[str, Any], turn: Mapping[str, Any]) -> bool:
        """Execute one turn's actions, write the turn into the record; return whether the episode is over."""
        status, limit, given = entry["status"], entry["max_actions_per_traj"], turn["actions"]
        legal = _legal_actions(entry["env"], given)
        executed, reward, info, done = _execute(entry["env"], legal[: limit - status.num_actions])
        if not legal:
            info["manager_invalid_action"] = True
        if self.format_penalty and (not legal or len(legal) != len(given)):
            cache["penalty"] += self.format_penalty

        status.num_actions += len(executed)
        status.rewards.append(reward)
        if done:
            status.terminated, status.truncated = True, not info.get("success", False)
        elif status.num_actions >= limit:
            status.terminated = status.truncated = done = True

        history = cache["history"]
        history[-1].update(
            actions=executed,
            reward=reward,
            info=info,
            llm_response=turn["llm_response"],
            llm_raw_response=turn["llm_raw_response"],
        )
        history.append(_entry_of(entry["env"].render(), actions_left=limit - status.num_actions))
        if not legal:
            history[-1]["manager_invalid_action"] = True
        return done

    def get_rollout_states(self) -> list[dict[str, Any]]:
        """Add each slot's ``metrics`` (keys ``tag/name``) to :attr:`rollout_cache` and return it.

        The last entry of each history also gets ``metrics``: the numbers per turn that they are made of.
        """
        cache = self._live_cache()
        for entry, state in zip(self.envs, cache, strict=True):
            add_episode_metrics(state, entry["status"])
        add_group_metrics(cache, self.group_size)
        return cache

    def render(self) -> list[Any]:
        """What each slot's environment shows now."""
        return [entry["env"].render() for entry in self.envs]

    def close(self) -> None:
        """Close the environments and the threads."""
        for entry in self.envs:
            entry["env"].close()
        for executor in self._executors.values():
            executor.shutdown()
        self._executors.clear()

    def _live_cache(self) -> list[dict[str, Any]]:
        if self.rollout_cache is None:
            raise RuntimeError("there is no rollout yet: call reset() first")
        return self.rollout_cache

    def _in_slots(
        self, work: Sequence[tuple[dict[str, Any], _In]], function: Callable[[dict[str, Any], _In], _Out]
    ) -> list[_Out]:
        """``function`` of every (slot's entry, item), in order; in threads for ``parallel_friendly`` tags."""
        pending: list[Callable[[], _Out]] = []
        for entry, item in work:
            if entry["parallel_friendly"] and entry["max_workers"] > 1:
                pending.append(self._executor(entry).submit(function, entry, item).result)
            else:
                pending.append(partial(function, entry, item))
        return [result() for result in pending]

    def _executor(self, entry: dict[str, Any]) -> ThreadPoolExecutor:
        tag = entry["tag"]
        if tag not in self._executors:
            self._executors[tag] = ThreadPoolExecutor(entry["max_workers"], thread_name_prefix=f"env-{tag}")
        return self._executors[tag]


def _legal_actions(env: Any, given: Iterable[Any]) -> list[Any]:
    """The given actions that the environment knows, as it numbers them; names match whatever their case.

    An environment whose configuration has no ``action_lookup`` takes every action as it is.
    """
    lookup = getattr(env.config, "action_lookup", None)
    if lookup is None:
        return list(given)
    numbers = {name.lower(): number for number, name in lookup.items()}
    return [numbers[action.lower()] for action in given if action.lower() in numbers]


def _execute(env: Any, actions: Iterable[Any]) -> tuple[list[Any], Any, dict[str, Any], bool]:
    """Execute actions until one ends the episode: (executed, summed reward, infos merged, done).

    The sum starts at the integer 0; ``info["raw_reward"]`` is the sum of what the environment reports under
    that name.
    """
    executed: list[Any] = []
    reward: Any = 0
    raw = 0.0
    merged: dict[str, Any] = {}
    done = False
    for action in actions:
        _, gained, done, info = env.step(action)
        reward += gained
        raw += float(info.get("raw_reward", 0.0))
        merged.update(info)
        executed.append(action)
        if done:
            break
    merged["raw_reward"] = raw
    return executed, reward, merged, bool(done)


def _entry_of(state: Any, actions_left: int) -> dict[str, Any]:
    """A new history entry. A state is text, or one uint8 picture ``(rows, columns, 3)``, or several."""
    if isinstance(state, str):
        return {"state": state, "actions_left": actions_left}
    pictures = [state] if isinstance(state, np.ndarray) else list(state)
    images = [Image.fromarray(picture).convert("RGB") for picture in pictures]
    return {"state": "<images>" * len(images), "images": images, "actions_left": actions_left}
