"""``python patches/apply.py CHECKOUT``: puts the lines of this folder into a checkout of upstream RAGEN.

Decides what each word of the command does and says. Needs nothing but Python and git. A file is recognised by git's id
of its contents, so only upstream's own and upstream's with our lines are ever worked on; all files change or none.
See docs/patches.md.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from checkout import Checkout, CheckoutError, State
from moving import MoveError, move
from patch_file import Patch, PatchError, read_all

FOLDER = Path(__file__).resolve().parent
OK, REFUSED = 0, 1
"""Exit statuses; argparse's own is 2."""


def apply(checkout: Checkout, patches: Sequence[Patch]) -> str:
    """Put every patch in. Nothing to do where all are in already.

    Raises:
        CheckoutError: Another commit, a changed file, or some patches in and others not; nothing was changed.
    """
    states = _agreed(checkout, patches)
    if State.APPLIED in states.values():
        return f"already applied: {_count(patches)}"
    checkout.write({patch.path: patch.insert((checkout.path / patch.path).read_bytes()) for patch in patches})
    return f"applied: {_count(patches)}"


def undo(checkout: Checkout, patches: Sequence[Patch]) -> str:
    """Take every patch out that is in, also where only some are; the files are upstream's again, byte for byte.

    Raises:
        CheckoutError: Another commit, or a changed file; nothing was changed.
    """
    checkout.require(patches[0].commit)
    states = checkout.states(patches)
    applied = [patch for patch, state in states.items() if state is State.APPLIED]
    if not applied:
        return "nothing to undo: no patch is applied"
    checkout.write({patch.path: patch.take_out((checkout.path / patch.path).read_bytes()) for patch in applied})
    return f"undone: {_count(applied)}"


def check(checkout: Checkout, patches: Sequence[Patch]) -> str:
    """Say whether :func:`apply` would work; change nothing.

    Raises:
        CheckoutError: It would not.
    """
    applied = State.APPLIED in _agreed(checkout, patches).values()
    return f"{'applied' if applied else 'can be applied'}: {_count(patches)}, commit {checkout.commit}"


def status(checkout: Checkout, patches: Sequence[Patch]) -> str:
    """The commit, and the state of each patch; refuses nothing."""
    wanted = patches[0].commit
    agrees = "that of the patches" if checkout.commit == wanted else f"the patches are for {wanted}"
    lines = [f"{checkout.path}", f"commit {checkout.commit}: {agrees}"]
    width = max(len(patch.path) for patch in patches)
    for patch in patches:
        lines.append(f"{patch.path:{width}}  {patch.inserted:2} lines  {checkout.state(patch).value}")
    return "\n".join(lines)


def diff(checkout: Checkout, patches: Sequence[Patch]) -> str:
    """What a reviewer of the checkout sees once the patches are in, in upstream's context; changes nothing.

    Raises:
        CheckoutError: Another commit, a changed file, or some patches in and others not.
    """
    applied = State.APPLIED in _agreed(checkout, patches).values()
    shown: list[str] = []
    for patch in patches:
        found = (checkout.path / patch.path).read_bytes()
        before, after = (patch.take_out(found), found) if applied else (found, patch.insert(found))
        old, new = (content.decode().splitlines(keepends=True) for content in (before, after))
        shown += difflib.unified_diff(old, new, f"a/{patch.path}", f"b/{patch.path}")
    return "".join(shown).rstrip("\n")


def move_pin(checkout: Checkout, patches: Sequence[Patch], places: Mapping[tuple[str, int], int] | None = None) -> str:
    """Rewrite the patches for the commit that the checkout is at, and say what else to look at.

    Raises:
        CheckoutError: git does not know the old commit, or a file was changed.
        MoveError: A place cannot be found again without a person; no patch was written.
    """
    moved, advice = move(checkout, patches, places)
    for patch in moved:
        (FOLDER / patch.name).write_bytes(patch.text())
    return advice


WORDS: dict[str, tuple[Callable[[Checkout, Sequence[Patch]], str], str]] = {
    "check": (check, "say whether that would work; change nothing"),
    "undo": (undo, "take the lines out again"),
    "status": (status, "say which patches are applied"),
    "diff": (diff, "show the lines in their places"),
    "move-pin": (move_pin, "rewrite the patches for the commit that the checkout is at"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python patches/apply.py", description="Put the lines of patches/ into a checkout of upstream RAGEN."
    )
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help="root of a clone of upstream RAGEN")
    words = parser.add_mutually_exclusive_group()
    for word, (_, help_text) in WORDS.items():
        words.add_argument(f"--{word}", dest="word", action="store_const", const=word, help=help_text)
    parser.add_argument(
        "--place",
        action="append",
        default=[],
        type=_place,
        metavar="PATCH:OLD=NEW",
        help="with --move-pin: the hunk that followed line OLD follows line NEW",
    )
    given = parser.parse_args(arguments)
    if given.place and given.word != "move-pin":
        parser.error("--place goes with --move-pin")
    try:
        checkout, patches = Checkout(given.checkout), read_all(FOLDER, edited=given.word == "move-pin")
        if given.word == "move-pin":
            said = move_pin(checkout, patches, dict(given.place))
        else:
            said = (WORDS[given.word][0] if given.word else apply)(checkout, patches)
    except (CheckoutError, MoveError, PatchError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    sys.stdout.write(f"{said}\n")
    return OK


def _place(text: str) -> tuple[tuple[str, int], int]:
    found = re.fullmatch(r"([^:]+):(\d+)=(\d+)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: must be PATCH:OLD=NEW, as in 20-train.patch:180=192")
    return (found[1], int(found[2])), int(found[3])


def _agreed(checkout: Checkout, patches: Sequence[Patch]) -> dict[Patch, State]:
    """The states of the patches, at the right commit and all alike."""
    checkout.require(patches[0].commit)
    states = checkout.states(patches)
    if len(set(states.values())) > 1:
        known = "\n".join(f"  {patch.path}: {state.value}" for patch, state in states.items())
        raise CheckoutError(
            f"{checkout.path}: some patches are applied and others are not.\n{known}\n"
            f"Run with --undo first, then apply again. Nothing was changed."
        )
    return states


def _count(patches: Sequence[Patch]) -> str:
    lines = sum(patch.inserted for patch in patches)
    return f"{lines} lines in {len(patches)} file{'s' * (len(patches) > 1)}"


if __name__ == "__main__":
    sys.exit(main())
