"""RAGEN's environment manager with branches: step from any saved state, not only from where a slot stands.

A :class:`Branch` owns all that is needed to go on from it (environment snapshot, history, penalty, status);
the slots' environment instances are scratch space while a search runs. What a turn means (limits, penalties,
logging, rewards) stays with the base class: a branch is put into its slot, the base class's own ``step`` is
called, and the outcome is read back. Which branches to make is decided in :mod:`ragen_tsr.search`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ragen_tsr import backend
from ragen_tsr.snapshots import snapshot_for

NOISE_RULES = ("upstream", "independent", "common")
"""Allowed values of the key ``env_noise``."""


@dataclass(eq=False, slots=True)
class Branch:
    """One point of one slot's search: everything needed to go on from it.

    Attributes:
        env_id: The slot this branch belongs to; prompts and the base class's ``step`` are addressed by it.
        snapshot: The environment's state, as its registered snapshotter saved it.
        cache: This branch's own copy of the slot's rollout cache (history, penalty, tag, ids).
        status: This branch's own copy of the slot's ``EnvStatus``.
        path: Sample numbers from the root to here; the address that independent noise is derived from.
        done: The base class returned no further observation for it.
        spawned: How many children this branch has had, so that later siblings get new addresses.
        turn_penalty: Format penalty that the turn which led here incurred (0 or negative).
        response_tokens: Length of the response that led here, in tokens, padding left out.
    """

    env_id: int
    snapshot: Any
    cache: dict[str, Any]
    status: Any
    path: tuple[int, ...] = ()
    done: bool = False
    spawned: int = 0
    turn_penalty: float = 0.0
    response_tokens: int = 0

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The history's completed turns (its last entry only holds the state to act on)."""
        return self.cache["history"][:-1]

    @property
    def last_turn(self) -> dict[str, Any]:
        """The history entry of the turn that led here."""
        return self.cache["history"][-2]

    @property
    def state(self) -> str:
        """The observation to act on, as text."""
        return self.cache["history"][-1]["state"]

    @property
    def success(self) -> bool:
        """Finished and not cut short: upstream's definition of success."""
        return bool(self.status.terminated and not self.status.truncated)

    def actions(self) -> tuple[tuple[Any, ...], ...]:
        """The executed actions of each turn so far."""
        return tuple(tuple(turn["actions"]) for turn in self.turns)


