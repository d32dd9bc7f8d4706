"""Checking the settings of an environment.

Decides how a wrong value is refused: ``ValueError`` with the key, the value and what is allowed. Which values an
environment takes is decided by its own settings, frozen dataclasses that inherit from :class:`CheckedSettings` and
call these methods in ``__post_init__``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CheckedSettings:
    """Base of frozen dataclasses whose fields are checked, and brought into one form, when they are made."""

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not is_whole(value) or value < least:
            raise ValueError(f"{name}={value!r}: allowed are whole numbers of at least {least}")

    def _one_of(self, name: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise ValueError(f"{name}={value!r}: allowed are {', '.join(allowed)}")

    def _yes_or_no(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, bool):
            raise ValueError(f"{name}={value!r}: allowed are True and False")

    def _probability(self, name: str) -> None:
        """A number from 0 to 1, kept as a ``float``."""
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f"{name}={value!r}: allowed are numbers from 0 to 1")
        self._set(name, float(value))

    def _keys_within(self, name: str, allowed: range) -> None:
        value = getattr(self, name)
        if not isinstance(value, Mapping):
            raise ValueError(f"{name}={value!r}: allowed is a mapping from numbers to text")
        wrong = [key for key in value if not is_whole(key) or key not in allowed]
        if wrong:
            raise ValueError(f"{name} has the keys {wrong!r}: allowed are whole numbers from 0 to {allowed[-1]}")
        self._set(name, dict(value))


def is_whole(value: Any) -> bool:
    """Whether ``value`` is an ``int`` and no ``bool``."""
    return isinstance(value, int) and not isinstance(value, bool)
