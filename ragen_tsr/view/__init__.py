"""The recorded searches of a run as a page that one can walk through: served, or as one file."""

from ragen_tsr.view.page import write_page
from ragen_tsr.view.searches import NoSearchesError, RecordedRun

__all__ = ["NoSearchesError", "RecordedRun", "write_page"]
