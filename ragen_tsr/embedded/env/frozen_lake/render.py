"""How a FrozenLake state looks: three text formats, and an image for people.

Decides the layout of observations, which is the environment's interface and equals upstream's (labels, order of the
lists, blanks). The image is our own drawing: flat tiles of 16 x 16 pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .lake import GOAL, HOLE, ICE, START, Lake

TILE = 16
"""Height and width of a cell in the image, in pixels."""

_KINDS = {ICE: 0, START: 0, HOLE: 1, GOAL: 2}
"""Places of the tiles in the rules' symbols: a start is drawn as ice."""
_PLAYER_LABELS = ("Player", "Player in hole", "Player on goal")


def text(lake: Lake, player: int, observation_format: str) -> str:
    """The state as ``grid``, ``coord`` or ``grid_coord``; the player is in cell ``player``."""
    if observation_format == "grid":
        return _grid(lake, player)
    if observation_format == "coord":
        return _coordinates(lake, player)
    return f"Coordinates: \n{_coordinates(lake, player)}\nGrid Map: \n{_grid(lake, player)}"


def _grid(lake: Lake, player: int) -> str:
    rules, size = lake.rules, lake.rules.size
    drawn = [rules.tile_symbols[_KINDS[tile]] for tile in lake.tiles]
    drawn[player] = rules.player_symbols[_KINDS[lake.tiles[player]]]
    return "\n".join("".join(drawn[row : row + size]) for row in range(0, size * size, size))


def _coordinates(lake: Lake, player: int) -> str:
    size = lake.rules.size
    holes = [cell for cell, tile in enumerate(lake.tiles) if tile == HOLE]
    standing = _PLAYER_LABELS[_KINDS[lake.tiles[player]]]
    listed = [("Start", [lake.start]), ("Goal", [lake.goal]), (standing, [player]), ("Holes", holes)]
    lines = [f"Board size: {size} rows x {size} cols (zero-indexed)."]
    for name, cells in listed:
        if cells:
            lines.append(f"{name}: {', '.join('({}, {})'.format(*lake.position(cell)) for cell in cells)}")
    return "\n".join(lines)


def image(lake: Lake, player: int) -> np.ndarray:
    """The state as a picture, uint8 ``(16 * size, 16 * size, 3)``."""
    size = lake.rules.size
    shown = [_KINDS[tile] for tile in lake.tiles]
    shown[player] += len(_PLAYER_LABELS)
    tiles = _tiles()[np.reshape(shown, (size, size))]  # (size, size, TILE, TILE, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(size * TILE, size * TILE, 3)


@lru_cache(maxsize=1)
def _tiles() -> np.ndarray:
    """Ice, hole and goal, then the same with a player; uint8 ``(6, TILE, TILE, 3)``."""
    y, x = np.mgrid[:TILE, :TILE] - (TILE - 1) / 2
    radius = np.hypot(y, x)

    ice = np.full((TILE, TILE, 3), (222, 238, 246), dtype=np.uint8)
    ice[abs(x + y) < 1] = (200, 222, 235)
    hole, goal = ice.copy(), ice.copy()
    hole[radius < 6.5] = (40, 80, 120)
    goal[(abs(x + 2) < 1) & (abs(y) < 6)] = (90, 70, 50)
    goal[(x > -1) & (x < 5) & (abs(y + 3) < 3)] = (60, 150, 70)

    def with_player(ground: np.ndarray) -> np.ndarray:
        tile = ground.copy()
        tile[np.hypot(y - 3.5, x / 1.2) < 4] = (190, 60, 50)
        tile[np.hypot(y + 3, x) < 3.2] = (240, 190, 140)
        return tile

    return np.stack([ice, hole, goal, *map(with_player, (ice, hole, goal))])
