"""``train.py``'s checks without the one for which a model's name must say its family."""

from __future__ import annotations

from collections.abc import Callable

from omegaconf import DictConfig

ACCEPTED_NAME = "qwen"
"""What upstream's check finds in a path that it accepts."""


def lifted(validate: Callable[[DictConfig], DictConfig]) -> Callable[[DictConfig], DictConfig]:
    """``train.py``'s validation without its demand for a model whose path says "qwen" or "llama-3".

    Everything else that it checks and sets stays. Whether the chat template's marks are understood is found by the
    context manager, from the template.
    """

    def check(config: DictConfig) -> DictConfig:
        named = config.model_path
        config.model_path = ACCEPTED_NAME
        try:
            return validate(config)
        finally:
            config.model_path = named

    return check
