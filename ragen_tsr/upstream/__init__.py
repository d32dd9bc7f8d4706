"""What the overlay needs when RAGEN comes from upstream: used with ``RAGEN_HOME`` only.

:func:`prepare` makes upstream's modules importable and runnable on this machine; :mod:`.entry` is what the patched
checkout imports, :mod:`.workers` and :mod:`.trainer` are upstream's classes with what a run of ours needs added. That
upstream is used at all is decided by :mod:`ragen_tsr.backend`, which calls :func:`prepare` before it hands out a class.
"""

from __future__ import annotations

from ragen_tsr.upstream.preparation import prepare

__all__ = ["prepare"]
