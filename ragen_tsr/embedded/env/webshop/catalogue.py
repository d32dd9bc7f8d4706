"""From WebShop's files to a catalogue on disk that many processes read.

Decides how a raw product becomes a :class:`.Product` (the rules of upstream's loader), what is refused as
broken, and how products are stored: one JSON line each, found by its offset and read when asked for, so that
memory does not grow with the catalogue. Goals and prices are left to :mod:`.goals`, where files and cache lie
to :mod:`.shop`.
"""

from __future__ import annotations

import logging
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import ijson
import numpy as np
import orjson

from .types import Product

logger = logging.getLogger(__name__)

PRODUCTS_KEPT = 8192
"""Products that a process keeps decoded; about 10 kB each."""
MISSING_PRICE = 100.0
"""Dollars, where the price is given and names no number."""
ASIN_LENGTH = 10

_PRICE = re.compile(r"\$\s*([\d,]*\.?\d+)")
_STORED = tuple(field.name for field in fields(Product))
_TEXTS = ("name", "full_description", "query", "category", "product_category")


class CatalogueError(ValueError):
    """A catalogue that cannot be used: what is wrong, in which file, with which item."""


@dataclass(frozen=True)
class Sources:
    """The files of a catalogue. The first two have to be there."""

    products: Path
    attributes: Path
    nouns: Path
    color_words: Path

    @classmethod
    def in_folder(cls, folder: Path, suffix: str) -> Sources:
        """Upstream's names: ``suffix`` is ``_1000`` for the small catalogue and empty for the full one."""
        return cls(
            folder / f"items_shuffle{suffix}.json",
            folder / f"items_ins_v2{suffix}.json",
            folder / "product_nouns.json",
            folder / "color_words.json",
        )

    def check(self) -> None:
        """Raise :class:`CatalogueError` unless the folder and the necessary files are there."""
        folder = self.products.parent
        if not folder.is_dir():
            raise CatalogueError(f"{folder}: there is no such folder; it has to hold {self.products.name}")
        for path in (self.products, self.attributes):
            if not path.is_file():
                raise CatalogueError(f"{path}: there is no such file")

    def identity(self) -> list[tuple[str, int, int] | None]:
        """Path, size and time of change of each file; None for one that is not there."""
        found: list[tuple[str, int, int] | None] = []
        for path in (self.products, self.attributes, self.nouns, self.color_words):
            there = path.stat() if path.is_file() else None
            found.append((str(path.resolve()), there.st_size, there.st_mtime_ns) if there else None)
        return found


class Catalogue:
    """The products of a folder that :func:`write` filled, in catalogue order. Never changes."""

    def __init__(self, folder: Path) -> None:
        self.asins: np.ndarray = np.load(folder / "asins.npy", mmap_mode="r")
        """Bytes ``S10 [products]``."""
        self.price_ranges: np.ndarray = np.load(folder / "price_ranges.npy", mmap_mode="r")
        """Float64 ``[products, 2]``: lowest and highest price; the second is NaN where there is only one."""
        self.wishes: np.ndarray = np.load(folder / "wishes.npy", mmap_mode="r")
        """Int64 ``[products]``: how many goals each is good for, -1 without an instruction."""
        self._starts = np.load(folder / "starts.npy", mmap_mode="r")
        self._by_asin = np.argsort(self.asins, kind="stable")
        self._sorted_asins = np.asarray(self.asins)[self._by_asin]
        with (folder / "products.jsonl").open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._record = lru_cache(maxsize=PRODUCTS_KEPT)(self._decode)

    def __len__(self) -> int:
        return len(self.asins)

    def __getitem__(self, place: int) -> Product:
        return self._record(int(place))[0]

    def __iter__(self) -> Iterator[Product]:
        """All products in order, without keeping them."""
        for place in range(len(self)):
            yield self._decode(place)[0]

    def place(self, asin: str) -> int:
        """Where the product with this ASIN (in either case) stands; ``KeyError`` if there is none."""
        for name in (asin, asin.upper()):
            if not name.isascii():
                break
            key = np.bytes_(name.encode())
            found = int(np.searchsorted(self._sorted_asins, key))
            if found < len(self) and self._sorted_asins[found] == key:
                return int(self._by_asin[found])
        raise KeyError(asin)

    def nouns(self, place: int) -> tuple[str, ...] | None:
        """Nouns of the title as the folder's ``product_nouns.json`` gives them, else None."""
        return self._record(int(place))[1]

    def _decode(self, place: int) -> tuple[Product, tuple[str, ...] | None]:
        if not 0 <= place < len(self):
            raise IndexError(place)
        values, nouns = orjson.loads(self._lines[self._starts[place] : self._starts[place + 1]])
        stored: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in zip(_STORED, values, strict=True)
        }
        stored["options"] = {name: tuple(value) for name, value in stored["options"].items()}
        product = Product(**stored)
        return product, None if nouns is None else tuple(nouns)


