"""Names of a module that mean something else for a while: for upstream's code that looks its classes up by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def replaced(module: ModuleType, **attributes: Any) -> Iterator[None]:
    """Give the module these attributes, and its own back at the end."""
    own = {name: getattr(module, name) for name in attributes}
    for name, value in attributes.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in own.items():
            setattr(module, name, value)
