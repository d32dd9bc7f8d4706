"""Settings of a WebShop environment.

Decides the keyword arguments of ``env_config``: upstream's names where they mean the same here (``dataset``,
``observation_mode``, ``human_goals``, ``show_attrs``), and this project's for what upstream reads from
constants or does not have. What a shop is made of is left to :mod:`.shop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .shop import ShopSettings, source_files
from .wording import WebShopWording, load_webshop_wording


@dataclass(frozen=True)
class WebShopEnvConfig:
    """Keyword arguments of a WebShop environment; raises ``ValueError`` for what cannot work, a missing file too."""

    dataset: str = "synthetic"
    """The catalogue: ``synthetic`` (made by this project), ``small`` (the 1,000 real products) or ``full``
    (1.18 million)."""
    folder: str | None = None
    """Where the files of ``small`` and ``full`` are, under upstream's names."""
    init_seed: int = 0
    """Seed of prices drawn from a range and of price ceilings."""
    shuffle_seed: int = 233
    """Seed of the order of the goal list."""
    search_backend: str = "numpy"
    """``numpy`` (this project's index) or ``pyserini`` (Lucene, if it is installed)."""
    products: int = 1000
    """Size of the synthetic catalogue."""
    noun_model: str | None = None
    """A spaCy model for titles whose nouns the catalogue does not list; ``None`` takes all words but stop words."""
    wording: Mapping[str, Any] | str | None = None
    """The environment's sentences, or the file that has them; ``None`` is the project's own."""
    observation_mode: str = "text"
    """Upstream's key; only ``text`` is supported."""
    human_goals: bool = False
    """Upstream's key; only ``False`` is supported."""
    show_attrs: bool = False
    """Upstream's key; only ``False`` is supported."""

    def __post_init__(self) -> None:
        for key, only in (("observation_mode", "text"), ("human_goals", False), ("show_attrs", False)):
            if getattr(self, key) != only:
                raise ValueError(f"{key}={getattr(self, key)!r}: allowed is {only!r}")
        _ = self.shop, self.sentences  # both check what they are given
        if self.dataset != "synthetic":
            source_files(self.shop).check()

    @cached_property
    def shop(self) -> ShopSettings:
        """The shop that these settings ask for."""
        return ShopSettings(
            data=self.dataset,
            folder=self.folder,
            init_seed=self.init_seed,
            shuffle_seed=self.shuffle_seed,
            search_backend=self.search_backend,
            products=self.products,
            noun_model=self.noun_model,
        )

    @cached_property
    def sentences(self) -> WebShopWording:
        """The checked wording."""
        return load_webshop_wording(self.wording)
