"""Settings of a Sokoban environment.

Decides the keyword arguments and their defaults (upstream's ``SokobanEnvConfig``) and refuses
values that cannot work. How they are used is left to :mod:`.board`, :mod:`.room` and :mod:`.env`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..settings import CheckedSettings, is_whole

OBSERVATION_FORMATS = ("grid", "coord", "grid_coord")
RENDER_MODES = ("text", "rgb_array")


def _default_grid_lookup() -> dict[int, str]:
    return {0: "#", 1: "_", 2: "O", 3: "√", 4: "X", 5: "P", 6: "S"}


def _default_grid_vocab() -> dict[str, str]:
    return {
        "#": "wall",
        "_": "empty",
        "O": "target",
        "√": "box on target",
        "X": "box",
        "P": "player",
        "S": "player on target",
    }


def _default_action_lookup() -> dict[int, str]:
    return {1: "Up", 2: "Down", 3: "Left", 4: "Right"}


@dataclass(frozen=True)
class SokobanEnvConfig(CheckedSettings):
    """Keyword arguments of a Sokoban environment; raises ``ValueError`` for what cannot work."""

    dim_room: tuple[int, int] = (6, 6)
    """Rows and columns, outer walls included; at least 3 each."""
    max_steps: int = 100
    """The step with this number ends the episode."""
    num_boxes: int = 3
    """Boxes, and as many targets."""
    search_depth: int = 300
    """How deep the reverse play goes that places the boxes (its root counts, hence at least 3)."""
    grid_lookup: Mapping[int, str] = field(default_factory=_default_grid_lookup)
    """Symbols: 0 wall, 1 floor, 2 target, 3 box on target, 4 box, 5 player, 6 player on target.
    A code that is left out is drawn as ``?``."""
    grid_vocab: Mapping[str, str] = field(default_factory=_default_grid_vocab)
    """What each symbol means; read by the prompt builder, not by the environment."""
    action_lookup: Mapping[int, str] = field(default_factory=_default_action_lookup)
    """Names of the actions that a policy may choose."""
    dim_x: int | None = None
    """Rows; given together with ``dim_y`` it replaces ``dim_room`` and is ``None`` afterwards."""
    dim_y: int | None = None
    """Columns; see ``dim_x``."""
    render_mode: str = "text"
    """``text`` or ``rgb_array``: what ``reset``, ``step`` and ``render`` return."""
    observation_format: str = "grid"
    """The form of the text: ``grid``, ``coord`` or ``grid_coord``."""

    def __post_init__(self) -> None:
        if (self.dim_x is None) != (self.dim_y is None):
            raise ValueError(f"dim_x={self.dim_x!r}, dim_y={self.dim_y!r}: give both, or neither and dim_room instead")
        if self.dim_x is not None:
            self._set("dim_room", (self.dim_x, self.dim_y))
            self._set("dim_x", None)
            self._set("dim_y", None)
        self._set("dim_room", tuple(self.dim_room))
        if len(self.dim_room) != 2 or not all(is_whole(d) and d >= 3 for d in self.dim_room):
            raise ValueError(f"dim_room={self.dim_room!r}: allowed are two whole numbers, each at least 3")
        self._at_least("num_boxes", 1)
        self._at_least("max_steps", 1)
        self._at_least("search_depth", 3)
        self._one_of("observation_format", OBSERVATION_FORMATS)
        self._one_of("render_mode", RENDER_MODES)
        self._keys_within("grid_lookup", range(7))
        self._keys_within("action_lookup", range(9))
        self._set("grid_vocab", dict(self.grid_vocab))
