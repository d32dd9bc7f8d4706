"""WebShop: our own shop, with upstream RAGEN's pages, goals, search results and rewards.

A process has one :class:`Shop` (catalogue, prices, goals, index) for each :class:`ShopSettings`, shared by all its
environments; a :class:`WebShopEnv` is a session in it.
"""

from .config import WebShopEnvConfig
from .env import WebShopEnv
from .pages import pages_of
from .session import WebShopState
from .shop import Shop, ShopSettings, open_shop

__all__ = ["Shop", "ShopSettings", "WebShopEnv", "WebShopEnvConfig", "WebShopState", "open_shop", "pages_of"]