def write(sources: Sources, folder: Path) -> None:
    """Read the files and fill `folder` with what :class:`Catalogue` opens.

    Reads product by product: memory holds the attributes and nouns of all products (as JSON) but never the
    catalogue. As upstream, a product whose ASIN is repeated, longer than ten characters or ``nan`` is left out.
    Raises :class:`CatalogueError` for whatever is missing or broken.
    """
    sources.check()
    extras = {asin: orjson.dumps(_checked_extra(sources, asin, extra)) for asin, extra in _pairs(sources.attributes)}
    nouns = _nouns(sources)
    starts, asins, price_ranges, wishes = [0], [], [], []
    seen: set[str] = set()
    left_out: set[str] = set()
    with (folder / "products.jsonl").open("wb") as lines:
        for number, raw in enumerate(_items(sources.products)):
            asin = _asin(sources, number, raw)
            if asin in seen or asin == "nan" or len(asin) > ASIN_LENGTH:
                left_out.add(asin)
                continue
            seen.add(asin)
            product = read_product(raw, orjson.loads(extras.pop(asin, b"{}")), f"{sources.products}: product {number}")
            line = orjson.dumps([[getattr(product, name) for name in _STORED], nouns.pop(asin, None)]) + b"\n"
            lines.write(line)
            starts.append(starts[-1] + len(line))
            asins.append(asin.encode())
            price_ranges.append(
                product.price_range if len(product.price_range) == 2 else (*product.price_range, np.nan)
            )
            wishes.append(-1 if product.instruction is None else prod(map(len, product.options.values())))
    if not asins:
        raise CatalogueError(f"{sources.products}: there is no product in it; expected is a JSON list of products")
    for asin, extra in extras.items():
        if asin not in left_out and asin not in seen and b'"instruction":' in extra:
            raise CatalogueError(f"{sources.attributes}: {asin}: a goal for a product that {sources.products} lacks")
    if left_out:
        logger.warning("%s: left out repeated, overlong or nan ASINs: %d different", sources.products, len(left_out))
    np.save(folder / "starts.npy", np.array(starts, dtype=np.int64))
    np.save(folder / "asins.npy", np.array(asins, dtype=f"S{ASIN_LENGTH}"))
    np.save(folder / "price_ranges.npy", np.array(price_ranges, dtype=np.float64))
    np.save(folder / "wishes.npy", np.array(wishes, dtype=np.int64))


def read_product(raw: Mapping[str, Any], extra: Mapping[str, Any], where: str) -> Product:
    """The product that a raw entry describes.

    Args:
        raw: an entry of ``items_shuffle*.json``.
        extra: its entry of ``items_ins_v2*.json``; may be empty.
        where: begins the message of a :class:`CatalogueError`.
    """
    where = f"{where} ({raw['asin']})"
    for key in _TEXTS:
        _expect(isinstance(raw.get(key), str), where, key, raw.get(key), "text")
    prices = _prices(raw, where)
    features = raw.get("small_description")
    features = [features] if isinstance(features, str) else features
    _expect(_is_texts(features), where, "small_description", features, "text or a list of texts")
    return Product(
        asin=raw["asin"],
        title=raw["name"],
        description=raw["full_description"],
        features=tuple(features),  # type: ignore[arg-type]
        query=raw["query"].lower().strip(),
        category=raw["category"],
        product_category=raw["product_category"],
        options=_options(raw, where),
        price_range=prices,
        price_tag=" to ".join(f"${price}" for price in prices),
        attributes=tuple(extra.get("attributes", ())),
        instruction=extra.get("instruction"),
        instruction_attributes=tuple(extra.get("instruction_attributes", ())),
    )


