"""How a Sokoban state looks: three text formats, and an image for people.

Decides the layout of observations, which is the environment's interface and equals upstream's (labels,
order of the lists, blanks). The image is our own drawing: flat tiles of 16 x 16 pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .board import BOX, BOX_ON_TARGET, FLOOR, PLAYER, PLAYER_ON_TARGET, TARGET, Board, cells_of

TILE = 16
"""Height and width of a cell in the image, in pixels."""


def text(board: Board, player: int, boxes: int, observation_format: str) -> str:
    """The state as ``grid``, ``coord`` or ``grid_coord``."""
    if observation_format == "grid":
        return _grid(board, player, boxes)
    if observation_format == "coord":
        return _coordinates(board, player, boxes)
    coordinates, grid = _coordinates(board, player, boxes), _grid(board, player, boxes)
    return f"Coordinates: \n{coordinates}\nGrid Map: \n{grid}"


def _grid(board: Board, player: int, boxes: int) -> str:
    symbols, targets = board.rules.symbols, board.targets
    drawn = board.template.copy()
    drawn[player] = symbols[PLAYER_ON_TARGET if targets & board.bits[player] else PLAYER]
    while boxes:  # cells_of() inlined: this runs at every step
        lowest = boxes & -boxes
        drawn[lowest.bit_length() - 1] = symbols[BOX_ON_TARGET if targets & lowest else BOX]
        boxes ^= lowest
    return "".join(drawn)


def _coordinates(board: Board, player: int, boxes: int) -> str:
    rules, labels = board.rules, board.rules.geometry.labels
    standing = board.bits[player]
    listed = (
        ("Targets", board.targets),
        ("Boxes", boxes & ~board.targets),
        ("Boxes on target", boxes & board.targets),
        ("Player", standing & ~board.targets),
        ("Player on target", standing & board.targets),
    )
    lines = [f"Board size: {rules.rows} rows x {rules.columns} cols (zero-indexed)."]
    lines += [f"{name}: {', '.join(labels[c] for c in cells_of(mask))}" for name, mask in listed if mask]
    return "\n".join(lines)


def codes(board: Board, player: int | None = None, boxes: int = 0) -> np.ndarray:
    """Cell codes, int64 ``(rows, columns)``: 0 wall, 1 floor, 2 target, 3 box on target, 4 box, 5 player.

    Without player and boxes, the fixed part of the room. Read-only.
    """
    geometry = board.rules.geometry
    flat = bytearray(geometry.size)
    for cell in cells_of(board.floor):
        flat[cell] = TARGET if board.targets & board.bits[cell] else FLOOR
    for cell in cells_of(boxes):
        flat[cell] = BOX_ON_TARGET if board.targets & board.bits[cell] else BOX
    if player is not None:
        flat[player] = PLAYER
    grid = np.frombuffer(flat, dtype=np.uint8).reshape(geometry.rows, geometry.stride)
    result = grid[:, : geometry.columns].astype(np.int64)
    result.setflags(write=False)
    return result


def image(board: Board, player: int, boxes: int) -> np.ndarray:
    """The state as a picture, uint8 ``(16 * rows, 16 * columns, 3)``."""
    shown = codes(board, player, boxes)
    if board.targets & board.bits[player]:
        shown = np.where(shown == PLAYER, PLAYER_ON_TARGET, shown)
    tiles = _tiles()[shown]  # (rows, columns, TILE, TILE, 3)
    rows, columns = shown.shape
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * TILE, columns * TILE, 3)


@lru_cache(maxsize=1)
def _tiles() -> np.ndarray:
    """One tile a code, uint8 ``(7, TILE, TILE, 3)``."""
    y, x = np.mgrid[:TILE, :TILE] - (TILE - 1) / 2
    radius = np.hypot(y, x)
    reach = np.maximum(abs(y), abs(x))

    wall = np.full((TILE, TILE, 3), (92, 84, 78), dtype=np.uint8)
    wall[::8] = (60, 54, 50)
    wall[:8, ::16] = wall[8:, 8::16] = (60, 54, 50)
    floor = np.full((TILE, TILE, 3), (236, 229, 214), dtype=np.uint8)
    target = floor.copy()
    target[(radius > 3.2) & (radius < 5.2)] = target[radius < 1.5] = (200, 60, 60)

    def box_on(ground: np.ndarray, light: tuple, dark: tuple) -> np.ndarray:
        tile = ground.copy()
        tile[reach < 6] = light
        tile[(reach < 6) & ((reach > 5) | (abs(abs(y) - abs(x)) < 1))] = dark
        return tile

    def player_on(ground: np.ndarray) -> np.ndarray:
        tile = ground.copy()
        tile[np.hypot(y - 3.5, x / 1.2) < 4] = (45, 95, 170)
        tile[np.hypot(y + 3, x) < 3.2] = (240, 190, 140)
        return tile

    return np.stack(
        [
            wall,
            floor,
            target,
            box_on(target, (96, 170, 90), (50, 110, 48)),
            box_on(floor, (205, 150, 80), (135, 90, 40)),
            player_on(floor),
            player_on(target),
        ]
    )
