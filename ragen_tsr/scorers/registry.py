"""Which scorer a run uses: by environment type, by name, from another package, or by import path.

There is no scorer for everything: an environment that has none is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, cast, get_args

from ragen_tsr.scorers.types import RankBy, Scorer

ENTRY_POINTS = "ragen_tsr.scorers"
"""Entry point group in which other packages offer scorers. One with a built-in's name replaces it."""

SCORERS: dict[str, Callable[..., Scorer]] = {}
"""Registered scorer classes by environment type."""

C = TypeVar("C", bound=Callable[..., Any])


def register(env_type: str) -> Callable[[C], C]:
    """Class decorator: make a scorer the one of ``env_type``; its constructor takes the options of the
    configuration.

    Raises:
        ValueError: If the type has a scorer already.
    """

    def add(scorer: C) -> C:
        if env_type in SCORERS:
            raise ValueError(f"a scorer is already registered for {env_type!r}: {SCORERS[env_type]!r}")
        SCORERS[env_type] = scorer
        return scorer

    return add


def resolve(config: str | Mapping[str, Any] | None, env_type: str) -> Scorer:
    """The scorer for environments of type ``env_type``.

    Args:
        config: The value of ``search.scorer``: None for the environment's own; a name (an environment type or
            an entry point); an import path ``package.module:object``; or a mapping with one of these under
            ``name`` and the scorer's options beside it.
        env_type: Key of the environment's class in the registry of environments.

    Raises:
        ValueError: For an unknown name or option, a path that cannot be imported, an environment without a
            scorer, or an object that is no scorer; it says what exists.
    """
    options = dict(config) if isinstance(config, Mapping) else {"name": config}
    name = options.pop("name", None)
    found = _find(name, env_type)
    scorer = _make(found, options, name or env_type) if isinstance(found, type) or options else found
    if not callable(scorer) or getattr(scorer, "rank_by", None) not in get_args(RankBy):
        raise ValueError(
            f"search.scorer={name or env_type!r} gives {scorer!r}: a scorer is callable and has a rank_by, "
            f"one of {', '.join(get_args(RankBy))}"
        )
    return cast(Scorer, scorer)


def _find(name: str | None, env_type: str) -> Any:
    if name is not None and ":" in name:
        try:
            return EntryPoint(name=name, value=name, group=ENTRY_POINTS).load()
        except (ImportError, AttributeError) as error:
            raise ValueError(f"search.scorer={name!r} cannot be imported: {error}") from error
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    key = env_type if name is None else name
    if key in offered:
        return offered[key].load()
    if key in SCORERS:
        return SCORERS[key]
    known = ", ".join(sorted({*SCORERS, *offered})) or "none"
    if name is None:
        raise ValueError(
            f"environment type {env_type!r} has no scorer; there are scorers for: {known}. "
            "Register one (ragen_tsr.scorers.register), or set search.scorer: a name or package.module:object"
        )
    raise ValueError(f"search.scorer={name!r}: must be one of {known}, or package.module:object")


def _make(found: Any, options: Mapping[str, Any], name: str) -> Any:
    allowed = list(inspect.signature(found).parameters) if isinstance(found, type) else []
    for key, value in options.items():
        if key not in allowed:
            raise ValueError(
                f"search.scorer.{key}={value!r}: no option of {name!r}; it has {', '.join(allowed) or 'none'}"
            )
    return found(**options)
