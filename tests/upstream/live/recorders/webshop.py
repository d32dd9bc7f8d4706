"""What the recorders of WebShop share: upstream's shop, the data that the checks read beside the cases, search words.

WebShop needs more than upstream's other environments (``docs/webshop.md``). A process has one shop, whose prices are
drawn when its first environment is made; Python's global generator is seeded right before, as upstream does not.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import random
import shutil
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from recorders import Upstream
from recorders.wording import between, template

NAMES = ("episodes", "rewards", "search")
"""The recorders that need WebShop."""
SHUFFLE_SEED = 233
"""What the package's main branch orders the goals by."""
NOUN_MODEL = "en_core_web_sm"
SEPARATOR = " [SEP] "
PIECES = (
    *("é", "ß", "İ", "ŋ", "中文", "日本", "ひらがな", "カタカナ", "ไทย", "한국어", "עברית", "🙂", "👍🏽", "🇩🇪"),
    *("½", "①", "'", "’s", '"', "-", "_", ".", ",", ":", ";", "/", "\\", "|", "%", "&", "&amp;", "<b>", "{x}", "$9.99"),
    *("#", "*", "  ", "\t", "\u00a0", "\u200b", "\u0301", "\u200d", "(", ")", "!", "?", "+", "~", "^2", "AND", "NOT"),
)
"""What is strewn into texts."""
CHARACTERS = [code for code in range(1, 0x20000) if unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Cs")]
"""Those of Unicode 3.2: letters added after Unicode 12 are words here and not in Lucene (``docs/webshop.md``)."""


def missing() -> str | None:
    """Why WebShop cannot be run here; ``None`` if it can."""
    try:
        importlib.import_module("ragen.env.webshop.env")
    except ImportError as error:
        return str(error)
    folder = Path(str(importlib.import_module("webshop_minimal").__file__)).parent
    files = ("data/small/items_shuffle_1000.json", "data/small/items_ins_v2_1000.json", "data/items_human_ins.json")
    absent = [name for name in (*files, "search_engine/indexes") if not (folder / name).exists()]
    return f"webshop_minimal has no {absent[0]}" if absent else None


def new_env(upstream: Upstream) -> Any:
    """An environment of upstream's in the process's shop."""
    from ragen.env.webshop.config import WebShopEnvConfig
    from ragen.env.webshop.env import WebShopEnv

    return upstream.own(WebShopEnv)(WebShopEnvConfig(server=server(upstream)))


@cache
def server(upstream: Upstream) -> Any:
    """The process's shop, made on first use.

    Raises:
        RuntimeError: There is one already, with prices that nobody knows the seed of.
    """
    from ragen.env.webshop.config import WebShopEnvConfig
    from ragen.env.webshop.env import WebShopEnv
    from webshop_minimal.env import SimServer

    if SimServer._instance is not None:
        raise RuntimeError("the process has a shop already, whose prices were drawn from an unknown seed")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):  # it tells of its progress
        random.seed(upstream.seed)
        return upstream.own(WebShopEnv)(WebShopEnvConfig()).server


def write_data(upstream: Upstream, folder: Path) -> None:
    """Write the catalogue, the nouns of its titles, colour words and sentences into ``folder/data``, once."""
    from webshop_minimal import normalize, utils

    from ragen_tsr.embedded.env.webshop.nouns import tagger

    if (folder / "data").is_dir():
        return
    shop, nouns = server(upstream), tagger(NOUN_MODEL)
    contents = {
        "product_nouns": {product["asin"]: nouns(product["name"]) for product in shop.all_products},
        "color_words": normalize.COLOR_SET,
        "wording": wording(upstream),
    }
    (folder / "data").mkdir()
    shutil.copy(utils.get_file_path(), folder / "data" / "items_shuffle_1000.json")
    shutil.copy(utils.get_attr_path(), folder / "data" / "items_ins_v2_1000.json")
    for name, content in contents.items():
        (folder / "data" / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def wording(upstream: Upstream) -> dict[str, Any]:
    """Upstream's sentences as a wording of this project's WebShop, read off what upstream shows for marks."""
    from ragen.env.webshop.env import RENDER_INSTRUCTIONS

    env = new_env(upstream)
    env.reset(seed=0)
    env.step("search[shoes]")
    env.prepare_render_cache("OBSERVATION")
    shown, offered = env.render(), env.get_available_actions()
    hints_joiner = between(RENDER_INSTRUCTIONS[0], shown, RENDER_INSTRUCTIONS[1])
    actions_joiner = between(offered[0], shown, offered[1])
    parts = {
        "OBSERVATION": "observation",
        hints_joiner.join(RENDER_INSTRUCTIONS): "hints",
        actions_joiner.join(offered): "actions",
    }
    fills = {"ASIN": "asin", '"OPTIONS"': "options", "REWARD": "reward"}
    return {
        "hints": list(RENDER_INSTRUCTIONS),
        "hints_joiner": hints_joiner,
        "render": template(shown, parts),
        "actions_joiner": actions_joiner,
        "done_page": [template(text, fills) for text in _done_page(env).split(SEPARATOR)],
    }


def _done_page(env: Any) -> str:
    from webshop_minimal import engine
    from webshop_minimal.env import app

    marks = {"asin": "ASIN", "options": "OPTIONS", "reward": "REWARD"}
    with app.app_context(), app.test_request_context():
        page = engine.map_action_to_html(f"click[{engine.END_BUTTON}]", session_id="", instruction_text="", **marks)
    return env.convert_html_to_text(page, simple=True)


def search_words(draw: random.Random, shop: Any) -> str:
    """What somebody might search for: words of the catalogue's texts, sometimes with strange ones; never empty."""
    product, several = draw.choice(shop.all_products), draw.choices(shop.all_products, k=draw.randint(1, 6))
    texts = (
        product["query"],
        product["name"],
        " ".join([product["query"], *draw.sample(product["Attributes"], min(2, len(product["Attributes"])))]),
        draw.choice(shop.goals)["instruction_text"],
        product["Description"] or product["name"],
        " ".join(draw.choice(other["name"].split() or ["nameless"]) for other in several),
        " ".join(value for values in product["options"].values() for value in values[:3]) or product["asin"],
    )
    words = draw.choice(texts).split(" ")
    first = draw.randrange(len(words))
    text = " ".join(words[first : first + draw.choice([1, 2, 3, 5, 8, 30])])
    for _ in range(draw.choice([0, 0, 0, 1, 2, 6])):
        text = strewn(draw, text)
    return draw.choice([text, text, text.upper(), text.title()]) or product["query"]


def strewn(draw: random.Random, text: str, pieces: tuple[str, ...] = PIECES) -> str:
    """``text`` with one of ``pieces``, or with any of ``CHARACTERS``, put somewhere."""
    piece = draw.choice(pieces) if draw.random() < 0.8 else chr(draw.choice(CHARACTERS))
    at = draw.randint(0, len(text))
    return text[:at] + piece + text[at:]
