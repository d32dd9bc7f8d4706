"""The sentences of a prompt, as checked data.

This module decides which keys a wording has and which placeholders each may use. It leaves the sentences to
``config/wording/`` (or to a file that the configuration names) and their arrangement to
:mod:`ragen_tsr.embedded.llm_agent.prompts`.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

PLACEHOLDERS: dict[str, frozenset[str]] = {
    key: frozenset(names.split())
    for key, names in {
        "system": "instruction",
        "grid_vocab": "pairs",
        "grid_vocab_pair": "symbol meaning",
        "grid_vocab_joiner": "",
        "coord_hint": "",
        "actions": "names",
        "actions_joiner": "",
        "actions_limit": "max_actions separator",
        "format_think": "",
        "format_answer": "",
        "length": "max_tokens",
        "warning": "",
        "turn": "turn state warning actions_left format length",
        "reward": "reward",
        "single_turn_summary": "completed shown",
        "single_turn_past_state": "turn state",
        "single_turn_past_action": "turn response",
        "single_turn_past_reward": "turn reward",
        "single_turn_past_end": "",
        "single_turn_current_prefix": "",
        "single_turn_current": "separator prefix turn state warning actions_left format length",
    }.items()
}
"""Every key of a wording, with the placeholders that its sentence may contain."""

REQUIRED: dict[str, frozenset[str]] = {
    "system": frozenset({"instruction"}),
    "turn": frozenset({"state", "warning"}),
    "single_turn_current": frozenset({"state", "warning"}),
}
"""Placeholders without which the policy would not see its task, the board or a warning."""


class WordingError(ValueError):
    """A wording has a missing, unknown or non-text key, or a placeholder that nothing fills."""


def load_wording(source: Mapping[str, Any] | DictConfig | str | Path | None) -> dict[str, str]:
    """Return the checked wording of a configuration.

    Args:
        source: the configuration's ``wording``: either the sentences themselves, or ``{path: FILE}``; or a
            path. A file is JSON (``.json``) or YAML (``.yaml``, ``.yml``).

    Returns:
        A sentence for every key of :data:`PLACEHOLDERS`.

    Raises:
        WordingError: naming the key, what it is and what is allowed.
    """
    if source is None:
        raise WordingError(
            "config key 'wording' is missing: compose the Hydra group `wording` "
            "(config/wording/default.yaml), or give {path: FILE}"
        )
    if isinstance(source, str | Path):
        return _checked(_read(Path(source)), str(source))
    if isinstance(source, DictConfig):
        source = OmegaConf.to_container(source, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    if not isinstance(source, Mapping):
        raise WordingError(f"config key 'wording' must be a mapping or {{path: FILE}}, got {source!r}")
    if set(source) == {"path"}:
        return load_wording(str(source["path"]))
    return _checked(source, "config key 'wording'")


def _read(path: Path) -> Any:
    readers = {".json": json.loads, ".yaml": yaml.safe_load, ".yml": yaml.safe_load}
    if path.suffix not in readers:
        raise WordingError(f"wording.path={str(path)!r}: the file must be one of {sorted(readers)}")
    if not path.is_file():
        raise WordingError(f"wording.path={str(path)!r}: there is no such file")
    return readers[path.suffix](path.read_text(encoding="utf-8"))


def _checked(wording: Any, where: str) -> dict[str, str]:
    if not isinstance(wording, Mapping):
        raise WordingError(f"{where}: expected a mapping of sentences, got {type(wording).__name__}")
    missing = sorted(PLACEHOLDERS.keys() - wording.keys())
    unknown = sorted(wording.keys() - PLACEHOLDERS.keys())
    if missing or unknown:
        raise WordingError(
            f"{where}: missing keys {missing}, unknown keys {unknown}; a wording has exactly {sorted(PLACEHOLDERS)}"
        )
    for key, sentence in wording.items():
        if not isinstance(sentence, str):
            raise WordingError(f"{where}: {key}={sentence!r} must be text")
        used = _placeholders(where, key, sentence)
        if used - PLACEHOLDERS[key]:
            raise WordingError(
                f"{where}: {key}={sentence!r} uses {sorted(used - PLACEHOLDERS[key])}; "
                f"allowed placeholders are {sorted(PLACEHOLDERS[key])}"
            )
        if absent := REQUIRED.get(key, frozenset()) - used:
            raise WordingError(f"{where}: {key}={sentence!r} must contain the placeholders {sorted(absent)}")
    return dict(wording)


def _placeholders(where: str, key: str, sentence: str) -> set[str]:
    try:
        parts = list(string.Formatter().parse(sentence))
    except ValueError as error:
        raise WordingError(f"{where}: {key}={sentence!r} is not a template: {error}") from error
    for _, name, spec, conversion in parts:
        if name is not None and (spec or conversion):
            raise WordingError(f"{where}: {key}={sentence!r}: write the placeholder {name!r} without a format")
    return {name for _, name, _, _ in parts if name is not None}
