"""Snapshots of upstream's Sokoban (``env_engine=upstream``): what its steps read, as plain values.

Upstream's steps change the room's array in place, so it is copied. Nothing of upstream is imported: the type is
registered by its full name. What a step only writes and none reads (the last reward, where a box came from and went) is
no part of a snapshot.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .registry import register


class Cells(NamedTuple):
    """An array as an immutable value."""

    shape: tuple[int, ...]
    dtype: str
    data: bytes

    @classmethod
    def of(cls, array: np.ndarray) -> Cells:
        """The values of ``array``."""
        return cls(array.shape, array.dtype.str, array.tobytes())

    def array(self) -> np.ndarray:
        """A new array with these values."""
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape).copy()


class UpstreamSokobanState(NamedTuple):
    """Everything that an episode of upstream's Sokoban goes on from."""

    settings: tuple[Any, ...]
    """What the environment was made with; see :func:`settings_of`."""
    fixed: Cells
    """Walls, floors and targets (``room_fixed``)."""
    cells: Cells
    """The room as it stands (``room_state``)."""
    box_mapping: tuple[tuple[Any, Any], ...]
    """Which box was pulled from which target when the room was made."""
    player: tuple[int, int]
    num_env_steps: int
    boxes_on_target: int
    """As the last step counted them; the next one is rewarded for the difference."""


def settings_of(env: Any) -> tuple[Any, ...]:
    """What shapes an episode in ``env``, apart from the room."""
    return (
        tuple(env.dim_room),
        env.num_boxes,
        env.max_steps,
        env.render_mode,
        env.observation_format,
        tuple(env.GRID_LOOKUP.items()),
    )


@register("ragen.env.sokoban.env.SokobanEnv")
class UpstreamSokobanSnapshotter:
    """Saves and restores :class:`UpstreamSokobanState`; the game is deterministic, so there is no ``reseed``."""

    mergeable = True
    reseed = None

    def save(self, env: Any) -> UpstreamSokobanState:
        """The state of a ``ragen.env.sokoban.env.SokobanEnv``."""
        row, column = env.player_position
        return UpstreamSokobanState(
            settings_of(env),
            Cells.of(env.room_fixed),
            Cells.of(env.room_state),
            tuple(env.box_mapping.items()),
            (int(row), int(column)),
            env.num_env_steps,
            env.boxes_on_target,
        )

    def restore(self, env: Any, snapshot: UpstreamSokobanState) -> None:
        """Go on from ``snapshot``; ``ValueError`` if it was made under other settings."""
        if snapshot.settings != settings_of(env):
            raise ValueError(
                f"the state was made under {snapshot.settings!r}: allowed are states of {settings_of(env)!r}"
            )
        env.room_fixed, env.room_state = snapshot.fixed.array(), snapshot.cells.array()
        env.box_mapping = dict(snapshot.box_mapping)
        env.player_position = np.array(snapshot.player)
        env.num_env_steps, env.boxes_on_target = snapshot.num_env_steps, snapshot.boxes_on_target