def _prices(raw: Mapping[str, Any], where: str) -> tuple[float, ...]:
    pricing = raw.get("pricing")
    _expect(isinstance(pricing, str), where, "pricing", pricing, "text such as $12.5 or $12.5 to $20.0")
    found = tuple(float(number.replace(",", "")) for number in _PRICE.findall(str(pricing))[:2])
    return found or (MISSING_PRICE,)


def _options(raw: Mapping[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    given = raw.get("customization_options")
    if not given:
        return {}
    _expect(isinstance(given, Mapping), where, "customization_options", given, "a mapping from names to lists")
    options = {}
    for name, contents in given.items():
        if contents is None:
            continue
        key = f"customization_options.{name}"
        _expect(isinstance(contents, list), where, key, contents, "a list or null")
        for content in contents:
            value = content.get("value") if isinstance(content, Mapping) else None
            _expect(isinstance(value, str), where, key, content, "entries whose value is text")
        options[name.lower()] = tuple(content["value"].strip().replace("/", " | ").lower() for content in contents)
    return options


def _asin(sources: Sources, number: int, raw: Any) -> str:
    where = f"{sources.products}: product {number}"
    _expect(isinstance(raw, Mapping), where, "entry", raw, "an object")
    asin = raw.get("asin")
    _expect(isinstance(asin, str) and asin != "" and asin.isascii(), where, "asin", asin, "ASCII text")
    return asin


def _checked_extra(sources: Sources, asin: str, extra: Any) -> dict[str, Any]:
    where = f"{sources.attributes}: {asin}"
    _expect(isinstance(extra, Mapping), where, "entry", extra, "an object")
    kept = {key: extra[key] for key in ("attributes", "instruction", "instruction_attributes") if key in extra}
    for key in ("attributes", "instruction_attributes"):
        _expect(_is_texts(kept.get(key, [])), where, key, kept.get(key), "a list of texts")
    if kept.get("instruction") is None:
        kept.pop("instruction", None)
    else:
        _expect(isinstance(kept["instruction"], str), where, "instruction", kept["instruction"], "text")
        _expect("instruction_attributes" in kept, where, "instruction_attributes", None, "a list of texts")
    return kept


def _nouns(sources: Sources) -> dict[str, list[str]]:
    if not sources.nouns.is_file():
        return {}
    nouns = {}
    for asin, words in _pairs(sources.nouns):
        _expect(_is_texts(words), f"{sources.nouns}: {asin}", "entry", words, "a list of texts")
        nouns[asin] = words
    return nouns


def read_words(path: Path) -> tuple[str, ...]:
    """The words of a JSON list; :class:`CatalogueError` if it is none."""
    words = []
    for number, word in enumerate(_items(path)):
        _expect(isinstance(word, str) and word != "", f"{path}: word {number}", "entry", word, "text")
        words.append(word)
    return tuple(words)


def _items(path: Path) -> Iterator[Any]:
    """The entries of a JSON list, one at a time."""
    with path.open("rb") as file, _readable(path, file):
        yield from ijson.items(file, "item", use_float=True)


def _pairs(path: Path) -> Iterator[tuple[str, Any]]:
    """Names and values of a JSON object, one at a time."""
    with path.open("rb") as file, _readable(path, file):
        yield from ijson.kvitems(file, "", use_float=True)


@contextmanager
def _readable(path: Path, file: BinaryIO) -> Iterator[None]:
    try:
        yield
    except ijson.JSONError as error:
        reason = " ".join(str(error).split())
        raise CatalogueError(f"{path}: broken or cut off, seen after {file.tell()} bytes read: {reason}") from error


def _is_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _expect(fine: bool, where: str, key: str, value: Any, allowed: str) -> None:
    if not fine:
        shown = "is missing" if value is None else f"is {value!r:.80}"
        raise CatalogueError(f"{where}: {key} {shown}; allowed is {allowed}")
