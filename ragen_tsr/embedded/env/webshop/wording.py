"""The sentences that WebShop addresses to the model, as checked data.

Decides which keys there are and which placeholders each may use. The sentences are in
``config/wording/webshop/`` (or in a file that the configuration names); labels of pages and buttons are the
environment's interface and stand in :mod:`.pages`.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

DEFAULT_FILE = Path(__file__).resolve().parents[4] / "config" / "wording" / "webshop" / "default.yaml"
"""The project's own sentences."""

TEXTS: dict[str, frozenset[str]] = {
    "render": frozenset({"observation", "hints", "actions"}),
    "hints_joiner": frozenset(),
    "actions_joiner": frozenset(),
}
"""Keys whose value is one text, with the placeholders that it may contain."""
LISTS: dict[str, frozenset[str]] = {
    "hints": frozenset(),
    "done_page": frozenset({"asin", "options", "reward"}),
}
"""Keys whose value is a list of texts."""
REQUIRED = frozenset({"observation", "actions"})
"""Placeholders of ``render`` without which the policy would not see the page or what it may do."""


class WebShopWordingError(ValueError):
    """A wording has a missing or unknown key, a value of the wrong type, or a placeholder nothing fills."""


@dataclass(frozen=True)
class WebShopWording:
    """Checked sentences; make one with :func:`load_webshop_wording`."""

    hints: tuple[str, ...]
    hints_joiner: str
    render: str
    actions_joiner: str
    done_page: tuple[str, ...]

    def prompt(self, observation: str, actions: tuple[str, ...]) -> str:
        """What the model is shown for a page."""
        return self.render.format(
            observation=observation,
            hints=self.hints_joiner.join(self.hints),
            actions=self.actions_joiner.join(actions),
        )

    def done_texts(self, asin: str, options: str, reward: str) -> list[str]:
        """The texts of the page after a purchase."""
        return [text.format(asin=asin, options=options, reward=reward) for text in self.done_page]


def load_webshop_wording(source: Mapping[str, Any] | str | Path | None = None) -> WebShopWording:
    """The checked wording.

    Args:
        source: The sentences themselves, or ``{path: FILE}``, or a path; JSON (``.json``) or YAML. ``None``
            is the project's own file.

    Raises:
        WebShopWordingError: Naming the key, what it is and what is allowed.
    """
    if source is None:
        return _from_file(DEFAULT_FILE)
    if isinstance(source, str | Path):
        return _from_file(Path(source))
    if not isinstance(source, Mapping):
        raise WebShopWordingError(f"webshop.wording={source!r}: allowed are sentences, {{path: FILE}}, or null")
    if set(source) == {"path"}:
        return _from_file(Path(str(source["path"])))
    return _checked(source, "webshop.wording")


@lru_cache
def _from_file(path: Path) -> WebShopWording:
    readers = {".json": json.loads, ".yaml": yaml.safe_load, ".yml": yaml.safe_load}
    where = f"webshop.wording={str(path)!r}"
    if path.suffix not in readers:
        raise WebShopWordingError(f"{where}: the file must be one of {', '.join(sorted(readers))}")
    if not path.is_file():
        raise WebShopWordingError(f"{where}: there is no such file")
    try:
        content = readers[path.suffix](path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise WebShopWordingError(f"{where}: cannot be read: {error}") from error
    return _checked(content, where)


def _checked(wording: Any, where: str) -> WebShopWording:
    if not isinstance(wording, Mapping):
        raise WebShopWordingError(f"{where}: expected a mapping of sentences, got {type(wording).__name__}")
    allowed = {*TEXTS, *LISTS}
    missing, unknown = sorted(allowed - wording.keys()), sorted(wording.keys() - allowed)
    if missing or unknown:
        raise WebShopWordingError(
            f"{where}: missing keys {missing}, unknown keys {unknown}; allowed are exactly {sorted(allowed)}"
        )
    for key, placeholders in TEXTS.items():
        used = _placeholders(f"{where}: {key}", wording[key], placeholders)
        if key == "render" and (absent := REQUIRED - used):
            raise WebShopWordingError(f"{where}: {key}={wording[key]!r} must contain {sorted(absent)}")
    for key, placeholders in LISTS.items():
        if not isinstance(wording[key], list | tuple):
            raise WebShopWordingError(f"{where}: {key}={wording[key]!r} must be a list of texts")
        for index, text in enumerate(wording[key]):
            _placeholders(f"{where}: {key}[{index}]", text, placeholders)
    return WebShopWording(
        hints=tuple(wording["hints"]),
        hints_joiner=wording["hints_joiner"],
        render=wording["render"],
        actions_joiner=wording["actions_joiner"],
        done_page=tuple(wording["done_page"]),
    )


def _placeholders(where: str, text: Any, allowed: frozenset[str]) -> set[str]:
    if not isinstance(text, str):
        raise WebShopWordingError(f"{where}={text!r} must be text")
    if not allowed:  # hints and joiners are shown as they are, braces included
        return set()
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise WebShopWordingError(f"{where}={text!r} is not a template: {error}") from error
    used = {name for _, name, _, _ in parts if name is not None}
    if used - allowed or any(spec or conversion for _, _, spec, conversion in parts):
        raise WebShopWordingError(f"{where}={text!r}: allowed placeholders are {sorted(allowed)}, without a format")
    return used
