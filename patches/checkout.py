"""A checkout of upstream as the patches find it, and the one way in which its files are written.

Decides in which state a file is (from git's ids alone, so that nothing else counts as applied), what is refused, and
that a change is made to all files or to none. What the patches say is :mod:`patch_file`'s.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from patch_file import Patch, blob_id


class CheckoutError(RuntimeError):
    """This checkout cannot be worked on; the message says why and what to do."""


class State(Enum):
    """How a file stands to the patch that is for it."""

    CLEAN = "not applied"
    APPLIED = "applied"
    CHANGED = "changed by somebody else"
    MISSING = "missing"


class Checkout:
    """A git work tree.

    Args:
        path: Its root.

    Raises:
        CheckoutError: It is no git work tree's root.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        if not self.path.is_dir():
            raise CheckoutError(f"{path}: no such folder; give the root of a clone of upstream RAGEN")
        root = self.git("rev-parse", "--show-toplevel").decode().strip()
        if Path(root).resolve() != self.path:
            raise CheckoutError(f"{path}: inside the git work tree {root}, not its root; give the root")
        self.commit = self.git("rev-parse", "HEAD").decode().strip()

    def git(self, *arguments: str) -> bytes:
        """What a git command says.

        Raises:
            CheckoutError: It failed; with git's own words.
        """
        command = ["git", "-C", str(self.path), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise CheckoutError("git is not installed, and it alone knows the checkout's commit") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
            raise CheckoutError(f"git {' '.join(arguments)} in {self.path}: {said}")
        return done.stdout

    def require(self, commit: str) -> None:
        """Refuse any other commit.

        Raises:
            CheckoutError: HEAD is elsewhere; says how to get there, and how to move the patches instead.
        """
        if self.commit != commit:
            raise CheckoutError(
                f"{self.path} is at {self.commit}; the patches are for {commit}.\n"
                f"Either: git -C {self.path} checkout {commit}\n"
                f'Or move the patches to that commit: docs/patches.md, "Moving the pin"'
            )

    def state(self, patch: Patch) -> State:
        """How the patch's file stands to it."""
        file = self.path / patch.path
        if not file.is_file():
            return State.MISSING
        found = blob_id(file.read_bytes())
        return {patch.before: State.CLEAN, patch.after: State.APPLIED}.get(found, State.CHANGED)

    def states(self, patches: Sequence[Patch]) -> dict[Patch, State]:
        """The state of each patch's file, all of which can be worked on.

        Raises:
            CheckoutError: A file is missing or was changed by somebody else; names every one, and says how to get it
                back.
        """
        states = {patch: self.state(patch) for patch in patches}
        faults = []
        for patch, state in states.items():
            if state in (State.CHANGED, State.MISSING):
                faults.append(
                    f"{patch.path} is {state.value}: neither upstream's nor upstream's with {patch.name}.\n"
                    f"  See it:       git -C {self.path} diff HEAD -- {patch.path}\n"
                    f"  Keep it:      commit or copy it elsewhere\n"
                    f"  Give it up:   git -C {self.path} checkout HEAD -- {patch.path}"
                )
        if faults:
            raise CheckoutError("\n".join([*faults, "Nothing was changed."]))
        return states

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Give files new contents: all of them, or none if anything fails. Permissions are kept.

        Args:
            contents: By path from the root.

        Raises:
            CheckoutError: Something could not be written; the files are as they were.
        """
        ready: dict[Path, Path] = {}
        old: dict[Path, bytes] = {}
        try:
            for name, content in contents.items():
                file = (self.path / name).resolve()  # what a link points at is written, the link stays
                old[file] = file.read_bytes()
                ready[file] = _beside(file, content)
            replaced: list[Path] = []
            try:
                for file, new in ready.items():
                    os.replace(new, file)
                    replaced.append(file)
            except BaseException:
                for file in replaced:
                    os.replace(_beside(file, old[file]), file)
                raise
        except OSError as error:
            raise CheckoutError(f"{error}. The checkout is as it was.") from error
        finally:
            for new in ready.values():
                new.unlink(missing_ok=True)


def _beside(file: Path, content: bytes) -> Path:
    """A complete file with the permissions of ``file``, in its folder."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, file.stat().st_mode)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)
