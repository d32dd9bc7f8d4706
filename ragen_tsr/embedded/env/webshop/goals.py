"""What the episodes ask for: prices, price ceilings, the list of goals and its splits.

Decides every number that upstream draws, in upstream's order: prices and ceilings from one generator seeded
with ``init_seed`` (upstream leaves that one unseeded), the order of the goals from ``shuffle_seed``, and which
goal a mode and a seed mean. Goals are kept as a few arrays and written out one at a time. The products come from
:mod:`.catalogue`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from .catalogue import Catalogue
from .types import NO_CEILING, Goal

CEILINGS = range(10, 1000, 10)
"""Dollars."""
CEILINGS_CONSIDERED = 4
GOALS_KEPT = 8192
"""Goals that a process keeps written out."""
SPLIT_SEED = 42
TEST_GOALS = 500
VALIDATION_GOALS = 1000
FEWEST_GOALS = TEST_GOALS + VALIDATION_GOALS + 1
"""So that one is left to train on."""
MODES = ("train", "val", "test")


def write(catalogue: Catalogue, init_seed: int, shuffle_seed: int, folder: Path) -> None:
    """Draw everything once and fill `folder` with what :class:`Goals` opens."""
    generator = random.Random(init_seed)
    prices = draw_prices(catalogue.price_ranges, generator)
    places = np.flatnonzero(np.asarray(catalogue.wishes) >= 0)
    ceilings = [draw_ceiling(float(prices[place]), generator) for place in places]
    firsts = np.concatenate([[0], np.cumsum(np.asarray(catalogue.wishes)[places])])
    np.save(folder / "prices.npy", prices)
    np.save(folder / "places.npy", places.astype(np.int32))
    np.save(folder / "ceilings.npy", np.array(ceilings, dtype=np.float64))
    np.save(folder / "firsts.npy", firsts.astype(np.int64))
    np.save(folder / "order.npy", _shuffled(int(firsts[-1]), shuffle_seed))
    np.save(folder / "splits.npy", _shuffled(int(firsts[-1]), SPLIT_SEED))


def draw_prices(price_ranges: np.ndarray, generator: random.Random) -> np.ndarray:
    """One price a product, float64 ``[products]``, from :attr:`Catalogue.price_ranges`.

    A draw for each product with a range, in catalogue order; the others have the price that they have.
    """
    prices = np.array(price_ranges[:, 0], dtype=np.float64)
    for place in np.flatnonzero(~np.isnan(price_ranges[:, 1])):
        low, high = price_ranges[place]
        prices[place] = generator.uniform(float(low), float(high))
    return prices


def draw_ceiling(price: float, generator: random.Random) -> float:
    """The larger of two of the next four multiples of ten above `price`; none where there are not two."""
    above = CEILINGS[max(0, int(price // 10)) :][:CEILINGS_CONSIDERED]
    if len(above) < 2:
        return NO_CEILING
    return float(max(generator.sample(above, 2)))


class Goals:
    """The goals in list order, from a folder that :func:`write` filled. Never changes."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._places = np.load(folder / "places.npy", mmap_mode="r")  # [products with an instruction]
        self._ceilings = np.load(folder / "ceilings.npy", mmap_mode="r")
        self._firsts = np.load(
            folder / "firsts.npy", mmap_mode="r"
        )  # number of the first goal of each, before shuffling
        self._order = np.load(folder / "order.npy", mmap_mode="r")  # [goals]: that number, by place in the list
        self._splits = np.load(folder / "splits.npy", mmap_mode="r")  # [goals]: place in the list, test first
        self._goal = lru_cache(maxsize=GOALS_KEPT)(self._written_out)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Goal:
        return self._goal(int(index))

    def __iter__(self) -> Iterator[Goal]:
        return map(self._written_out, range(len(self)))

    def product_place(self, index: int) -> int:
        """Place in the catalogue of the product that goal `index` was made for."""
        return int(self._places[self._rank(index)])

    def index(self, mode: str, seed: int) -> int:
        """The goal that `seed` means in `mode`; the splits do not overlap.

        ``test`` has 500 goals, ``val`` 1000, ``train`` the rest. Raises ``ValueError`` for another mode.
        """
        if mode not in MODES:
            raise ValueError(f"mode={mode!r}: allowed are {', '.join(MODES)}")
        if mode == "test":
            place = seed % TEST_GOALS
        elif mode == "val":
            place = seed % VALIDATION_GOALS + TEST_GOALS
        else:
            place = seed % (len(self) - FEWEST_GOALS + 1) + FEWEST_GOALS - 1
        return int(self._splits[place])

    def _rank(self, index: int) -> int:
        return int(np.searchsorted(self._firsts, self._order[index], side="right")) - 1

    def _written_out(self, index: int) -> Goal:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rank = self._rank(index)
        product = self._catalogue[int(self._places[rank])]
        combination = int(self._order[index] - self._firsts[rank])
        chosen = {}
        for name in sorted(product.options, reverse=True):  # the last name changes fastest
            combination, value = divmod(combination, len(product.options[name]))
            chosen[name] = product.options[name][value]
        options = {name: chosen[name] for name in sorted(chosen)}
        ceiling = float(self._ceilings[rank])
        return Goal(
            index=index,
            asin=product.asin,
            title=product.title,
            query=product.query,
            category=product.category,
            product_category=product.product_category,
            attributes=product.instruction_attributes,
            options=options,
            price_upper=NO_CEILING if ceiling == NO_CEILING else ceiling,  # the one whole number among them
            instruction=instruction(product.instruction or "", options, ceiling),
        )


def instruction(beginning: str, options: dict[str, str], ceiling: float) -> str:
    """The sentence that a goal is shown as: the product's own, options, price ceiling if there is one."""
    asked = ", and ".join(f"{name}: {value}" for name, value in options.items())
    return (
        beginning
        + (f" with {asked}" if asked else "")
        + (f", and price lower than {ceiling:.2f} dollars" if ceiling != NO_CEILING else "")
    )


def _shuffled(count: int, seed: int) -> np.ndarray:
    """``0..count-1`` in the order of ``random.Random(seed).shuffle``, int32 ``[count]``."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return np.array(order, dtype=np.int64 if count > 2**31 else np.int32)
