"""One shop per process: catalogue, prices, goals and search, shared by all sessions.

Decides which files a setting means, where what is derived from them lies in the cache and under which name, and that
it is opened once. Nothing here changes after it is opened. What a session does with it is decided in :mod:`.session`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ragen_tsr.cache import build_once, cache_folder

from ..settings import CheckedSettings
from . import analysis, catalogue, colors, goals, index, lucene, nouns, stemmer, synthetic, synthetic_words, types
from .backends import SEARCH_BACKENDS, SearchIndex, load_index, write_index
from .catalogue import Catalogue, CatalogueError, Sources
from .goals import Goals

logger = logging.getLogger(__name__)

DATA = ("synthetic", "small", "full")
SUFFIXES = {"synthetic": "_1000", "small": "_1000", "full": ""}
"""What upstream's file names end with, before ``.json``."""
MOST_HITS = 50
SEARCHES_KEPT = 4096
LEAST_PRODUCTS = 1000


@dataclass(frozen=True)
class ShopSettings(CheckedSettings):
    """Which shop; equal settings open the same one. Raises ``ValueError`` for what cannot work."""

    data: str = "synthetic"
    """``synthetic`` (made by us), ``small`` (the 1,000 real products) or ``full`` (all 1.18 million)."""
    folder: str | None = None
    """Where the files of ``small`` and ``full`` lie."""
    init_seed: int = 0
    """Draws the prices of products with a price range, and the price ceilings."""
    shuffle_seed: int = 233
    """Orders the goals: 233 in upstream's main branch, 42 in the package that RAGEN pins."""
    search_backend: str = "numpy"
    """``numpy``, or ``pyserini`` where that is installed."""
    products: int = 1000
    """Size of the synthetic catalogue."""
    noun_model: str | None = None
    """A spaCy model for titles whose nouns the catalogue does not list; None takes all words but stop words."""

    def __post_init__(self) -> None:
        self._one_of("data", DATA)
        self._one_of("search_backend", SEARCH_BACKENDS)
        if self.data == "synthetic" and self.folder is not None:
            raise ValueError(f"folder={self.folder!r}: data=synthetic has none; allowed is null")
        if self.data != "synthetic" and not isinstance(self.folder, str):
            names = f"items_shuffle{SUFFIXES[self.data]}.json and items_ins_v2{SUFFIXES[self.data]}.json"
            raise ValueError(f"folder={self.folder!r}: data={self.data} needs the folder that holds {names}")
        self._at_least("init_seed", 0)
        self._at_least("shuffle_seed", 0)
        self._at_least("products", LEAST_PRODUCTS)
        if self.noun_model is not None and not isinstance(self.noun_model, str):
            raise ValueError(f"noun_model={self.noun_model!r}: allowed are null and the name of a spaCy model")


@dataclass(frozen=True, eq=False)
class Shop:
    """What all sessions of a process share; get one with :func:`open_shop`. Pickles and copies as its settings."""

    settings: ShopSettings
    catalogue: Catalogue
    prices: np.ndarray
    """Dollars, float64 ``[products]``."""
    goals: Goals
    color_words: tuple[str, ...]
    """The colour words of the option rule, in the order they are tried."""
    index: SearchIndex

    def search(self, query: str) -> tuple[int, ...]:
        """Places in the catalogue of at most 50 products, best first."""
        return self._search(query)

    def nouns(self, place: int) -> tuple[str, ...]:
        """Nouns of a product's title in lower case, in order, repeats kept."""
        given = self.catalogue.nouns(place)
        return self._nouns(place) if given is None else given

    def goal_index(self, mode: str, seed: int) -> int:
        """The goal that `seed` means in `mode` (``train``, ``val``, ``test``); ``ValueError`` for another mode."""
        return self.goals.index(mode, seed)

    @cached_property
    def _search(self) -> Any:
        return lru_cache(maxsize=SEARCHES_KEPT)(
            lambda query: tuple(place for place, _ in self.index.search(query, MOST_HITS))
        )

    @cached_property
    def _nouns(self) -> Any:
        tag = nouns.tagger(self.settings.noun_model)
        return lru_cache(maxsize=catalogue.PRODUCTS_KEPT)(lambda place: tag(self.catalogue[place].title))

    def __reduce__(self) -> tuple:
        return open_shop, (self.settings,)

    def __copy__(self) -> Shop:
        return self

    def __deepcopy__(self, memo: dict) -> Shop:
        return self


_OPENING = threading.Lock()


def open_shop(settings: ShopSettings) -> Shop:
    """The shop of these settings: the same object for the whole process, built on first use.

    Raises :class:`CatalogueError` where files are missing or broken; nothing half-built is left in the cache then.
    """
    with _OPENING:  # threads that come at once open it once
        return _opened(settings)


@cache
def _opened(settings: ShopSettings) -> Shop:
    sources = source_files(settings)
    sources.check()
    words = catalogue.read_words(sources.color_words) if sources.color_words.is_file() else colors.COLOR_WORDS
    products = _built(
        "catalogue", [sources.identity(), _code(catalogue, types)], lambda folder: catalogue.write(sources, folder)
    )
    opened = _catalogue(products)
    count = int(np.maximum(opened.wishes, 0).sum())
    if count < goals.FEWEST_GOALS:
        raise CatalogueError(f"{sources.attributes}: {count} goals; at least {goals.FEWEST_GOALS} are needed")
    drawn = _built(
        "goals",
        [products.name, settings.init_seed, settings.shuffle_seed, _code(goals)],
        lambda folder: goals.write(opened, settings.init_seed, settings.shuffle_seed, folder),
    )
    prices = np.load(drawn / "prices.npy", mmap_mode="r")
    return Shop(settings, opened, prices, Goals(drawn, opened), words, _index(products, settings.search_backend))


def source_files(settings: ShopSettings) -> Sources:
    """The files that the settings mean; those of the synthetic catalogue are made here if they are missing."""
    suffix = SUFFIXES[settings.data]
    if settings.folder is not None:
        return Sources.in_folder(Path(settings.folder).expanduser(), suffix)
    made = _built(
        "synthetic",
        [settings.products, suffix, _code(synthetic, synthetic_words, colors)],
        lambda folder: synthetic.write(settings.products, suffix, folder),
    )
    return Sources.in_folder(made, suffix)


@cache
def _catalogue(products: Path) -> Catalogue:
    """Shared by shops that differ in their draws only."""
    return Catalogue(products)


@cache
def _index(products: Path, backend: str) -> SearchIndex:
    opened = _catalogue(products)

    def build(folder: Path) -> None:
        asins = [asin.decode() for asin in opened.asins]
        write_index(backend, asins, map(analysis.document_text, opened), folder)

    code = _code(analysis, index, stemmer) if backend == "numpy" else _code(analysis, lucene)
    return load_index(backend, _built("index", [products.name, backend, code], build))


def _built(what: str, determined_by: list[Any], build: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(json.dumps(determined_by).encode()).hexdigest()[:16]

    def announced(folder: Path) -> None:
        logger.info("WebShop: building the %s", what)
        build(folder)

    return build_once(cache_folder() / "webshop" / f"{what}-{digest}", announced)


def _code(*modules: ModuleType) -> list[str]:
    """A hash of each module's source, so that what older code built is not used."""
    return [hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest() for module in modules]
