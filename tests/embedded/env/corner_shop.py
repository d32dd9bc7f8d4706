"""A shop of fifteen products, written in WebShop's files, with every corner that a page can have."""

import json

BRASS = "B0LAMPBRAS"
"""Two options that share a value, a value with a slash, no description, an empty feature."""
PLAIN = [f"B0LAMP{number:04d}" for number in range(11)]
"""Lamps that differ in nothing but the ASIN, so that they are found in its order."""
SOFA = "B0SOFASOFA"
"""What is asked for: 1,600 goals, one for each pair of a color and a size."""
CAR = "B0CARCARCA"
"""Options named as a button, and characters that the last page escapes."""
NAMELESS = "B0NAMELESS"
"""No title, and a description that is a line break."""


def product(asin, name, **more):
    return {
        "asin": asin,
        "name": name,
        "full_description": f"All about {name}.",
        "small_description": [f"{name} feature"],
        "query": name.lower(),
        "category": "home",
        "product_category": f"Home › {name}",
        "pricing": "$20.00",
        "customization_options": {},
    } | more


def values(*texts):
    return [{"value": text} for text in texts]


PRODUCTS = [
    product(
        BRASS,
        " Brass Desk Lamp ",
        full_description="",
        small_description=["", " warm <light> & more "],
        pricing="$10.5$12",
        customization_options={"Color": values("Red", "Dark Blue"), "shade": values("red", "paper/cloth"), "fit": None},
    ),
    *[product(asin, "Plain Lamp") for asin in PLAIN],
    product(
        SOFA,
        "Sofa Set",
        customization_options={
            "color": values(*(f"color {n}" for n in range(40))),
            "size": values(*(f"size {n}" for n in range(40))),
        },
    ),
    product(
        CAR,
        "Toy Car",
        customization_options={"style": values("Buy Now", "reviews", "<b>'ü'&"), "next": values("< prev", "search")},
    ),
    product(NAMELESS, "", full_description="\n", small_description=["Anonymous", "\n"]),
]
EXTRAS = {
    SOFA: {
        "attributes": ["soft"],
        "instruction": "Find me a soft sofa set",
        "instruction_attributes": ["soft"],
    }
}


def write(folder):
    """The files, under upstream's names for the small catalogue."""
    (folder / "items_shuffle_1000.json").write_text(json.dumps(PRODUCTS))
    (folder / "items_ins_v2_1000.json").write_text(json.dumps(EXTRAS))
    return folder
