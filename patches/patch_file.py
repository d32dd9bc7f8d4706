"""The form of a patch of this folder: which lines go where in one file of upstream's, and what proves it.

Decides how a patch is read, put in, taken out and written; which file it meets is :mod:`checkout`'s. A patch is a
unified diff without context whose lines are all insertions, so that ``git apply --unidiff-zero`` takes it too. Above
the diff stand a title, the reasons, and the upstream commit it is for; the ``index`` line holds git's full ids of the
file before and after.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

COMMIT_LINE = re.compile(r"^Upstream-commit: ([0-9a-f]{40})$", re.MULTILINE)
DIFF_LINE = re.compile(r"diff --git a/(\S+) b/(\S+)")
INDEX_LINE = re.compile(r"index ([0-9a-f]{40})\.\.([0-9a-f]{40}) (100644|100755)")
HUNK_LINE = re.compile(r"@@ -(\d+),0 \+(\d+)(?:,(\d+))? @@")


class PatchError(ValueError):
    """A file of this folder is no patch of the form described above; the message says where."""


@dataclass(frozen=True)
class Hunk:
    """Lines that are inserted at one place."""

    after: int
    """Number of the upstream line that they follow, from 1; 0: they come first."""
    lines: tuple[bytes, ...]
    """Each with its line end."""


@dataclass(frozen=True)
class Patch:
    """All that is inserted into one file."""

    name: str
    """File name of the patch."""
    header: str
    """What stands above the diff: title, reasons, commit."""
    commit: str
    """The upstream commit that it is for."""
    path: str
    """The file, from the root of the checkout, with forward slashes."""
    before: str
    """git's id of the file without the patch."""
    after: str
    """git's id of the file with it."""
    mode: str
    hunks: tuple[Hunk, ...]

    @property
    def title(self) -> str:
        """The first line of the header."""
        return self.header.splitlines()[0]

    @property
    def inserted(self) -> int:
        """How many lines it inserts."""
        return sum(len(hunk.lines) for hunk in self.hunks)

    def insert(self, content: bytes) -> bytes:
        """The file with the lines put in; ``content`` is the file without them.

        Raises:
            PatchError: The file is shorter than the patch needs, or its last line does not end.
        """
        lines = content.splitlines(keepends=True)
        if content and not content.endswith(b"\n"):
            raise PatchError(f"{self.name}: {self.path} does not end with a line end")
        if self.hunks[-1].after > len(lines):
            raise PatchError(f"{self.name}: {self.path} has {len(lines)} lines, not {self.hunks[-1].after}")
        done: list[bytes] = []
        position = 0
        for hunk in self.hunks:
            done += [*lines[position : hunk.after], *hunk.lines]
            position = hunk.after
        return b"".join([*done, *lines[position:]])

    def take_out(self, content: bytes) -> bytes:
        """The file without the lines; ``content`` is the file with them.

        Raises:
            PatchError: Other lines stand where those of the patch should.
        """
        lines = content.splitlines(keepends=True)
        for hunk in self.hunks:  # in order: what was before a hunk is back by then
            if tuple(lines[hunk.after : hunk.after + len(hunk.lines)]) != hunk.lines:
                raise PatchError(f"{self.name}: not its lines after line {hunk.after} of {self.path}")
            del lines[hunk.after : hunk.after + len(hunk.lines)]
        return b"".join(lines)

    def moved(self, commit: str, content: bytes, places: list[int], mode: str) -> Patch:
        """The same lines for another commit, after lines ``places`` of ``content``, its file.

        Raises:
            PatchError: The places are out of order or beyond the end.
        """
        if places != sorted(set(places)):
            raise PatchError(f"{self.name}: places {places} are out of order")
        hunks = tuple(replace(hunk, after=place) for hunk, place in zip(self.hunks, places, strict=True))
        header = COMMIT_LINE.sub(f"Upstream-commit: {commit}", self.header)
        patch = replace(self, header=header, commit=commit, hunks=hunks, mode=mode, before=blob_id(content))
        return replace(patch, after=blob_id(patch.insert(content)))

    def text(self) -> bytes:
        """The patch as its file holds it."""
        parts = [
            f"{self.header}diff --git a/{self.path} b/{self.path}\nindex {self.before}..{self.after} {self.mode}\n"
            f"--- a/{self.path}\n+++ b/{self.path}\n".encode()
        ]
        shift = 0
        for hunk in self.hunks:
            count = len(hunk.lines)
            parts.append(f"@@ -{hunk.after},0 +{hunk.after + shift + 1}{f',{count}' * (count > 1)} @@\n".encode())
            parts += [b"+" + line for line in hunk.lines]
            shift += count
        return b"".join(parts)


