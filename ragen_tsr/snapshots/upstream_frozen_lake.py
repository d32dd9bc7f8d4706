"""Snapshots of upstream's FrozenLake (``env_engine=upstream``): cell and noise as values, the map by reference.

Upstream makes the map and its table of transitions anew at each reset and then only reads them, so they are shared.
Its slips come from a generator of the object, whose whole state is saved. All slots of a group have equal generators,
since they have one seed, and the generator repeats the numbers that placed the map's tiles (see
:mod:`ragen_tsr.embedded.env.frozen_lake.maps`): ``reseed`` is what ``env_noise`` replaces it with.

A reset writes its seed into the environment's configuration, which upstream shares among objects made without one.
Only a reset reads it, so it is no part of a snapshot and ``restore`` leaves it alone. Nothing of upstream is imported.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ragen_tsr.embedded.env.frozen_lake.noise import generator

from .registry import register

GENERATOR = "PCG64"
"""The generator that gymnasium gives its environments."""


class UpstreamLake:
    """A map of upstream's, with its transitions. Immutable, compared by tiles and settings."""

    __slots__ = ("_hash", "desc", "distribution", "settings", "tiles", "transitions")

    def __init__(self, env: Any) -> None:
        self.settings = settings_of(env)
        self.desc, self.transitions, self.distribution = env.desc, env.P, env.initial_state_distrib
        self.tiles: bytes = env.desc.tobytes()
        """One letter a cell: S start, F ice, H hole, G goal."""
        self._hash = hash((self.settings, self.tiles))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, UpstreamLake):
            return NotImplemented
        return self.tiles == other.tiles and self.settings == other.settings

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"UpstreamLake({self.tiles.decode()!r})"


class Noise(NamedTuple):
    """Where a generator stands."""

    state: int
    increment: int
    has_half: int
    half: int

    @classmethod
    def of(cls, rng: Any) -> Noise:
        """The position of a numpy generator; ``ValueError`` unless it is a PCG64."""
        state = rng.bit_generator.state
        if state["bit_generator"] != GENERATOR:
            raise ValueError(f"the environment's generator is {state['bit_generator']}: allowed is {GENERATOR}")
        return cls(state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"])

    def into(self, rng: Any) -> None:
        """Put ``rng`` at this position."""
        rng.bit_generator.state = {
            "bit_generator": GENERATOR,
            "state": {"state": self.state, "inc": self.increment},
            "has_uint32": self.has_half,
            "uinteger": self.half,
        }


class UpstreamFrozenLakeState(NamedTuple):
    """Everything that an episode of upstream's FrozenLake goes on from."""

    lake: UpstreamLake
    cell: int
    """Where the player is: ``row * size + column``."""
    last_direction: int | None
    """Which way the player looks in an image."""
    noise: Noise

    @property
    def size(self) -> int:
        """Rows and columns of the map."""
        return self.lake.desc.shape[0]

    @property
    def in_hole(self) -> bool:
        """The player is in a hole."""
        return self.lake.tiles[self.cell] == ord("H")

    @property
    def distance_to_goal(self) -> int:
        """Manhattan distance from the goal."""
        (row, column), (goal_row, goal_column) = (
            divmod(int(cell), self.size) for cell in (self.cell, self.lake.tiles.index(b"G"))
        )
        return abs(row - goal_row) + abs(column - goal_column)


def settings_of(env: Any) -> tuple[Any, ...]:
    """What shapes an episode in ``env``, apart from the map."""
    config = env.config
    return (
        config.size,
        config.success_rate,
        config.is_slippery,
        env.render_mode,
        env.observation_format,
        *(tuple(lookup.items()) for lookup in (env.action_map, env.MAP_LOOKUP, env.GRID_LOOKUP)),
    )


@register("ragen.env.frozen_lake.env.FrozenLakeEnv")
class UpstreamFrozenLakeSnapshotter:
    """Saves and restores :class:`UpstreamFrozenLakeState`; where the noise stands is part of it."""

    mergeable = True

    def save(self, env: Any) -> UpstreamFrozenLakeState:
        """The state of a ``ragen.env.frozen_lake.env.FrozenLakeEnv``; ``RuntimeError`` before its first reset."""
        if not hasattr(env, "s"):
            raise RuntimeError("the environment has no player yet: call reset(seed) first")
        return UpstreamFrozenLakeState(UpstreamLake(env), env.s, env.lastaction, Noise.of(env.np_random))

    def restore(self, env: Any, snapshot: UpstreamFrozenLakeState) -> None:
        """Go on from ``snapshot``; ``ValueError`` if it was made under other settings."""
        lake = snapshot.lake
        if lake.settings != settings_of(env):
            raise ValueError(f"the state was made under {lake.settings!r}: allowed are states of {settings_of(env)!r}")
        env.desc, env.P, env.initial_state_distrib = lake.desc, lake.transitions, lake.distribution
        env.s, env.lastaction = snapshot.cell, snapshot.last_direction
        snapshot.noise.into(env.np_random)

    def reseed(self, env: Any, entropy: tuple[int, ...]) -> None:
        """Let the slips from here on be those of a new stream, the one that the embedded FrozenLake would take.

        It is the one of ``numpy.random.Generator(PCG64(SeedSequence(entropy)))``, from its first number on.
        """
        env.np_random = generator(entropy)
