"""Where a stochastic environment's noise comes from, and what it may be drawn again for.

Every stream is named by a key of whole numbers, so that it depends on the run, the group's start and the
branch, never on the order of a batch. A key begins with its purpose: noise drawn to look again never equals
the noise that a search saw. Replacing an environment's stream is its snapshotter's (``reseed``); environments
whose snapshotter cannot are deterministic, or nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from ragen_tsr import backend
from ragen_tsr.snapshots import snapshotter_of

Key = tuple[int, ...]
"""Name of a stream of noise."""

NOISE_RULES = ("upstream", "independent", "common")
"""Allowed values of the key ``env_noise``."""


class Purpose(IntEnum):
    """First number of a noise key."""

    SEARCH = 0
    """What a sampled turn meets."""
    OUTCOME = 1
    """What it would meet in the outcomes that ``search.outcome_samples`` averages."""
    REDRAW = 2
    """What a committed turn meets under ``search.redraw``."""
    REROLL = 3
    """What a committed trajectory meets when it is played again to measure its luck."""
    SPENT = 4
    """Left in an environment after a turn whose successor brings its own noise: always the same."""


SPENT_KEY: Key = (int(Purpose.SPENT),)


def is_replaceable(env_type: str) -> bool:
    """Whether environments of this type (a key of RAGEN's registry) can be given fresh noise."""
    env_class = backend.REGISTERED_ENVS.get(env_type)
    return env_class is not None and snapshotter_of(env_class).reseed is not None


def check_fresh_noise(search: Mapping[str, Any], env_type: str) -> None:
    """Refuse search settings that draw noise again for an environment whose noise cannot be replaced.

    Args:
        search: The ``search`` configuration, values checked.
        env_type: The registered type of an environment that is searched.

    Raises:
        ValueError: Naming key, value, environment type and what is allowed.
    """
    for key, off in (("outcome_samples", 0), ("redraw", False)):
        value = search.get(key, off)
        if value != off and not is_replaceable(env_type):
            allowed = str(off).lower()
            raise ValueError(
                f"search.{key}={value!r}: must be {allowed}, since environment type {env_type!r} has no noise that "
                f"could be drawn again (no registered snapshotter with reseed)"
            )