def blob_id(content: bytes) -> str:
    """git's id of a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def read_all(folder: Path, edited: bool = False) -> list[Patch]:
    """The patches of a folder, by name.

    Args:
        edited: Somebody changed their lines by hand, so that numbers, counts and ids need not agree with them.

    Raises:
        PatchError: There is none, one is malformed, two are for one file, or they are for different commits.
    """
    patches = [parse(path.name, path.read_bytes(), edited) for path in sorted(folder.glob("*.patch"))]
    if not patches:
        raise PatchError(f"no *.patch in {folder}")
    if len({patch.path for patch in patches}) < len(patches):
        raise PatchError("two patches are for one file; put their hunks into one")
    if len({patch.commit for patch in patches}) > 1:
        raise PatchError(f"patches for different commits: {', '.join(sorted({patch.commit for patch in patches}))}")
    return patches


def parse(name: str, text: bytes, edited: bool = False) -> Patch:
    """One patch from what its file holds; ``edited`` as for :func:`read_all`.

    Raises:
        PatchError: It is not of the form that this module describes; names the file and the line.
    """
    top, found, rest = text.partition(b"diff --git ")
    header = top.decode()
    lines = (found + rest).split(b"\n")
    if not found or lines.pop() != b"":
        raise PatchError(f"{name}: no diff, or its last line does not end")
    commit = COMMIT_LINE.search(header)
    diff, index = (
        expression.fullmatch(line.decode()) for expression, line in zip((DIFF_LINE, INDEX_LINE), lines, strict=False)
    )
    if commit is None or diff is None or index is None or diff[1] != diff[2]:
        raise PatchError(
            f"{name}: needs an Upstream-commit line, one file, and git's full ids of it (git diff --full-index)"
        )
    if lines[2:4] != [f"--- a/{diff[1]}".encode(), f"+++ b/{diff[1]}".encode()]:
        raise PatchError(f"{name}: needs lines --- and +++ for {diff[1]}")
    before, after, mode = index.groups()
    patch = Patch(name, header, commit[1], diff[1], before, after, mode, _hunks(name, lines[4:]))
    if not edited and patch.text() != text:
        raise PatchError(f"{name}: line numbers or counts do not agree with its lines")
    return patch


def _hunks(name: str, lines: list[bytes]) -> tuple[Hunk, ...]:
    hunks: list[Hunk] = []
    for line in lines:
        if start := HUNK_LINE.fullmatch(line.decode()):
            hunks.append(Hunk(int(start[1]), ()))
        elif line.startswith(b"+") and hunks:
            hunks[-1] = replace(hunks[-1], lines=(*hunks[-1].lines, line[1:] + b"\n"))
        else:
            raise PatchError(f"{name}: {line.decode()!r}: only insertions without context may stand here")
    if not hunks or any(not hunk.lines for hunk in hunks):
        raise PatchError(f"{name}: a hunk without lines")
    if [hunk.after for hunk in hunks] != sorted({hunk.after for hunk in hunks}):
        raise PatchError(f"{name}: hunks out of order")
    return tuple(hunks)
