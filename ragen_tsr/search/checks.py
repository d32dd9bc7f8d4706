"""Refusals of configuration values, in one form: the key, the value, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def at_least(key: str, value: Any, least: int) -> None:
    """Refuse what is no integer >= ``least`` (True and False are no integers here).

    Raises:
        ValueError: Naming key, value and what is allowed.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"search.{key}={value!r}: must be an integer of at least {least}")


def is_bool(key: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Raises:
        ValueError: Naming key, value and what is allowed.
    """
    if not isinstance(value, bool):
        raise ValueError(f"search.{key}={value!r}: must be true or false")


def one_of(key: str, value: Any, allowed: Iterable[str]) -> None:
    """Refuse what is not among ``allowed``.

    Raises:
        ValueError: Naming key, value and what is allowed.
    """
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"search.{key}={value!r}: must be one of {', '.join(allowed)}")
