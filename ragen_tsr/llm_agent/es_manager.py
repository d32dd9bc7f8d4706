"""RAGEN's environment manager with branches: step from any saved state, not only from where a slot stands.

A :class:`Branch` owns all that is needed to go on from it (environment snapshot, history, penalty, status);
the slots' environment instances are scratch space while a search runs. What a turn means (limits, penalties,
logging, rewards) stays with the base class: a branch is put into its slot, the base class's own ``step`` is
called, and the outcome is read back. A turn can be played again with fresh noise; whole trajectories are in
:mod:`.reroll`. Which branches to make is decided in :mod:`ragen_tsr.search`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ragen_tsr import backend
from ragen_tsr.llm_agent.noise import NOISE_RULES, SPENT_KEY, Key, Purpose
from ragen_tsr.snapshots import snapshot_for


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
        prompt_tokens: Length of the prompt that the response which led here answered, padding left out.
        response_tokens: Length of that response, in tokens, padding left out.
        neg_log_prob: Minus the log-probability of that response under the policy at the temperature it was sampled
            at, summed over its tokens; None where the worker reports none.
        answer: The parsed response that led here, as ``step`` was given it; empty at a root.
        redrawn: This branch was made by drawing the noise of a turn again.
    """

    env_id: int
    snapshot: Any
    cache: dict[str, Any]
    status: Any
    path: tuple[int, ...] = ()
    done: bool = False
    spawned: int = 0
    turn_penalty: float = 0.0
    prompt_tokens: int = 0
    response_tokens: int = 0
    neg_log_prob: float | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)
    redrawn: bool = False

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The history's completed turns (its last entry only holds the state to act on)."""
        return self.cache["history"][:-1]

    @property
    def last_turn(self) -> dict[str, Any]:
        """The history entry of the turn that led here."""
        return self.cache["history"][-2]

    @property
    def executed(self) -> bool:
        """The turn that led here did something.

        Manager and environment each leave out what is no action. The manager executes it not at all; an
        environment whose actions are any text (WebShop) takes it, and reports that it was neither on offer nor
        changed anything.
        """
        turn = self.last_turn
        if len(turn["actions"]) != 1:  # of several, the report is about the last
            return bool(turn["actions"])
        info = turn["info"]
        return bool(info.get("action_is_valid", True) or info.get("action_is_effective", True))

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
        addresses = [_spawn(parent) for parent in parents]
        keys = [self._key(Purpose.SEARCH, parent, path) for parent, path in zip(parents, addresses, strict=True)]
        children = self._turns(parents, inputs, keys if self.noise != "upstream" else [None] * len(parents))
        for child, address in zip(children, addresses, strict=True):
            child.path = address
        return children

    def redraw(self, parents: Sequence[Branch], children: Sequence[Branch]) -> list[Branch]:
        """Play the turns that led from ``parents[i]`` to ``children[i]`` again, with noise that no search saw.

        Under ``upstream`` and ``common`` the noise is the same for all branches of a group at the same turn,
        as theirs is; under ``independent`` each has its own. Under ``upstream`` the redrawn branch goes on
        with its new stream.

        Returns:
            The branches after the turns, as further children of the parents.
        """
        addresses = [_spawn(parent) for parent in parents]
        keys = [self._key(Purpose.REDRAW, parent, path) for parent, path in zip(parents, addresses, strict=True)]
        again = self._turns(parents, [child.answer for child in children], keys)
        for branch, child, address in zip(again, children, addresses, strict=True):
            branch.path, branch.redrawn = address, True
            branch.prompt_tokens, branch.response_tokens = child.prompt_tokens, child.response_tokens
            branch.neg_log_prob = child.neg_log_prob
        return again

    def outcomes(self, parents: Sequence[Branch], children: Sequence[Branch], count: int) -> list[list[Branch]]:
        """``count`` further outcomes of the turns that led from ``parents[i]`` to ``children[i]``.

        A turn is played as it was answered: also the actions that the outcome which happened cut off. Under
        ``upstream`` and ``common`` siblings meet the same noise, outcome by outcome.
        """
        wanted = [
            (parent, child.answer, self._key(Purpose.OUTCOME, parent, child.path, draw))
            for parent, child in zip(parents, children, strict=True)
            for draw in range(count)
        ]
        played = self._turns(
            [parent for parent, _, _ in wanted], [answer for _, answer, _ in wanted], [key for *_, key in wanted]
        )
        return [played[index * count : (index + 1) * count] for index in range(len(parents))]

    def same_outcome(self, a: Branch, b: Branch) -> bool:
        """Whether two branches merge but for the noise that they would go on with."""
        keys = [self.equality_key(replace(branch, snapshot=self._without_noise(branch))) for branch in (a, b)]
        return keys[0] is not None and keys[0] == keys[1]

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
            self.place(branch, env_id)

    def place(self, branch: Branch, env_id: int | None = None, noise: Key | None = None) -> None:
        """Put a copy of ``branch`` into slot ``env_id`` (default: its own): environment, status and cache; with
        fresh noise if a key is given.
        """
        env_id = branch.env_id if env_id is None else env_id
        entry = self.envs[env_id]
        snapshotter = snapshot_for(entry["env"])
        snapshotter.restore(entry["env"], branch.snapshot)
        if noise is not None and snapshotter.reseed is not None:
            snapshotter.reseed(entry["env"], noise)
        entry["status"] = _copy_status(branch.status)
        self.rollout_cache[env_id] = _copy_cache(branch.cache) | {"env_id": env_id}

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

    def _turns(
        self, parents: Sequence[Branch], inputs: Sequence[Mapping[str, Any]], keys: Sequence[Key | None]
    ) -> list[Branch]:
        """The branches after one turn from each parent, with the noise of its key (None: the environment's
        own).
        """
        children: list[Branch | None] = [None] * len(parents)
        for wave in _waves([parent.env_id for parent in parents]):
            for index in wave:
                self.place(parents[index], noise=keys[index])
            open_ids = {output["env_id"] for output in self.step([dict(inputs[index]) for index in wave])}
            for index in wave:
                parent = parents[index]
                child = self._capture(parent.env_id)
                child.answer = inputs[index]
                child.done = parent.env_id not in open_ids
                child.turn_penalty = child.cache["penalty"] - parent.cache["penalty"]
                children[index] = child
        return [child for child in children if child is not None]

    def _capture(self, env_id: int) -> Branch:
        entry = self.envs[env_id]
        env = entry["env"]
        snapshotter = snapshot_for(env)
        if self.noise != "upstream" and snapshotter.reseed is not None:
            snapshotter.reseed(env, SPENT_KEY)  # the next turn brings its own: what is left parts no equal states
        return Branch(
            env_id=env_id,
            snapshot=snapshotter.save(env),
            cache=_copy_cache(self.rollout_cache[env_id]),
            status=_copy_status(entry["status"]),
        )

    def _without_noise(self, branch: Branch) -> Any:
        """The branch's snapshot with the noise that is left in any environment after a turn."""
        env = self.envs[branch.env_id]["env"]
        snapshotter = snapshot_for(env)
        snapshotter.restore(env, branch.snapshot)
        if snapshotter.reseed is not None:
            snapshotter.reseed(env, SPENT_KEY)
        return snapshotter.save(env)

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

    def start_key(self, purpose: Purpose, branch: Branch) -> Key:
        """The part of a key that all branches of a group share."""
        return int(purpose), self.run_seed, branch.status.seed, branch.cache["group_id"]

    def _key(self, purpose: Purpose, parent: Branch, address: tuple[int, ...], draw: int = 0) -> Key:
        """Key of the noise of a turn of ``parent`` whose outcome has this address: its own under
        ``independent``, else that of all turns at this depth in the group.
        """
        where = (parent.env_id, *address) if self.noise == "independent" else (len(address),)
        return (*self.start_key(purpose, parent), draw, *where)


def _spawn(parent: Branch) -> tuple[int, ...]:
    """The address of the next child of ``parent``."""
    parent.spawned += 1
    return (*parent.path, parent.spawned - 1)


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
