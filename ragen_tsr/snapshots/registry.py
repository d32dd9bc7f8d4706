"""Which snapshotter serves which environment type.

Decides how a snapshotter is registered and found. What a snapshot contains is each snapshotter's
matter; when to save and restore is the search's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .fallback import DeepCopySnapshotter


class Snapshotter(Protocol):
    """Saves and restores environments of one type, exactly.

    *Exactly*: after ``restore(env, snapshot)`` every sequence of actions gives bit for bit what it would
    have given had ``env`` never left the saved state, random draws included; also if ``env`` is another
    object made with the same configuration.
    """

    mergeable: bool
    """Whether snapshots are hashable and equal exactly for equal states."""

    reseed: Callable[[Any, tuple[int, ...]], None] | None
    """``reseed(env, entropy)``: replace the environment's noise by a stream derived from these numbers.
    ``None``: there is no noise (or, for the fallback, no known way to replace it)."""

    def save(self, env: Any) -> Any:
        """The state of ``env`` as an immutable value, hashable if ``mergeable``; ``env`` is left as it is."""

    def restore(self, env: Any, snapshot: Any) -> None:
        """Put ``env`` into a saved state; the snapshot can be restored any number of times."""


_S = TypeVar("_S", bound=type)

_registered: dict[type | str, Snapshotter] = {}


def register(env_type: type | str) -> Callable[[_S], _S]:
    """Class decorator that makes a snapshotter class serve ``env_type``.

    ``env_type`` is an environment class or, for one that cannot be imported here, its full name such as
    ``"ragen.env.sokoban.env.SokobanEnv"``. Subclasses are not covered: they may hold more state.
    Raises ``ValueError`` if the type has a snapshotter already.
    """

    def add(snapshotter_class: _S) -> _S:
        if env_type in _registered:
            raise ValueError(f"env_type={env_type!r} has the snapshotter {_registered[env_type]!r} already")
        _registered[env_type] = snapshotter_class()
        return snapshotter_class

    return add


def registered_types() -> list[str]:
    """Full names of the environment classes that have a snapshotter."""
    return sorted(t if isinstance(t, str) else _full_name(t) for t in _registered)


def snapshot_for(env: Any) -> Snapshotter:
    """The snapshotter for ``env``'s class, a :class:`DeepCopySnapshotter` if none is registered."""
    return snapshotter_of(type(env))


def snapshotter_of(env_type: type) -> Snapshotter:
    """The snapshotter for environments of exactly this class, a :class:`DeepCopySnapshotter` if none is
    registered.
    """
    found = _registered.get(env_type) or _registered.get(_full_name(env_type))
    return found or DeepCopySnapshotter.warned(_full_name(env_type))


def _full_name(env_type: type) -> str:
    return f"{env_type.__module__}.{env_type.__qualname__}"
