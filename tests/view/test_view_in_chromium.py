"""The page in a real browser: what is drawn, how one walks through it, and that texts stay texts."""

from __future__ import annotations

import threading

import pytest
from recorded_run import NASTY, node, record, two_slots, wide, write_run, write_step
from view_browser import CHROMIUM, Browser

from ragen_tsr.view.page import write_page
from ragen_tsr.view.searches import RecordedRun
from ragen_tsr.view.server import make_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH (Debian: apt install chromium)")

SHOWN = """[...document.querySelectorAll('#tree .node:not(.later)')]
    .map((one) => Number(one.dataset.id)).sort((a, b) => a - b)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run", {1: [two_slots(NASTY), wide()], 5: [two_slots()]})


@pytest.fixture
def page(browser, folder, tmp_path):
    """The page as a file, opened at the first step's first search, slot 0."""
    address = write_page(RecordedRun(folder), tmp_path / "view.html").as_uri()
    browser.open(address + "#step=1&search=0&slot=0")
    yield browser
    assert browser.problems() == []
    assert [asked.partition("#")[0] for asked in browser.asked()] == [address]


def classes(browser: Browser, number: int) -> set[str]:
    return set(browser.run(f"document.querySelector('#tree [data-id=\"{number}\"]').getAttribute('class')").split())


def text(browser: Browser, selector: str) -> str:
    return browser.run(f"document.querySelector('{selector}').innerText")


def test_a_tree_shows_the_slots_nodes_and_their_fates(page):
    assert page.run(SHOWN) == [-1, 0, 1, 2, 3, 4]
    fates = {0: "chosen", 1: "pruned", 2: "merged", 3: "chosen", 4: "pruned"}
    assert all(fate in classes(page, number) for number, fate in fates.items())
    assert page.run("document.querySelectorAll('#tree .node svg.face').length") == 6
    assert page.run("document.querySelectorAll('#tree .badge:not(.bad)').length") == 1
    page.key("ArrowDown")
    assert page.run(SHOWN) == [-1, 5, 6, 7, 8]
    assert "kept" in classes(page, 6)


def test_turns_are_walked_through_with_the_keys(page):
    page.key("Home")
    assert page.run(SHOWN) == [-1]
    page.key("ArrowRight")
    assert page.run(SHOWN) == [-1, 0, 1, 2]
    assert "3 turns sampled, 1 merged, 1 pruned, 1 go on" in text(page, "#account")
    page.key("ArrowRight")
    assert page.run(SHOWN) == [-1, 0, 1, 2, 3, 4]
    assert "dim" in classes(page, 1)
    page.key("End")
    assert text(page, "#account").startswith("Solved.")
    assert "dim" not in classes(page, 1)


def test_playing_goes_from_the_start_to_what_was_committed(page):
    page.run("globalThis.setInterval = (action) => { globalThis.tick = action; return 1; }")
    page.key(" ")
    shown = [len(page.run(SHOWN))]
    for _ in range(3):
        page.run("tick()")
        shown.append(len(page.run(SHOWN)))
    assert shown == [1, 4, 6, 6]
    assert page.run("document.querySelector('#turns [aria-selected=true]').textContent") == "Committed"


def test_a_text_of_the_model_stays_a_text(page):
    page.click('#tree [data-id="3"]')
    assert text(page, "#node .response").replace("\n", "") == NASTY
    assert page.run("document.querySelectorAll('#node img, #node script, .response > :not(span)').length") == 0
    page.click('#tree [data-id="1"]')
    assert page.run("window.pwned === undefined")


def test_a_node_tells_its_score_reward_and_rivals(page):
    page.click('#tree [data-id="4"]')
    shown = text(page, "#node")
    for part in ("Turn 2", "pruned", "return so far", "−0.2", "committed"):
        assert part in shown
    assert page.run("document.querySelectorAll('#node .peers button').length") == 2
    page.click("#node .peers button")
    assert "Node 3," in text(page, "#node .note")
    assert "picked" in classes(page, 3)


def test_the_search_stands_beside_plain_sampling(page):
    rows = text(page, "#compare tbody").split("\n")
    assert [row.split("\t") for row in rows] == [["committed", "9.9", "100 %"], ["none, estimated", "4.78", "50 %"]]


def test_the_address_brings_one_back(page):
    page.click('#tree [data-id="1"]')
    page.key("Home")
    page.wait("location.hash === '#step=1&search=0&slot=0&turn=0&node=-1'")
    address = page.run("location.href")
    page.key("]")
    page.wait("location.hash.startsWith('#step=5&')")
    page.run(f"location.hash = {address.partition('#')[2]!r}")
    page.wait("document.querySelector('#step-shown').textContent === '1'")
    assert page.run(SHOWN) == [-1]


def test_a_large_tree_is_drawn_whole_and_walked_through(page):
    page.click("#groups button:nth-child(2)")
    page.click("#slots button:first-child")
    assert len(page.run(SHOWN)) == 8 * (1 + 4 + 4 * 8)
    page.key("Home")
    page.key("ArrowRight")
    page.key("ArrowRight")
    assert len(page.run(SHOWN)) == 8 * (1 + 4 + 8)


def test_what_is_served_shows_the_same_and_asks_its_server_only(browser, folder, tmp_path):
    shop = record([node(0, -1, 1, "chosen", actions=["click[buy now]"], state="Order placed [SEP] Score 1.0")], [0],
                  tag="WebShop", start="Instruction: a blue bag\nActions: search[<content>]")  # fmt: skip
    write_step(folder, 6, [shop])
    other = write_run(tmp_path / "plain", {1: [two_slots()]}, "none")
    with make_server(RecordedRun(folder), RecordedRun(other), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}/"
        browser.open(home)
        assert browser.run(SHOWN) == [-1, 0, 1, 2, 3, 4]
        assert "none, in a run of its own" in text(browser, "#compare")
        assert browser.run("document.querySelectorAll('#compare .strip').length") == 2
        browser.open(home + "#step=6")
        assert text(browser, "#node .shop li:last-child") == "Score 1.0"
        assert "a blue bag" in browser.run("document.querySelector('#tree').textContent")
        assert browser.problems() == []
        assert set(browser.asked()) == {home + "#step=6", home + "steps/6.json"} or {
            asked.partition("#")[0] for asked in browser.asked()
        } == {home, home + "steps/6.json"}
        server.shutdown()
