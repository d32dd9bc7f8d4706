"""Small WebShop catalogues for tests, written as a user's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def raw_product(asin: str = "B000000001", **changes: Any) -> dict[str, Any]:
    """An entry of ``items_shuffle_1000.json``."""
    return {
        "asin": asin,
        "name": "Plain wooden chair",
        "category": "garden",
        "query": " Chairs",
        "product_category": "Home › Furniture › Chairs",
        "pricing": "$10.0 to $30.0",
        "small_description": ["stands on four legs"],
        "full_description": "A chair.",
        "customization_options": choices(Size=[f"size {number}" for number in range(40)], Color=["Red", "Blue/White "]),
        "images": ["none"],
        **changes,
    }


def choices(**options: list[str]) -> dict[str, list[dict[str, str]]]:
    """Options as a raw product has them."""
    return {name: [{"value": value} for value in values] for name, values in options.items()}


def wish(**changes: Any) -> dict[str, Any]:
    """An entry of ``items_ins_v2_1000.json``."""
    return {
        "attributes": ["solid wood", "easy clean"],
        "instruction": "Find a chair",
        "instruction_attributes": ["solid wood"],
        **changes,
    }


def write_files(folder: Path, products: list[dict[str, Any]], wishes: dict[str, Any]) -> Path:
    """Write both files under the small catalogue's names; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "items_shuffle_1000.json").write_text(json.dumps(products))
    (folder / "items_ins_v2_1000.json").write_text(json.dumps(wishes))
    return folder


def many_goals(folder: Path) -> Path:
    """Two products, of which the second has 30 x 60 = 1800 goals."""
    values = choices(size=[f"number {n}" for n in range(30)], color=[f"shade {n}" for n in range(60)])
    products = [raw_product(), raw_product("B000000002", pricing="$17.5", customization_options=values)]
    return write_files(folder, products, {"B000000001": {"attributes": []}, "B000000002": wish()})
