"""Draws a state for people, from the text that the agent was shown.

Decides what a Sokoban room, a FrozenLake map, a WebShop page and any other text look like. What the symbols of a grid
mean is read from the run's configuration (:func:`look_of`); the text itself is the environment's. Everything that
comes from a text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from ragen_tsr import backend

SOKOBAN_TILES = ("wall", "floor", "target", "box on target", "box", "player", "player on target")
FROZEN_LAKE_TILES = ("player", "ice", "hole", "goal", "player in hole", "player on goal")
"""What the codes 0, 1, ... of an environment's ``grid_lookup`` stand for; a start tile is the player's."""

GRID_HEADING = "Grid Map:"
"""Stands before the grid where coordinates are listed as well."""

RIM = 0.6
"""How much of the walls around a room is shown, in cells."""

WISH = re.compile(r"\AInstruction:(?: \[SEP\])? (?P<wish>.*?)(?: \[SEP\] |\n|\Z)", re.DOTALL)
PRODUCT = re.compile(r"[A-Z0-9]{10}\Z")
OFFERED = "Actions: "
BUTTONS = ("Back to Search", "< Prev", "Next >", "Description", "Features", "Reviews", "Buy Now")

BOARD_STYLE = (Path(__file__).parent / "boards.css").read_text(encoding="utf-8")
"""CSS of what :func:`board_svg` returns; a page needs it once."""


@dataclass(frozen=True)
class Look:
    """How the states of one environment tag are drawn."""

    env_type: str
    """The tag's ``env_type``; ``sokoban`` and ``frozen_lake`` are drawn as grids, ``webshop`` as pages."""
    symbols: Mapping[str, str] = field(default_factory=dict)
    """Of a grid the name of the tile that each symbol stands for."""

    @property
    def is_grid(self) -> bool:
        """Whether states are pictures."""
        return bool(self.symbols)


def look_of(custom_env: Mapping[str, Any]) -> Look:
    """How to draw an environment.

    Args:
        custom_env: An entry of ``custom_envs``: ``env_type``, and ``env_config`` with a ``grid_lookup`` where symbols
            are the user's own.
    """
    env_type = custom_env["env_type"]
    tiles = {"sokoban": SOKOBAN_TILES, "frozen_lake": FROZEN_LAKE_TILES}.get(env_type)
    if tiles is None:
        return Look(env_type)
    settings = custom_env.get("env_config") or {}
    lookup = settings.get("grid_lookup") or backend.REGISTERED_ENV_CONFIGS[env_type]().grid_lookup
    return Look(env_type, {symbol: tiles[int(code)] for code, symbol in lookup.items()})


def board_svg(state: str, look: Look) -> str:
    """A state as HTML: a grid as ``<svg class="board">``, a shop's page as ``<div class="shop">``, else ``<pre>``.

    A text that is not what ``look`` expects (coordinates only, a message) is shown as the text it is.
    """
    rows = _grid(state, look)
    if rows:
        return _draw(rows, look)
    wish = WISH.match(state)
    if look.env_type == "webshop" and (wish or " [SEP] " in state):
        return _page(state, wish.group("wish") if wish else "")
    return f'<pre class="state-text">{escape(state)}</pre>'


def _grid(state: str, look: Look) -> list[str]:
    """The lines of the state's grid, equally long; none if it has no grid."""
    lines = state.partition(GRID_HEADING)[2].partition("\n")[2] if GRID_HEADING in state else state
    rows = lines.strip("\n").split("\n")
    known = all(rows) and len({len(row) for row in rows}) == 1 and set("".join(rows)) <= set(look.symbols)
    return rows if known else []


Cell = tuple[int, int]
Tiles = Mapping[Cell, str]


def _draw(rows: list[str], look: Look) -> str:
    tiles = {(x, y): look.symbols[symbol] for y, row in enumerate(rows) for x, symbol in enumerate(row)}
    width, height = len(rows[0]), len(rows)
    draw = _sokoban if look.env_type == "sokoban" else _frozen_lake
    label = escape("\n".join(rows), quote=True)
    box = " ".join(f"{number:g}" for number in _sight(tiles, width, height))
    return (
        f'<svg class="board" xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" '
        f'aria-label="{label}">{"".join(draw(tiles, width, height))}</svg>'
    )


def _sight(tiles: Tiles, width: int, height: int) -> tuple[float, float, float, float]:
    """What is shown of a board, as left, top, width and height: a square around what is not wall, with a rim."""
    inside = [cell for cell, tile in tiles.items() if tile != "wall"] or list(tiles)
    columns, rows = ([cell[axis] for cell in inside] for axis in (0, 1))
    side = 1 + 2 * RIM + max(max(columns) - min(columns), max(rows) - min(rows))

    def along(cells: list[int], size: int) -> tuple[float, float]:
        shown = min(side, size)
        return min(max((min(cells) + max(cells) + 1 - shown) / 2, 0), size - shown), shown

    (left, across), (top, down) = along(columns, width), along(rows, height)
    return left, top, across, down


