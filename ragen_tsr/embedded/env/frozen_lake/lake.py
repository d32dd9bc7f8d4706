"""What does not change while one FrozenLake map is played.

Decides how a map is stored: cell ``(row, column)`` has the number ``row * size + column``, and the tiles are a string
with one letter a cell: S start, F ice, H hole, G goal. Making maps is left to :mod:`.maps`, walking on them to
:mod:`.env`, drawing them to :mod:`.render`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache

from .config import FrozenLakeEnvConfig

START, ICE, HOLE, GOAL = "SFHG"
PLAYER_CODE, PLAYER_IN_HOLE_CODE, PLAYER_ON_GOAL_CODE = 0, 4, 5

_STEPS = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""Rows and columns that the directions add: 0 left, 1 down, 2 right, 3 up."""


@lru_cache(maxsize=64)
def neighbours(size: int) -> list[tuple[int, ...]]:
    """Of every cell: where the four directions lead. The edges of the map hold one back."""

    def held(index: int) -> int:
        return max(0, min(index, size - 1))

    cells = [divmod(cell, size) for cell in range(size * size)]
    return [tuple(held(row + down) * size + held(column + right) for down, right in _STEPS) for row, column in cells]


@dataclass(frozen=True, eq=False)
class Rules:
    """The settings that shape an episode; equal settings are one and the same object.

    Hence two environments agree on the rules exactly if ``a.rules is b.rules``, also after copying and pickling. Get
    one with :func:`rules_of`.
    """

    size: int
    p: float
    success_rate: float
    is_slippery: bool
    tile_symbols: tuple[str, str, str]
    """How ice, holes and the goal are drawn."""
    player_symbols: tuple[str, str, str]
    """How a player is drawn on ice, in a hole and on the goal."""
    directions: tuple[tuple[int, int], ...]
    """Pairs of an action's number and its direction."""
    observation_format: str
    render_mode: str

    @cached_property
    def slips(self) -> tuple[float, float, float]:
        """Below the first number one slips to one side, below the second one goes as meant, below the third to the
        other side.

        They are added up as upstream adds them, rounding included: the last may be a little below 1.
        """
        side = (1.0 - self.success_rate) / 2.0
        return side, side + self.success_rate, side + self.success_rate + side

    def __reduce__(self) -> tuple:
        return _the_rules, tuple(getattr(self, f.name) for f in fields(self))


@cache
def _the_rules(*settings: object) -> Rules:
    return Rules(*settings)  # type: ignore[arg-type]


def rules_of(config: FrozenLakeEnvConfig) -> Rules:
    """The rules that a configuration asks for."""
    codes = [config.map_lookup[tile] for tile in (b"F", b"H", b"G")]
    players = [PLAYER_CODE, PLAYER_IN_HOLE_CODE, PLAYER_ON_GOAL_CODE]
    return _the_rules(
        config.size,
        config.p,
        config.success_rate,
        config.is_slippery,
        tuple(config.grid_lookup.get(code, "?") for code in codes),
        tuple(config.grid_lookup.get(code, "?") for code in players),
        tuple(config.action_map.items()),
        config.observation_format,
        config.render_mode,
    )


class Lake:
    """A map, with the rules it is played by.

    Immutable, compared by value, shared by every state and snapshot of the map.
    """

    __slots__ = ("_hash", "after", "goal", "rules", "start", "texts", "tiles")

    def __init__(self, rules: Rules, tiles: str) -> None:
        self.rules, self.tiles = rules, tiles
        self.start, self.goal = tiles.index(START), tiles.index(GOAL)
        self.after = [
            (cell,) * 4 if tile in (HOLE, GOAL) else beside
            for cell, (tile, beside) in enumerate(zip(tiles, neighbours(rules.size), strict=True))
        ]
        """Of every cell: where the four directions lead. Nothing leads out of a hole or off the goal."""
        self.texts: list[str | None] = [None] * len(tiles)
        """The observation for each cell the player may be in, once it has been drawn."""
        self._hash = hash((id(rules), tiles))

    def position(self, cell: int) -> tuple[int, int]:
        """``(row, column)`` of a cell."""
        return divmod(cell, self.rules.size)

    def distance_to_goal(self, cell: int) -> int:
        """Manhattan distance of a cell from the goal."""
        (row, column), (goal_row, goal_column) = self.position(cell), self.position(self.goal)
        return abs(row - goal_row) + abs(column - goal_column)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Lake):
            return NotImplemented
        return self.rules is other.rules and self.tiles == other.tiles

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Lake({self.tiles!r})"

    def __reduce__(self) -> tuple:
        return Lake, (self.rules, self.tiles)

    def __copy__(self) -> Lake:
        return self

    def __deepcopy__(self, memo: dict) -> Lake:
        return self
