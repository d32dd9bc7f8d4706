"""Tree search over abstract nodes: strategies, the driver that batches them, and what they cost.

Nothing here knows of a model, an environment or a trainer; it would be the same in any framework.
"""

from ragen_tsr.search.beam import Beam
from ragen_tsr.search.best_of_n import BestOfN
from ragen_tsr.search.build import STRATEGIES, build
from ragen_tsr.search.driver import Again, Expand, Request, drive
from ragen_tsr.search.ledger import Ledger, Seconds
from ragen_tsr.search.lockstep import lockstep
from ragen_tsr.search.lookahead import Lookahead
from ragen_tsr.search.merging import merge
from ragen_tsr.search.mixed import Mixed
from ragen_tsr.search.none import NoSearch
from ragen_tsr.search.per_slot import PerSlot
from ragen_tsr.search.preference import Preference
from ragen_tsr.search.types import (
    Ask,
    Expansion,
    Fate,
    Node,
    Redraw,
    Search,
    SlotSearch,
    Strategy,
    ancestor,
    distinct_trajectories,
    is_redraw,
    path,
)

__all__ = [
    "STRATEGIES",
    "Again",
    "Ask",
    "Beam",
    "BestOfN",
    "Expand",
    "Expansion",
    "Fate",
    "Ledger",
    "Lookahead",
    "Mixed",
    "NoSearch",
    "Node",
    "PerSlot",
    "Preference",
    "Redraw",
    "Request",
    "Search",
    "Seconds",
    "SlotSearch",
    "Strategy",
    "ancestor",
    "build",
    "distinct_trajectories",
    "drive",
    "is_redraw",
    "lockstep",
    "merge",
    "path",
]
