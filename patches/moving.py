"""Moving the patches to another upstream commit: finds the place of each hunk again, or says that a person must.

A place is found again when the lines on both sides of it stand side by side in the new file as they did in the old
one, as git's history of the checkout tells. Nothing is guessed: a place whose neighbours changed is reported with the
file to look at. What the overlay relies on beyond the patched files (``RELIED_ON``) is compared, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from checkout import Checkout, CheckoutError
from patch_file import Patch, blob_id

RELIED_ON = (
    "config/base.yaml",
    "config/envs.yaml",
    "ragen/env",
    "ragen/llm_agent",
    "ragen/trainer",
    "ragen/workers",
    "ragen/utils.py",
    "setup.py",
    "train.py",
    "verl",
)
"""What of upstream's the overlay subclasses, replaces, composes with or reproduces."""


class MoveError(RuntimeError):
    """A hunk's place is not in the new commit, or not surely; the message names all that are not."""


def move(
    checkout: Checkout, patches: Sequence[Patch], given: Mapping[tuple[str, int], int] | None = None
) -> tuple[list[Patch], str]:
    """The patches for the commit that ``checkout`` is at, and what is to be done next.

    Args:
        given: Places that a person found, by name of the patch and line that the hunk followed.

    Raises:
        CheckoutError: The old commit is not in the checkout's history (a shallow clone), or a patched file is gone or
            changed there.
        MoveError: A place was not found, or one was given that no hunk has.
    """
    given = given or {}
    hunks = {(patch.name, hunk.after) for patch in patches for hunk in patch.hunks}
    if unknown := [f"{name}:{line}" for name, line in given if (name, line) not in hunks]:
        known_hunks = ", ".join(f"{name}:{line}" for name, line in sorted(hunks))
        raise MoveError(f"no such place: {', '.join(unknown)}; there are {known_hunks}")
    old_commit, new_commit = patches[0].commit, checkout.commit
    try:
        checkout.git("cat-file", "-e", f"{old_commit}^{{commit}}")
    except CheckoutError as error:
        raise CheckoutError(
            f"{checkout.path} does not have {old_commit}, which the patches are for and must be compared with.\n"
            f"Run: git -C {checkout.path} fetch origin {old_commit}"
        ) from error
    moved, faults = [], []
    for patch in patches:
        old = checkout.git("show", f"{old_commit}:{patch.path}")
        try:
            new = checkout.git("show", f"{new_commit}:{patch.path}")
        except CheckoutError:
            faults.append(f"{patch.name}: {patch.path} is not in {new_commit}")
            continue
        file = checkout.path / patch.path
        if not file.is_file() or blob_id(file.read_bytes()) not in (blob_id(new), patch.after):
            faults.append(f"{patch.name}: {patch.path} is not as committed; git -C {checkout.path} diff HEAD")
            continue
        found = [
            given.get((patch.name, hunk.after), place)
            for hunk, place in zip(patch.hunks, places(old, new, patch), strict=True)
        ]
        for hunk, place in zip(patch.hunks, found, strict=True):
            if place is None:
                faults.append(
                    f"{patch.name}: the place after line {hunk.after} of {patch.path} is not there any more. See\n"
                    f"  git -C {checkout.path} diff {old_commit} {new_commit} -- {patch.path}\n"
                    f"  and give the line that it follows now: --place {patch.name}:{hunk.after}=LINE"
                )
        known = [place for place in found if place is not None]
        if len(known) == len(found):
            mode = checkout.git("ls-tree", new_commit, "--", patch.path).split(maxsplit=1)[0].decode()
            moved.append(patch.moved(new_commit, new, known, mode))
    if faults:
        raise MoveError("\n".join([*faults, "No patch was written."]))
    return moved, _next_steps(checkout, old_commit, new_commit)


def places(old: bytes, new: bytes, patch: Patch) -> list[int | None]:
    """The line of ``new`` that each hunk follows; None where its neighbours are not together any more."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matches = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    found: list[int | None] = []
    for hunk in patch.hunks:
        place = None
        for start, start_new, size in matches:
            first = 0 if hunk.after == 0 else start + 1  # a place has a line before it, unless it is the beginning
            last = start + size - (hunk.after < len(before))  # and one after it, unless it is the end
            if first <= hunk.after <= last:
                place = start_new + hunk.after - start
        found.append(place)
    return found


def _next_steps(checkout: Checkout, old_commit: str, new_commit: str) -> str:
    lines = [f"patches written for {new_commit}"]
    if old_commit == new_commit:
        return lines[0]
    changed = checkout.git("diff", "--stat", old_commit, new_commit, "--", *RELIED_ON).decode().rstrip()
    if changed:
        lines += ["changed in what the overlay relies on (read it: the same command without --stat):", changed]
        lines += [f"  git -C {checkout.path} diff --stat {old_commit} {new_commit} -- {' '.join(RELIED_ON)}"]
    else:
        lines.append("nothing changed in what the overlay relies on")
    lines.append(
        f"next: set RAGEN_COMMIT in ragen_tsr/backend.py to {new_commit}, then bash tests/upstream/run.sh CHECKOUT"
    )
    return "\n".join(lines)
