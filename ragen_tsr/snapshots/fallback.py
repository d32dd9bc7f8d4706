"""Snapshots of environments that nobody wrote a snapshotter for: deep copies.

Exact for an environment whose state is all in its instance attributes, and slow. Decides the warning,
given once a type; finding out whether a registered snapshotter exists is left to :mod:`.registry`.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

_warned_types: set[str] = set()


class EnvCopy:
    """A deep copy of an environment's attributes. Not hashable, since equal states cannot be told."""

    __slots__ = ("_attributes",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, env: Any) -> None:
        if not hasattr(env, "__dict__"):
            raise TypeError(f"{type(env).__name__} has no instance dictionary: register a snapshotter for it")
        self._attributes = copy.deepcopy(vars(env))

    def attributes(self) -> dict[str, Any]:
        """A fresh copy of the attributes."""
        return copy.deepcopy(self._attributes)


class DeepCopySnapshotter:
    """Saves any environment by deep copy."""

    mergeable = False
    reseed: Callable[[Any, tuple[int, ...]], None] | None = None

    @classmethod
    def warned(cls, type_name: str) -> DeepCopySnapshotter:
        """A snapshotter for this type, with a warning the first time."""
        if type_name not in _warned_types:
            _warned_types.add(type_name)
            logger.warning(
                "no snapshotter is registered for %s: each branch deep-copies the environment, and equal "
                "states are not merged (see ragen_tsr.snapshots.register)",
                type_name,
            )
        return cls()

    def save(self, env: Any) -> EnvCopy:
        """Deep-copy ``env``'s attributes."""
        return EnvCopy(env)

    def restore(self, env: Any, snapshot: EnvCopy) -> None:
        """Replace ``env``'s attributes by a copy of the saved ones."""
        attributes = snapshot.attributes()
        vars(env).clear()
        vars(env).update(attributes)
