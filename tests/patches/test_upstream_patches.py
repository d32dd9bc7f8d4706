"""The patches themselves: insertions of our own, few, explained, and in step with what they stand for."""

from __future__ import annotations

import re

import pytest
import yaml
from made_up_checkout import PATCHES, PatchError, parse, read_all

from ragen_tsr import backend
from ragen_tsr.config import CONFIG_DIR
from ragen_tsr.upstream.search_keys import block_defaults

OURS = {patch.name: patch for patch in read_all(PATCHES)}


def _lines(patch):
    return [line.decode() for hunk in patch.hunks for line in hunk.lines]


def test_few_lines_at_the_commit_that_the_backend_wants():
    assert sum(patch.inserted for patch in OURS.values()) < 40
    assert {patch.commit for patch in OURS.values()} == {backend.RAGEN_COMMIT}


@pytest.mark.parametrize("name", OURS)
def test_a_patch_says_why_it_is_one_and_shows_no_line_of_upstream(name):
    header, _, rest = (PATCHES / name).read_text().partition("diff --git ")
    assert "Why no subclass: " in header
    for line in rest.splitlines()[4:]:
        assert line.startswith("+") or re.fullmatch(r"@@ -\d+,0 \+\d+(,\d+)? @@", line)
    hunks = len(OURS[name].hunks)
    assert hunks == 1 or all(f"Hunk {number}" in header for number in range(1, hunks + 1))


def test_the_block_of_keys_has_our_own_defaults():
    (patch,) = (patch for patch in OURS.values() if patch.path == "config/base.yaml")
    block = yaml.safe_load("".join(_lines(patch)))
    root = yaml.safe_load((CONFIG_DIR / "tsr.yaml").read_text())
    assert block.pop("search") == block_defaults()
    assert block == {key: root[key] for key in block}
    assert {"run_seed", "env_noise", "env_engine"} <= set(block)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("+import", "-import", "only insertions without context"),
        ("+import", " import", "only insertions without context"),
        ("Upstream-commit: 2", "Upstream-commit: x", "needs an Upstream-commit line"),
        ("@@ -52,0 +53 @@", "@@ -52,0 +54 @@", "do not agree"),
        ("@@ -52,0 +53 @@", "@@ -52,0 +53 @@ import x", "only insertions without context"),
        ("@@ -52,0 +53 @@", "@@ -60,0 +53 @@", "out of order"),
        ("b/ragen/trainer/agent_trainer.py\nindex", "b/train.py\nindex", "one file"),
    ],
)
def test_what_is_no_patch_of_this_form_is_refused(old, new, said):
    text = (PATCHES / "10-agent-proxy.patch").read_text()
    assert old in text
    with pytest.raises(PatchError, match=said):
        parse("10-agent-proxy.patch", text.replace(old, new, 1).encode())


def test_the_page_counts_the_lines():
    page = (PATCHES.parent / "docs" / "patches.md").read_text()
    assert f"puts {sum(patch.inserted for patch in OURS.values())} lines into three files" in page
    for patch in OURS.values():
        assert f"| `{patch.path}` | {patch.inserted} |" in page
