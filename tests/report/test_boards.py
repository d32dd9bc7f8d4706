"""States as pictures: which tile stands where, whatever the symbols, and nothing of a text is markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ragen_tsr.report.boards import BOARD_STYLE, Look, board_svg, look_of

SOKOBAN = look_of({"env_type": "sokoban", "env_config": {"dim_x": 6}})
FROZEN_LAKE = look_of({"env_type": "frozen_lake"})
SHOP = look_of({"env_type": "webshop"})
OWN_SYMBOLS = {0: "W", 1: ".", 2: "G", 3: "C", 4: "B", 5: "A", 6: "@"}
BOX, BOX_ON_TARGET, RING = "#d39a55", "#5fae5a", "#d64545"
PAGE = (
    "Instruction: [SEP] a blue <i>bag</i> [SEP] Back to Search [SEP] Page 1 (Total results: 1) [SEP] B0PMZFX1M2 [SEP] "
    "Lumeo <b>bag</b> [SEP] $10.0\nA hint.\nActions: click[back to search], click[b0pmzfx1m2]"
)


def places(svg: str, colour: str) -> list[tuple[str, str]]:
    """Middles of the cells whose drawing has a colour."""
    groups = [group for group in ET.fromstring(svg) if group.tag.endswith("}g")]
    shown = [group.get("transform") for group in groups if colour in ET.tostring(group, "unicode")]
    return [tuple(re.findall(r"[\d.]+", transform)) for transform in shown]


def test_a_room_has_its_tiles_in_their_cells():
    svg = board_svg("#####\n#P_O#\n#_X√#\n#####", SOKOBAN)
    assert places(svg, BOX) == [("2.5", "2.5")]
    assert places(svg, BOX_ON_TARGET) == [("3.5", "2.5")]
    assert places(svg, RING) == [("3.5", "1.5"), ("3.5", "2.5")]
    assert svg.count("h1v1h-1z") == 14  # walls


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        ("######\n######\n######\n###PX#\n###_O#\n######", "2.4 2.4 3.2 3.2"),
        ("######\n#PX_O#\n######", "0.4 0 5.2 3"),
        ("PXO\n___\n___", "0 0 3 3"),
        ("##\n##", "0 0 2 2"),
    ],
)
def test_what_is_only_wall_is_cut_off_to_a_rim(room, shown):
    assert ET.fromstring(board_svg(room, SOKOBAN)).get("viewBox") == shown


def test_the_runs_own_symbols_give_the_same_picture():
    own = look_of({"env_type": "sokoban", "env_config": {"grid_lookup": OWN_SYMBOLS}})
    drawings = [re.sub('aria-label="[^"]*"', "", picture) for picture in (
        board_svg("####\n#SX#\n#_O#\n####", SOKOBAN),
        board_svg("WWWW\nW@BW\nW.GW\nWWWW", own),
    )]  # fmt: skip
    assert drawings[0] == drawings[1]


def test_a_grid_below_coordinates_is_found():
    grid = "####\n#PX#\n####"
    assert board_svg(f"Coordinates: \nPlayer: (1, 1)\nGrid Map: \n{grid}", SOKOBAN) == board_svg(grid, SOKOBAN)


def test_a_lake_shows_holes_goal_and_who_fell():
    svg = board_svg("_O\nXG", FROZEN_LAKE)
    assert places(svg, "#274c6b") == [("1.5", "0.5"), ("0.5", "1.5")]
    assert places(svg, "#2f9e44") == [("1.5", "1.5")]
    assert places(svg, "#ff6b6b") == [("0.5", "1.5")]


@pytest.mark.parametrize("state", ["<script>alert(1)</script>", "", "##\n#", "Targets: (1, 1)"])
def test_what_is_no_grid_stays_a_text(state):
    shown = board_svg(state, SOKOBAN)
    assert shown.startswith('<pre class="state-text">')
    assert "<script" not in shown


def test_a_page_shows_wish_products_and_buttons_escaped():
    shown = board_svg(PAGE, SHOP)
    assert "<p>a blue &lt;i&gt;bag&lt;/i&gt;</p>" in shown
    assert "<b>Lumeo &lt;b&gt;bag&lt;/b&gt;</b><i>$10.0</i>" in shown
    assert '<span class="button">Back to Search</span>' in shown
    ET.fromstring(shown)


def test_the_first_page_offers_the_search():
    shown = board_svg("Instruction: a bag\nA hint.\nActions: search[<content>]", SHOP)
    assert "<p>a bag</p>" in shown
    assert "search[&lt;content&gt;]" in shown


def test_a_task_of_ones_own_is_text_and_style_asks_for_nothing():
    look = look_of({"env_type": "my_task"})
    assert look == Look("my_task")
    assert not look.is_grid
    assert board_svg("a & b", look) == '<pre class="state-text">a &amp; b</pre>'
    assert "http" not in BOARD_STYLE