class SearchEnvStateManager(backend.EnvStateManager):
    """RAGEN's ``EnvStateManager`` that can also save, restore and extend branches.

    Args:
        config: The composed configuration; reads ``env_noise`` and ``run_seed`` beside what the base class
            reads.
        mode: ``"train"`` or ``"val"``.

    Raises:
        ValueError: ``env_noise`` is not one of :data:`NOISE_RULES`.
    """

    def __init__(self, config: Any, mode: str = "train") -> None:
        super().__init__(config, mode)
        if config.env_noise not in NOISE_RULES:
            raise ValueError(f"env_noise={config.env_noise!r}; allowed: {', '.join(NOISE_RULES)}")
        self.noise = config.env_noise
        self._check_noise()
        self.run_seed = int(config.run_seed)

    def env_type(self, env_id: int) -> str:
        """The registered environment type of slot ``env_id`` ("sokoban", ...)."""
        return str(self.sys_config.custom_envs[self.envs[env_id]["tag"]].env_type)

    def roots(self) -> list[Branch]:
        """A branch per slot at the point where the slots stand now (after ``reset``: the start states)."""
        return [self._capture(entry["env_id"]) for entry in self.envs]

    def extend(self, parents: Sequence[Branch], inputs: Sequence[Mapping[str, Any]]) -> list[Branch]:
        """Play one turn from each parent.

        Args:
            parents: Branches to go on from; the same one may stand there several times.
            inputs: For each parent the parsed response as ``get_env_inputs`` gives it; its ``env_id`` is the
                parent's.

        Returns:
            The branches after the turn, in the order of the parents. The slots' environments are left
            anywhere.
        """
        children: list[Branch | None] = [None] * len(parents)
        for wave in _waves([parent.env_id for parent in parents]):
            for index in wave:
                self._place(parents[index], noise_path=self._spawn(parents[index]))
            open_ids = {output["env_id"] for output in self.step([dict(inputs[index]) for index in wave])}
            for index in wave:
                parent = parents[index]
                child = self._capture(parent.env_id)
                child.path = (*parent.path, parent.spawned - 1)
                child.done = parent.env_id not in open_ids
                child.turn_penalty = child.cache["penalty"] - parent.cache["penalty"]
                children[index] = child
        return [child for child in children if child is not None]

    def commit(self, branches: Sequence[Branch]) -> None:
        """Make ``branches[i]`` the rollout of slot ``i``: rollout cache, status and environment.

        Everything after (metrics, masks, filter, advantages) is the base class's and reads only these.
        """
        if len(branches) != len(self.envs):
            raise ValueError(f"{len(branches)} branches to commit for {len(self.envs)} slots")
        for entry, branch in zip(self.envs, branches, strict=True):
            env_id = entry["env_id"]
            if branch.cache["group_id"] != entry["group_id"]:
                raise ValueError(
                    f"slot {env_id} of group {entry['group_id']} cannot take a branch of group "
                    f"{branch.cache['group_id']}"
                )
            self._place(branch, env_id)

    def equality_key(self, branch: Branch) -> Hashable | None:
        """Equal for branches that merge: same snapshot, executed actions, rewards, penalty and status.

        The text of the responses is not compared. None where the snapshots of this type cannot be compared.
        """
        if not snapshot_for(self.envs[branch.env_id]["env"]).mergeable:
            return None
        status = branch.status
        return (
            branch.snapshot,
            branch.actions(),
            tuple(status.rewards),
            branch.cache["penalty"],
            (status.truncated, status.terminated, status.num_actions, status.seed),
        )

    def _capture(self, env_id: int) -> Branch:
        entry = self.envs[env_id]
        env = entry["env"]
        return Branch(
            env_id=env_id,
            snapshot=snapshot_for(env).save(env),
            cache=_copy_cache(self.rollout_cache[env_id]),
            status=_copy_status(entry["status"]),
        )

    def _place(self, branch: Branch, env_id: int | None = None, noise_path: tuple[int, ...] | None = None) -> None:
        """Put a copy of ``branch`` into slot ``env_id`` (default: its own), with fresh noise if a path is
        given.
        """
        env_id = branch.env_id if env_id is None else env_id
        entry = self.envs[env_id]
        snapshotter = snapshot_for(entry["env"])
        snapshotter.restore(entry["env"], branch.snapshot)
        if noise_path is not None and snapshotter.reseed is not None:
            snapshotter.reseed(entry["env"], noise_path)
        entry["status"] = _copy_status(branch.status)
        self.rollout_cache[env_id] = _copy_cache(branch.cache) | {"env_id": env_id}

    def _check_noise(self) -> None:
        """Refuse noise rules for environments whose noise nobody knows how to replace."""
        for entry in self.envs if self.noise != "upstream" else ():
            snapshotter = snapshot_for(entry["env"])
            if snapshotter.reseed is None and not snapshotter.mergeable:
                env_type = self.env_type(entry["env_id"])
                raise ValueError(
                    f"env_noise={self.noise!r}: environment type {env_type!r} has no registered snapshotter, "
                    f"so its noise cannot be replaced; allowed for it: upstream"
                )

    def _spawn(self, parent: Branch) -> tuple[int, ...] | None:
        """Give the next child of ``parent`` its address; returns the key of its turn's noise (None:
        upstream's).
        """
        address = (*parent.path, parent.spawned)
        parent.spawned += 1
        if self.noise == "upstream":
            return None
        key = (self.run_seed, parent.status.seed, parent.cache["group_id"])
        if self.noise == "common":
            return (*key, len(address))
        return (*key, parent.env_id, *address)


def _copy_cache(cache: Mapping[str, Any]) -> dict[str, Any]:
    """A rollout cache with history entries of its own (the base class updates the entries in place)."""
    return {**cache, "history": [dict(entry) for entry in cache["history"]]}


def _copy_status(status: Any) -> Any:
    return replace(status, rewards=list(status.rewards))


def _waves(env_ids: Sequence[int]) -> list[list[int]]:
    """Indices of ``env_ids`` cut into waves in which no id stands twice, since ``step`` takes one input per
    slot.
    """
    waves: list[list[int]] = []
    seen: dict[int, int] = {}
    for index, env_id in enumerate(env_ids):
        turn = seen[env_id] = seen.get(env_id, -1) + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(index)
    return waves
