"""Packages that upstream imports at its head and that a run without an accelerator never calls.

A package that cannot be imported is stood in for while upstream's modules are imported, and no longer: what was bound
by then raises when it is used, and nobody else ever sees a package that is not there.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

MODULES: Mapping[str, tuple[str, ...]] = {
    "vllm": ("LLM", "SamplingParams"),
    "flash_attn": (),
    "flash_attn.bert_padding": ("index_first_axis", "pad_input", "rearrange", "unpad_input"),
    "wandb": ("Table", "log"),
    "openai": ("AsyncOpenAI",),
    "anthropic": ("AsyncAnthropic",),
    "together": ("AsyncTogether",),
}
"""What upstream imports from packages that it uses on accelerators, or to talk to servers, only."""


class MissingPackageError(RuntimeError):
    """Something was used whose package is not installed."""


def _missing(module: str, name: str) -> type:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        package = module.partition(".")[0]
        raise MissingPackageError(f"{module}.{name} was used, but {package} is not installed; pip install {package}")

    return type(name, (), {"__new__": refuse, "__module__": module})


@contextlib.contextmanager
def stand_ins(modules: Mapping[str, tuple[str, ...]] = MODULES) -> Iterator[list[str]]:
    """Stand in for those of ``modules`` that cannot be imported; gives their names."""
    made: list[str] = []
    try:
        for module, names in modules.items():
            if not _importable(module):
                stand_in = ModuleType(module)
                stand_in.__spec__ = ModuleSpec(module, None, is_package=True)
                for name in names:
                    setattr(stand_in, name, _missing(module, name))
                sys.modules[module] = stand_in
                made.append(module)
        yield made
    finally:
        for module in made:
            del sys.modules[module]


def _importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return True