def _sokoban(tiles: Tiles, width: int, height: int) -> Iterable[str]:
    yield f'<rect width="{width}" height="{height}" fill="#efe8d8"/>'
    yield _lines(width, height, "#e2d9c4")
    walls = [cell for cell, tile in tiles.items() if tile == "wall"]
    yield f'<path d="{_squares(walls)}" fill="#5f574f"/>'
    bricks = "".join(f"M{x} {y + 0.5:g}h1M{x + 0.5:g} {y}v.5M{x} {y + 0.5:g}v.5M{x} {y}h1" for x, y in walls)
    yield f'<path d="{bricks}" stroke="#4a433d" stroke-width=".06" fill="none"/>'
    for (x, y), tile in tiles.items():
        if "target" in tile:
            ring = '<circle r=".3" fill="none" stroke="#d64545" stroke-width=".09"/>'
            yield _at(x, y, f'{ring}<circle r=".1" fill="#d64545"/>')
        if tile.startswith("box"):
            light, dark = ("#5fae5a", "#2f6b34") if "target" in tile else ("#d39a55", "#87592a")
            yield _at(
                x,
                y,
                f'<rect x="-.39" y="-.39" width=".78" height=".78" rx=".07" fill="{light}" stroke="{dark}" '
                f'stroke-width=".08"/><path d="M-.33-.33L.33.33M.33-.33L-.33.33" stroke="{dark}" stroke-width=".07"/>',
            )
        if tile.startswith("player"):
            yield _person(x, y, "#2563a8")


def _frozen_lake(tiles: Tiles, width: int, height: int) -> Iterable[str]:
    yield f'<rect width="{width}" height="{height}" fill="#e2f0f7"/>'
    glints = "".join(f"M{x + 0.18:g} {y + 0.42:g}l.24-.24M{x + 0.58:g} {y + 0.82:g}l.24-.24" for x, y in tiles)
    yield f'<path d="{glints}" stroke="#f6fbfe" stroke-width=".06" stroke-linecap="round"/>'
    yield _lines(width, height, "#c3dce9")
    for (x, y), tile in tiles.items():
        if tile.endswith("hole"):
            yield _at(x, y, '<circle r=".38" fill="#274c6b"/><circle r=".29" cy=".05" fill="#16324a"/>')
        if tile.endswith("goal"):
            pole = '<path d="M-.16.36V-.36" stroke="#6b4f2f" stroke-width=".08" stroke-linecap="round"/>'
            yield _at(x, y, f'{pole}<path d="M-.12-.36L.34-.2L-.12-.02z" fill="#2f9e44"/>')
        if tile == "player in hole":
            cross = '<path d="M-.2-.2L.2.2M.2-.2L-.2.2" stroke="#ff6b6b" stroke-width=".13" stroke-linecap="round"/>'
            yield _at(x, y, cross)
        elif tile.startswith("player"):
            yield _person(x + 0.14 if tile.endswith("goal") else x, y, "#c2402f")


def _person(x: float, y: int, colour: str) -> str:
    body = f'<path d="M-.26.38a.26.34 0 0 1 .52 0z" fill="{colour}"/>'
    return _at(x, y, f'{body}<circle r=".19" cy="-.16" fill="#f2c18f" stroke="{colour}" stroke-width=".05"/>')


def _at(x: float, y: float, drawing: str) -> str:
    """A drawing around (0, 0), moved to the middle of a cell."""
    return f'<g transform="translate({x + 0.5:g} {y + 0.5:g})">{drawing}</g>'


def _squares(cells: Iterable[Cell]) -> str:
    return "".join(f"M{x} {y}h1v1h-1z" for x, y in cells)


def _lines(width: int, height: int, colour: str) -> str:
    lines = [f"M0 {y}h{width}" for y in range(1, height)] + [f"M{x} 0v{height}" for x in range(1, width)]
    return f'<path d="{"".join(lines)}" stroke="{colour}" stroke-width=".04"/>'


def _page(state: str, wish: str) -> str:
    """A shop's page: the wish on top, products as lines, what else can be clicked as buttons."""
    head, _, offered = state.partition("\n" + OFFERED)
    parts = head.split("\n")[0].split(" [SEP] ")
    texts = parts[2:] if parts[0] == "Instruction:" else parts[1:] if wish else parts
    actions = re.findall(r"(?:click|search)\[.*?\](?=, |\Z)", offered)
    clicks = {action[6:-1] for action in actions if action.startswith("click[")}
    items, buttons, place = [], [], 0
    while place < len(texts):
        text, following = texts[place], texts[place + 1 : place + 3]
        if PRODUCT.match(text) and text.lower() in clicks and len(following) == 2:
            title, price = map(escape, following)
            items.append(f'<li class="product"><code>{escape(text)}</code><b>{title}</b><i>{price}</i></li>')
            place += 3
            continue
        if text in BUTTONS or text.lower() in clicks:
            buttons.append(_button(text))
        else:
            if buttons:
                items.append(f"<li>{''.join(buttons)}</li>")
                buttons = []
            items.append(f"<li>{escape(text)}</li>")
        place += 1
    if buttons:
        items.append(f"<li>{''.join(buttons)}</li>")
    if not items:
        items = [f"<li>{''.join(_button(action) for action in actions)}</li>"]
    wished = f"<p>{escape(wish)}</p>" if wish else ""
    return f'<div class="shop">{wished}<ul>{"".join(items)}</ul></div>'


def _button(text: str) -> str:
    return f'<span class="button{" buy" if text == "Buy Now" else ""}">{escape(text)}</span>'
