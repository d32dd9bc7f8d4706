"""Settings of a FrozenLake environment.

Decides the keyword arguments and their defaults (upstream's ``FrozenLakeEnvConfig``) and refuses values that
cannot work. How they are used is left to :mod:`.lake`, :mod:`.maps` and :mod:`.env`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..seeds import check_seed
from ..settings import CheckedSettings, is_whole

OBSERVATION_FORMATS = ("grid", "coord", "grid_coord")
RENDER_MODES = ("text", "rgb_array")
TILES = (b"P", b"F", b"H", b"G")


def _default_action_map() -> dict[int, int]:
    return {1: 0, 2: 1, 3: 2, 4: 3}


def _default_map_lookup() -> dict[bytes, int]:
    return {b"P": 0, b"F": 1, b"H": 2, b"G": 3}


def _default_grid_lookup() -> dict[int, str]:
    return {0: "P", 1: "_", 2: "O", 3: "G", 4: "X", 5: "√"}


def _default_grid_vocab() -> dict[str, str]:
    return {
        "P": "player",
        "_": "empty",
        "O": "hole",
        "G": "goal",
        "X": "player in hole",
        "√": "player on goal",
    }


def _default_action_lookup() -> dict[int, str]:
    return {1: "Left", 2: "Down", 3: "Right", 4: "Up"}


@dataclass(frozen=True)
class FrozenLakeEnvConfig(CheckedSettings):
    """Keyword arguments of a FrozenLake environment; raises ``ValueError`` for what cannot work."""

    size: int = 4
    """Rows and columns of the square map, at least 2."""
    p: float = 0.9
    """Probability that a tile is ice rather than a hole."""
    success_rate: float = 0.8
    """Probability of going where one meant to; the rest is shared by the two directions beside it."""
    is_slippery: bool = True
    """Whether the ice is slippery; if not, ``success_rate`` has no effect."""
    map_seed: int | None = None
    """Seed of the map that ``desc`` shows before the first reset; every reset makes the map of its own seed."""
    render_mode: str = "text"
    """``text`` or ``rgb_array``: what ``reset``, ``step`` and ``render`` return."""
    observation_format: str = "grid"
    """The form of the text: ``grid``, ``coord`` or ``grid_coord``."""
    action_map: Mapping[int, int] = field(default_factory=_default_action_map)
    """The direction of each action's number: 0 left, 1 down, 2 right, 3 up."""
    map_lookup: Mapping[bytes, int] = field(default_factory=_default_map_lookup)
    """The codes of ice (F), holes (H) and the goal (G), 0 to 5; text keys are made bytes. P may be there and has no
    effect: a player's code is 0, 4 in a hole, 5 on the goal."""
    grid_lookup: Mapping[int, str] = field(default_factory=_default_grid_lookup)
    """The symbols of the codes. A code that is left out is drawn as ``?``."""
    grid_vocab: Mapping[str, str] = field(default_factory=_default_grid_vocab)
    """What each symbol means; read by the prompt builder, not by the environment."""
    action_lookup: Mapping[int, str] = field(default_factory=_default_action_lookup)
    """Names of the actions that a policy may choose; each must have a direction in ``action_map``."""

    def __post_init__(self) -> None:
        self._at_least("size", 2)
        self._probability("p")
        self._probability("success_rate")
        self._yes_or_no("is_slippery")
        if self.map_seed is not None:
            try:
                check_seed(self.map_seed)
            except ValueError as error:
                raise ValueError(f"map_{error}") from None
        self._one_of("observation_format", OBSERVATION_FORMATS)
        self._one_of("render_mode", RENDER_MODES)
        self._check_codes()
        self._keys_within("grid_lookup", range(6))
        self._set("grid_vocab", dict(self.grid_vocab))
        self._check_actions()

    def _check_codes(self) -> None:
        given = self.map_lookup
        if not isinstance(given, Mapping):
            raise ValueError(f"map_lookup={given!r}: allowed is a mapping from tiles to codes")
        codes = {tile.encode() if isinstance(tile, str) else tile: code for tile, code in given.items()}
        known = set(TILES[1:]) <= set(codes) <= set(TILES)
        if not known or not all(is_whole(code) and code in range(6) for code in codes.values()):
            raise ValueError(f"map_lookup={dict(given)!r}: allowed are codes from 0 to 5 for F, H and G, and for P")
        self._set("map_lookup", codes)

    def _check_actions(self) -> None:
        directions = self.action_map
        if not isinstance(directions, Mapping) or not directions:
            raise ValueError(f"action_map={directions!r}: allowed is a mapping from actions to directions")
        if not all(is_whole(a) and is_whole(d) and d in range(4) for a, d in directions.items()):
            raise ValueError(f"action_map={dict(directions)!r}: allowed are directions from 0 to 3 of whole numbers")
        self._set("action_map", dict(directions))
        names = self.action_lookup
        if not isinstance(names, Mapping) or any(action not in directions for action in names):
            allowed = ", ".join(map(str, directions))
            raise ValueError(f"action_lookup={names!r}: allowed are names for the actions of action_map: {allowed}")
        self._set("action_lookup", dict(names))
