"""What does not change while one Sokoban room is played.

Decides how a room is stored: cell ``(row, column)`` has the number ``row * stride + column`` with
``stride = columns + 1``, and a set of cells is an ``int`` with one bit a cell. The spare column is
where a text has its line break, so a cell's number is also its place in the drawn text. Making rooms
is left to :mod:`.room`, moving in them to :mod:`.env`, drawing them to :mod:`.render`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache

from .config import SokobanEnvConfig

WALL, FLOOR, TARGET, BOX_ON_TARGET, BOX, PLAYER, PLAYER_ON_TARGET = range(7)


def cells_of(mask: int) -> Iterator[int]:
    """The numbers of the cells in a set, in reading order."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class Geometry:
    """Numbering of the cells of a room of ``rows`` x ``columns``; get one with :func:`geometry`."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.stride = columns + 1
        self.size = rows * self.stride
        self.bits = [1 << cell for cell in range(self.size)]
        """The one-cell set of every cell."""
        self.deltas = (-self.stride, self.stride, -1, 1)
        """What up, down, left and right add to a cell's number."""
        self.labels = [f"({cell // self.stride}, {cell % self.stride})" for cell in range(self.size)]
        """Every cell as an observation names it."""
        self._distances: dict[int, list[int]] = {}

    def cell(self, row: int, column: int) -> int:
        """Number of the cell at ``(row, column)``."""
        return row * self.stride + column

    def position(self, cell: int) -> tuple[int, int]:
        """``(row, column)`` of a cell."""
        return divmod(cell, self.stride)

    def distances_from(self, cell: int) -> list[int]:
        """Distance along rows and columns to every cell; each list is made once."""
        if cell not in self._distances:
            row, column = self.position(cell)
            places = map(self.position, range(self.size))
            self._distances[cell] = [abs(r - row) + abs(c - column) for r, c in places]
        return self._distances[cell]


@lru_cache(maxsize=64)
def geometry(rows: int, columns: int) -> Geometry:
    """The numbering of a room size, made once."""
    return Geometry(rows, columns)


@dataclass(frozen=True, eq=False)
class Rules:
    """The settings that shape an episode; equal settings are one and the same object.

    Hence two environments agree on the rules exactly if ``a.rules is b.rules``, also after copying
    and pickling. Get one with :func:`rules_of`.
    """

    rows: int
    columns: int
    num_boxes: int
    max_steps: int
    search_depth: int
    symbols: tuple[str, ...]
    observation_format: str
    render_mode: str

    @cached_property
    def geometry(self) -> Geometry:
        """Numbering of the room's cells."""
        return geometry(self.rows, self.columns)

    def __reduce__(self) -> tuple:
        return _the_rules, tuple(getattr(self, f.name) for f in fields(self))


@cache
def _the_rules(*settings: object) -> Rules:
    return Rules(*settings)  # type: ignore[arg-type]


def rules_of(config: SokobanEnvConfig) -> Rules:
    """The rules that a configuration asks for."""
    rows, columns = config.dim_room
    return _the_rules(
        rows,
        columns,
        config.num_boxes,
        config.max_steps,
        config.search_depth,
        tuple(config.grid_lookup.get(code, "?") for code in range(7)),
        config.observation_format,
        config.render_mode,
    )


class Board:
    """Walls, floors and targets of a room, with the rules it is played by.

    Immutable, compared by value, shared by every state and snapshot of the room.
    """

    __slots__ = ("_hash", "bits", "deltas", "floor", "rules", "targets", "template")

    def __init__(self, rules: Rules, floor: int, targets: int) -> None:
        self.rules = rules
        self.floor = floor
        """Cells that are no walls, targets included."""
        self.targets = targets
        self.bits, self.deltas = rules.geometry.bits, rules.geometry.deltas
        self.template = self._draw(rules)
        """The drawn text without player and boxes, one symbol a cell."""
        self._hash = hash((id(rules), floor, targets))

    def _draw(self, rules: Rules) -> list[str]:
        template = [rules.symbols[WALL]] * (rules.geometry.size - 1)
        for cell in cells_of(self.floor):
            template[cell] = rules.symbols[TARGET if self.bits[cell] & self.targets else FLOOR]
        template[rules.columns :: rules.geometry.stride] = ["\n"] * (rules.rows - 1)
        return template

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Board):
            return NotImplemented
        return self.rules is other.rules and self.floor == other.floor and self.targets == other.targets

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Board({''.join(self.template)!r})"

    def __reduce__(self) -> tuple:
        return Board, (self.rules, self.floor, self.targets)

    def __copy__(self) -> Board:
        return self

    def __deepcopy__(self, memo: dict) -> Board:
        return self
