"""What is worked out of recorded searches before a page shows them."""

from __future__ import annotations

import pytest
from recorded_run import START, node, record, two_slots, write_run, write_step

from ragen_tsr.view.searches import NoSearchesError, RecordedRun, gain, step_page


@pytest.fixture
def run(tmp_path):
    return RecordedRun(write_run(tmp_path / "run", {1: [two_slots()], 12: [two_slots()]}))


def test_steps_are_read_anew_while_the_run_goes_on(run):
    assert run.steps() == [1, 12]
    write_step(run.folder, 13, [two_slots()])
    assert run.steps() == [1, 12, 13]


def test_a_state_is_drawn_once(run):
    page = step_page(run, 1)
    [search] = page["searches"]
    assert len(page["pictures"]) == 2
    assert [shown["picture"] for shown in search["nodes"]] == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert all(picture.startswith("<svg") for picture in page["pictures"])


def test_actions_have_the_names_of_their_task(run):
    [search] = step_page(run, 1)["searches"]
    assert [search["nodes"][number]["actions"] for number in (0, 3, 8)] == [["→"], ["↓"], []]
    lake = record([node(0, -1, 1, "chosen", actions=[4, 1], state="P_\n_G")], [0], tag="FrozenLake", start="P_\n_G")
    shop = record(
        [node(0, -1, 1, "chosen", actions=["click[buy now]"])], [0], tag="WebShop", start="Instruction: a bag"
    )
    write_step(run.folder, 2, [lake, shop])
    assert [search["nodes"][0]["actions"] for search in step_page(run, 2)["searches"]] == [
        ["↑", "←"],
        ["click[buy now]"],
    ]


def test_gain_of_a_slot_and_of_the_group():
    searched = two_slots()
    slot, group = gain(searched, [0]), gain(searched, [0, 1])
    assert slot["return/committed"] == pytest.approx([-0.1, 9.9])
    assert slot["success/committed"] == [0, 1]
    assert slot["return/sampled"] == pytest.approx([-0.5 / 3, -0.5 / 3 + 9.9 / 2])
    assert slot["success/sampled"] == pytest.approx([0, 0.5])
    assert group["return/committed"] == pytest.approx([-0.1, (9.9 - 0.2) / 2])
    assert group["success/sampled"] == pytest.approx([0, 0.25])


def test_plain_sampling_gains_nothing():
    done = {"done": True, "success": True}
    nodes = [
        node(0, -1, 1, "chosen", slot=0),
        node(1, -1, 1, "chosen", slot=1, reward=2.0, **done),
        node(2, 0, 2, "chosen"),
    ]
    figures = gain(record(nodes, [2, 1]), [0, 1])
    assert figures["return/sampled"] == pytest.approx(figures["return/committed"])
    assert figures["success/sampled"] == pytest.approx(figures["success/committed"])


def test_outcomes_drawn_again_are_no_samples():
    nodes = [node(0, -1, 1, "pruned"), node(1, -1, 1, "chosen", reward=-5.0, redrawn=True)]
    assert gain(record(nodes, [1]), [0])["return/sampled"] == [-0.1]


def test_an_infinite_score_has_a_name_in_json(run):
    nodes = [node(0, -1, 1, "chosen", score=float("-inf"), accumulated=float("inf"))]
    write_step(run.folder, 2, [record(nodes, [0])])
    [shown] = step_page(run, 2)["searches"][0]["nodes"]
    assert (shown["score"], shown["accumulated"]) == ("-inf", "inf")


def test_best_of_n_has_no_slots_of_its_own(run):
    nodes = [node(0, -1, 1, "pruned", slot=0), node(1, -1, 1, "chosen", slot=1), node(2, -1, 1, "chosen", slot=0)]
    write_step(run.folder, 2, [record(nodes, [1, 2])])
    [search] = step_page(run, 2)["searches"]
    assert not search["by_slot"]
    assert set(search["gain"]) == {"all"}


def test_another_run_stands_beside_where_step_and_start_are_the_same(run, tmp_path):
    plain = record([node(0, -1, 1, "chosen", reward=-0.7)], [0])
    elsewhere = record([node(0, -1, 1, "chosen")], [0], seed=500001, start=START.replace("P", "_"))
    other = RecordedRun(write_run(tmp_path / "other", {1: [elsewhere, plain], 12: [elsewhere]}, "none"))
    [search] = step_page(run, 1, other)["searches"]
    assert search["beside"]["method"] == "none"
    assert search["beside"]["search"]["gain"]["all"]["return/committed"] == [-0.7]
    assert step_page(run, 12, other)["searches"][0]["beside"] is None


def test_a_tag_that_the_configuration_lacks_is_text(run):
    write_step(run.folder, 2, [record([node(0, -1, 1, "chosen", state="<b>")], [0], tag="Gone", start="<i>")])
    assert step_page(run, 2)["pictures"] == [
        '<pre class="state-text">&lt;i&gt;</pre>',
        '<pre class="state-text">&lt;b&gt;</pre>',
    ]


def test_a_folder_without_searches_is_refused(tmp_path):
    with pytest.raises(NoSearchesError, match=r"no config\.yaml"):
        RecordedRun(tmp_path)
    with pytest.raises(NoSearchesError, match="record_groups=2"):
        RecordedRun(write_run(tmp_path / "run", {}))
