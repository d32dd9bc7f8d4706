"""A run that is not run: its configuration, checked against every schema there is, and what it would need.

Decides nothing about a run. ``command`` reads the command line and says what was found, ``schema`` compares keys, kinds
and sections with verl's and upstream RAGEN's, ``load`` counts prompts and tokens of a step, ``shapes`` and ``devices``
hold data, ``memory`` and ``work`` say what a step comes to on a GPU. None of it needs a GPU, and no model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

FLAGS = ("--cfg", "-c", "--dry-run")
"""Words that ask for a dry run; the first two are Hydra's."""


def asked_for(arguments: Sequence[str]) -> bool:
    """Whether a command line asks to be looked at instead of run."""
    return any(argument.partition("=")[0] in FLAGS for argument in arguments)
