"""The tool of ``patches/``, importable, and a made-up checkout with patches of its own to work on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BASE", "PATCHES", "TRAIN", "MadeUp", "PatchError", "make", "parse", "read_all", "tool"]

PATCHES = Path(__file__).resolve().parents[2] / "patches"
sys.path.insert(0, str(PATCHES))

import apply as tool  # noqa: E402
from patch_file import Hunk, Patch, PatchError, parse, read_all  # noqa: E402

TRAIN = b"".join(b"line %d\n" % number for number in range(1, 31))
BASE = b"first: 1\nsecond: 2\nthird: 3\n"
RECIPES = {
    "10-train.patch": ("train.py", TRAIN, {5: (b"ours 1\n",), 20: (b"ours 2\n", b"ours 3\n"), 30: (b"ours 4\n",)}),
    "20-base.patch": ("config/base.yaml", BASE, {0: (b"ours: 5\n",), 2: (b"ours: 6\n",)}),
}
"""Patch: file, its content, and what is inserted after which line."""


@dataclass
class MadeUp:
    """A git checkout, a folder of patches for its commit, and the command."""

    path: Path
    patches: Path
    run: Callable[..., tuple[int, str, str]]

    def git(self, *arguments: str) -> str:
        name = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(self.path), *name, *arguments], capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    def commit(self, contents: dict[str, bytes | None]) -> str:
        """Commit files with these contents (None: removed); returns the commit."""
        for name, content in contents.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "made up")
        return self.git("rev-parse", "HEAD")

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Contents and permissions of everything that is not git's."""
        found = (file for file in self.path.rglob("*") if file.is_file() and ".git" not in file.parts)
        return {str(file.relative_to(self.path)): (file.read_bytes(), file.stat().st_mode) for file in found}


def make(folder: Path, patches: Path, run: Callable[..., tuple[int, str, str]]) -> MadeUp:
    """A checkout in ``folder`` with two files to patch, clean, and two patches for it in ``patches``."""
    checkout = MadeUp(folder, patches, run)
    folder.mkdir()
    patches.mkdir()
    checkout.git("init", "--quiet")
    checkout.commit({path: content for path, content, _ in RECIPES.values()} | {"other.txt": b"other\n"})
    (folder / "train.py").chmod(0o755)
    commit = checkout.commit({})
    for name, (path, content, inserted) in RECIPES.items():
        hunks = tuple(Hunk(after, lines) for after, lines in inserted.items())
        empty = Patch(
            name, f"A title\n\nUpstream-commit: {commit}\n\n", commit, path, "0" * 40, "0" * 40, "100644", hunks
        )
        mode = "100755" if path == "train.py" else "100644"
        (patches / name).write_bytes(empty.moved(commit, content, list(inserted), mode).text())
    return checkout
