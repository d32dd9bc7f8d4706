"""What the synthetic catalogue is about: departments, kinds of product, and the words that describe them.

Decides words only; how products are put together is decided in :mod:`.synthetic`. Everything here is made up for
this project. No two attributes of a department and no two values of an option have a word in common, so that none
stands for another under the reward's loose comparison, and no value but a colour has a colour word inside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Department:
    """A part of the shop."""

    path: str
    """The first part of ``product_category``."""
    attributes: tuple[str, ...]
    uses: tuple[str, ...]
    """What a description may end with."""


@dataclass(frozen=True)
class Kind:
    """A kind of product: one search, one category."""

    department: str
    section: str
    """The middle part of ``product_category``."""
    name: str
    """Singular or plural, one or two words; also the search that finds it."""
    price: int
    """About what it costs, in dollars."""
    options: tuple[str, ...]
    """Names of the options that its products may have."""


BRANDS = (
    "Arvona", "Belmar", "Corvex", "Dunmore", "Elvita", "Fenwick", "Galvo", "Harlan", "Istra", "Jorvik", "Kelnor",
    "Lumeo", "Marlo", "Nordal", "Orbis", "Pellam", "Quorra", "Rivona", "Solvex", "Tarvin", "Umbria", "Velmora",
    "Wexley", "Zandor",
)  # fmt: skip

DEPARTMENTS = {
    "beauty": Department(
        "Beauty & Care",
        ("vegan", "organic", "hydrating", "soothing", "long lasting", "cruelty free", "dermatologist tested", "gentle"),
        ("for every day", "for the evening", "for dry days", "for travel"),
    ),
    "fashion": Department(
        "Clothing & Shoes",
        ("waterproof", "breathable", "machine washable", "stretchy", "quilted", "quick dry", "handmade", "padded"),
        ("for work", "for long walks", "for weekends", "for cold mornings"),
    ),
    "garden": Department(
        "Home & Garden",
        ("foldable", "sturdy", "easy clean", "space saving", "recycled", "stackable", "portable", "decorative"),
        ("for the bedroom", "for small rooms", "for the hallway", "for guests"),
    ),
    "grocery": Department(
        "Food & Drink",
        ("organic", "sugar free", "small batch", "fair trade", "roasted", "low salt", "crunchy", "vegan"),
        ("for breakfast", "for the afternoon", "for sharing", "for the road"),
    ),
    "electronics": Department(
        "Electronics",
        (
            "water resistant",
            "shockproof",
            "compact",
            "scratch proof",
            "lightweight",
            "repairable",
            "washable",
            "foldable",
        ),
        ("for the desk", "for trips", "for the car", "for students"),
    ),
}

KINDS = (
    Kind("beauty", "Hair", "shampoo", 14, ("scent", "size")),
    Kind("beauty", "Skin", "face cream", 24, ("scent", "size", "set")),
    Kind("beauty", "Skin", "body lotion", 18, ("scent", "size")),
    Kind("beauty", "Makeup", "lip balm", 8, ("color", "scent")),
    Kind("beauty", "Makeup", "nail polish", 9, ("color", "set")),
    Kind("fashion", "Shoes", "hiking boots", 85, ("color", "size", "width")),
    Kind("fashion", "Shoes", "house slippers", 22, ("color", "size")),
    Kind("fashion", "Outerwear", "rain jacket", 70, ("color", "size", "fit")),
    Kind("fashion", "Accessories", "winter gloves", 19, ("color", "size")),
    Kind("fashion", "Tops", "linen shirt", 38, ("color", "size", "fit")),
    Kind("fashion", "Bags", "backpack", 48, ("color", "volume")),
    Kind("garden", "Lighting", "desk lamp", 36, ("color", "style")),
    Kind("garden", "Furniture", "coffee table", 130, ("material", "shape")),
    Kind("garden", "Furniture", "bar stool", 75, ("material", "color")),
    Kind("garden", "Textiles", "throw pillow", 20, ("color", "shape", "style")),
    Kind("garden", "Storage", "laundry basket", 28, ("color", "material")),
    Kind("garden", "Outdoors", "camping tent", 145, ("color", "capacity")),
    Kind("grocery", "Drinks", "herbal tea", 11, ("flavor", "pack")),
    Kind("grocery", "Snacks", "trail mix", 13, ("flavor", "pack")),
    Kind("grocery", "Snacks", "protein bar", 26, ("flavor", "pack")),
    Kind("grocery", "Pantry", "peanut butter", 12, ("texture", "pack")),
    Kind("grocery", "Pantry", "hot sauce", 9, ("flavor", "heat")),
    Kind("electronics", "Audio", "headphones", 95, ("color", "bundle")),
    Kind("electronics", "Audio", "travel speaker", 55, ("color", "power")),
    Kind("electronics", "Charging", "power bank", 42, ("color", "capacity")),
    Kind("electronics", "Charging", "charging cable", 15, ("color", "length")),
    Kind("electronics", "Computers", "laptop stand", 39, ("material", "color")),
    Kind("electronics", "Computers", "computer mouse", 31, ("color", "grip")),
)

OPTIONS = {
    "bundle": ("basic", "deluxe", "studio"),
    "capacity": ("single", "double", "triple", "family"),
    "color": ("black", "white", "blue", "green", "pink", "yellow"),
    "fit": ("slim", "regular", "loose"),
    "flavor": ("vanilla", "ginger", "cherry", "honey", "apple", "cocoa"),
    "grip": ("flat", "curved", "upright"),
    "heat": ("mild", "medium", "extra hot"),
    "length": ("short", "middle", "long"),
    "material": ("oak", "bamboo", "metal", "glass", "wicker"),
    "pack": ("one box", "six bags", "bulk"),
    "power": ("low", "mid", "high"),
    "scent": ("citrus", "cedar", "jasmine", "almond", "fresh rain"),
    "set": ("solo", "duo", "trio"),
    "shape": ("round", "square", "oval"),
    "size": ("small", "medium", "large", "huge"),
    "style": ("modern", "rustic", "classic", "art deco"),
    "texture": ("smooth", "chunky"),
    "volume": ("day", "weekend", "expedition"),
    "width": ("narrow", "normal", "wide"),
}
"""Values of an option; a product offers two or more of them."""
