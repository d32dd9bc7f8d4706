"""Saving and restoring environments, so that a search can branch without copying them.

A *snapshotter* knows one environment type; :func:`snapshot_for` finds the one for an environment and
falls back to a deep copy. Importing this package registers the types that the project brings.
:mod:`ragen_tsr.snapshots.exactness` holds the test that every registered type has to pass.
"""

from . import frozen_lake as _frozen_lake  # noqa: F401 - registers itself
from . import sokoban as _sokoban  # noqa: F401 - registers itself
from . import upstream_frozen_lake as _upstream_frozen_lake  # noqa: F401 - registers itself
from . import upstream_sokoban as _upstream_sokoban  # noqa: F401 - registers itself
from . import upstream_webshop as _upstream_webshop  # noqa: F401 - registers itself
from . import webshop as _webshop  # noqa: F401 - registers itself
from .fallback import DeepCopySnapshotter
from .registry import Snapshotter, register, registered_types, snapshot_for, snapshotter_of

__all__ = ["DeepCopySnapshotter", "Snapshotter", "register", "registered_types", "snapshot_for", "snapshotter_of"]
