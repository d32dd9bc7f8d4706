"""The project's own catalogue, made on first use.

Decides how products are put together from :mod:`.synthetic_words` and writes them in WebShop's own files, which
:mod:`.catalogue` reads like any other. The same number of products always gives the same bytes.

A product has three of its kind's six attributes. Its title names two of them, the first feature the third, so a page
of results shows most and the search knows all. A wish asks for two. Several products of a kind have both, at other
prices and with other options: a shopper who reads titles narrows the list down, and sees on a product's own page
whether it offers what is asked for. ASINs are ``B0``, four characters that no other product of the kind has, and four
that all products of the kind share.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson

from .colors import COLOR_WORDS
from .synthetic_words import BRANDS, DEPARTMENTS, KINDS, OPTIONS, Kind

SEED = 20
ATTRIBUTES_PER_KIND = 6
ATTRIBUTES_PER_PRODUCT = 3
WISHED_SHARE = 0.6
"""Part of the products that goals are made for."""
RANGE_SHARE = 0.1
"""Part of the products with a price range."""
NO_OPTION_SHARE = 0.06
OPTION_SHARE = 0.9
"""How often a product has an option that its kind may have."""
MOST_VALUES = 5
PRICE_SPREAD = (0.5, 2.2)
"""Price of a product over that of its kind."""
TOLD_SHARE = 0.4
"""How often a value that a product does not offer stands in its description."""
_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ0123456789"


def write(products: int, suffix: str, folder: Path) -> None:
    """Write a catalogue of so many products into `folder`, under upstream's file names with `suffix`."""
    extras, nouns = {}, {}
    with (folder / f"items_shuffle{suffix}.json").open("wb") as file:
        for number, (raw, extra, words) in enumerate(make(products)):
            file.write((b",\n" if number else b"[\n") + orjson.dumps(raw))
            extras[raw["asin"]], nouns[raw["asin"]] = extra, words
        file.write(b"\n]\n")
    (folder / f"items_ins_v2{suffix}.json").write_bytes(orjson.dumps(extras))
    (folder / f"items_human_ins{suffix}.json").write_bytes(orjson.dumps({}))
    (folder / "product_nouns.json").write_bytes(orjson.dumps(nouns))
    (folder / "color_words.json").write_bytes(orjson.dumps(COLOR_WORDS))


def make(products: int) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[str]]]:
    """The products in catalogue order: raw entry, attributes and wish, nouns of the title."""
    generator = random.Random(SEED)
    per_kind = -(-products // len(KINDS))
    codes = _codes(generator, per_kind + len(KINDS))
    codes, kind_codes = codes[:per_kind], codes[per_kind:]
    attributes = [generator.sample(DEPARTMENTS[kind.department].attributes, ATTRIBUTES_PER_KIND) for kind in KINDS]
    numbers = list(range(products))
    generator.shuffle(numbers)
    for number in numbers:
        within, which = divmod(number, len(KINDS))
        yield _product(KINDS[which], attributes[which], within, f"B0{codes[within]}{kind_codes[which]}")


def _codes(generator: random.Random, count: int) -> list[str]:
    """Different four-letter codes, in random order."""
    codes: dict[str, None] = {}
    while len(codes) < count:
        codes["".join(generator.choices(_CODE_LETTERS, k=4))] = None
    return list(codes)


def _product(
    kind: Kind, attributes: list[str], within: int, asin: str
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    generator = random.Random(f"{SEED} {kind.name} {within}")
    department = DEPARTMENTS[kind.department]
    mixtures = list(combinations(attributes, ATTRIBUTES_PER_PRODUCT))
    own = list(mixtures[within % len(mixtures)])
    generator.shuffle(own)
    in_title, in_features = own[:2], own[2:]
    brand = generator.choice(BRANDS)
    title = " ".join([brand, *in_title, kind.name])
    options = _options(kind, generator)
    raw = {
        "asin": asin,
        "name": title,
        "category": kind.department,
        "query": kind.name,
        "product_category": f"{department.path} › {kind.section} › {kind.name.title()}",
        "page": 1,
        "pricing": _pricing(kind, generator),
        "average_rating": "",
        "small_description": [f"Also {' and '.join(in_features)}", f"By {brand}"],
        "full_description": _description(kind, generator.choice(department.uses), options, generator),
        "customization_options": {
            name.capitalize(): [{"asin": asin, "is_available": True, "is_selected": False, "value": v} for v in values]
            for name, values in options.items()
        }
        or "",
        "images": ["none"],
    }
    extra: dict[str, Any] = {"attributes": own}
    if generator.random() < WISHED_SHARE:
        asked = generator.sample(own, 2)
        extra |= {"instruction": f"Looking for {', '.join(asked)} {kind.name}", "instruction_attributes": asked}
    return raw, extra, [brand.lower(), *kind.name.split()]


def _options(kind: Kind, generator: random.Random) -> dict[str, list[str]]:
    if generator.random() < NO_OPTION_SHARE:
        return {}
    names = [name for name in kind.options if generator.random() < OPTION_SHARE] or [kind.options[0]]
    options = {}
    for name in names:
        values = OPTIONS[name]
        kept = generator.sample(range(len(values)), generator.randint(2, min(MOST_VALUES, len(values))))
        options[name] = [values[place] for place in sorted(kept)]
    return options


def _description(kind: Kind, use: str, options: dict[str, list[str]], generator: random.Random) -> str:
    """Names values that the product does *not* offer: a search finds them all the same, as searches do."""
    missing = [value for name in kind.options for value in OPTIONS[name] if value not in options.get(name, ())]
    told = [value for value in missing if generator.random() < TOLD_SHARE]
    return f"Made {use}." + (f" No longer in {', '.join(told)}." if told else "")


def _pricing(kind: Kind, generator: random.Random) -> str:
    price = round(kind.price * generator.uniform(*PRICE_SPREAD)) + generator.choice((0.0, 0.5))
    if generator.random() >= RANGE_SHARE:
        return f"${price}"
    return f"${price} to ${price + round(price * generator.uniform(0.2, 0.5)) + 0.5}"
