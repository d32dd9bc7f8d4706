"""From configuration to strategy: the names that exist, and the refusal of everything else.

The defaults stand in ``config/search/*.yaml``; here every field of a strategy must be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ragen_tsr.search.beam import Beam
from ragen_tsr.search.best_of_n import BestOfN
from ragen_tsr.search.checks import at_least
from ragen_tsr.search.lookahead import Lookahead
from ragen_tsr.search.mixed import Mixed
from ragen_tsr.search.none import NoSearch
from ragen_tsr.search.types import Strategy

STRATEGIES: dict[str, type] = {"none": NoSearch, "best_of_n": BestOfN, "beam": Beam, "lookahead": Lookahead}
"""Strategies by ``search.name``. Add your own dataclass here to configure it like the others."""

NOT_FIELDS = ("name", "scorer", "at_val", "record_groups", "rerolls")
"""Keys that every search configuration may have, and no strategy reads."""

COUNTS = ("rerolls", "outcome_samples")
"""Those of the keys outside the strategies that are numbers, 0 or more."""


def build(config: Mapping[str, Any], rank_by: str | None = None) -> Strategy:
    """The strategy that a ``search`` configuration describes.

    Args:
        config: ``name``, the fields of that strategy, optionally ``slots`` (how many of a group's are searched;
            null: all), ``outcome_samples`` (strategies that rank by the scorer's values) and the keys in
            ``NOT_FIELDS``.
        rank_by: The scorer's ``rank_by``, used where ``search.rank_by`` is null.

    Raises:
        ValueError: For an unknown name, an unknown or missing key, or a value that cannot work; it names the
            key, the value and what is allowed.
    """
    name = config.get("name")
    if name not in STRATEGIES:
        raise ValueError(f"search.name={name!r}: must be one of {', '.join(STRATEGIES)}")
    strategy = STRATEGIES[name]
    wanted = [field.name for field in fields(strategy)]
    known = [*wanted, *_optional(strategy), *NOT_FIELDS]
    for key in config:
        if key not in known:
            raise ValueError(f"search.{key}={config[key]!r}: no key of {name}, which has {', '.join(known)}")
    missing = [key for key in wanted if key not in config]
    if missing:
        raise ValueError(f"search.{missing[0]} is missing: {name} needs {', '.join(wanted)}")
    for key in COUNTS:
        if key in config:
            at_least(key, config[key], 0)
    values = {key: config[key] for key in wanted}
    if "rank_by" in values and values["rank_by"] is None:
        values["rank_by"] = rank_by
    built = strategy(**values)
    return built if config.get("slots") is None else Mixed(built, NoSearch(), config["slots"])


def _optional(strategy: type) -> list[str]:
    """Keys beside its fields that have to do with the search, and the strategy does not read."""
    ranks_by_score = strategy not in (NoSearch, BestOfN)
    return ["slots"] + ["outcome_samples"] * ranks_by_score
