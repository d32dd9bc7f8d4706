"""Snapshots of the embedded WebShop: the session and nothing more, by reference.

Nothing is copied: a session is a few immutable values. The shop (catalogue, index, goals) belongs to the process
and is only named by its settings.
"""

from __future__ import annotations

from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopState

from .registry import register


@register(WebShopEnv)
class WebShopSnapshotter:
    """Saves and restores :class:`WebShopState`; the shop is deterministic, so there is no ``reseed``."""

    mergeable = True
    reseed = None

    def save(self, env: WebShopEnv) -> WebShopState:
        """The environment's state; ``RuntimeError`` before its first reset."""
        return env.state

    def restore(self, env: WebShopEnv, snapshot: WebShopState) -> None:
        """Go on from ``snapshot``; ``ValueError`` if it is of another shop."""
        env.state = snapshot
