"""What the word MODEL of ``eval.sh`` names: a run, a checkpoint, a model, or a server's model.

Decides by what is on the disk. Leaves loading to the engines and the merging of shards to
:mod:`ragen_tsr.models.checkpoints`.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragen_tsr.config import ConfigError
from ragen_tsr.report.page import CONFIG_FILE
from ragen_tsr.trainer.checkpoints import CheckpointFolder

API = "api:"
CHECKPOINTS = "checkpoints"
CHECKPOINT = re.compile(r"global_step_(\d+)")


@dataclass(frozen=True)
class Subject:
    """What is evaluated."""

    word: str
    """As it was given."""
    model: str | None = None
    """``tiny``, ``smollm2``, a Hugging Face id or a folder with a model; None for the others."""
    api: str | None = None
    """What a server calls its model."""
    checkpoint: str | None = None
    """Folder ``global_step_<n>`` of a run of ours."""
    run: str | None = None
    """The run that the checkpoint is of, if its folder is still around it."""

    @property
    def step(self) -> int:
        """Training steps that the weights have seen, as far as is known."""
        found = CHECKPOINT.fullmatch(Path(self.checkpoint).name) if self.checkpoint else None
        return int(found[1]) if found else 0

    @property
    def slug(self) -> str:
        """The word as part of a folder's name."""
        name = self.word.removeprefix(API)
        if self.run:
            name = f"{Path(self.run).name}-step{self.step}"
        elif self.checkpoint or (self.model and Path(self.model).is_dir()):
            name = Path(self.checkpoint or self.model or "").name
        return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"

    def as_config(self) -> dict[str, Any]:
        """For ``config.yaml``; ``Subject(**...)`` reads it back."""
        return asdict(self)


def find(word: str) -> Subject:
    """The subject that a word names.

    Raises:
        ConfigError: It is a path at which there is nothing that can be evaluated.
    """
    if word.startswith(API):
        if not (name := word.removeprefix(API)):
            raise ConfigError(f"{word}: must be api:NAME, where NAME is what the server calls the model")
        return Subject(word, api=name)
    path = Path(word).expanduser()
    if not path.exists():
        if word.startswith((".", "/", "~")):
            raise ConfigError(f"{word}: there is no such folder")
        return Subject(word, model=word)
    path = path.resolve()
    if CHECKPOINT.fullmatch(path.parent.name) and path.name == "actor":
        path = path.parent
    if CHECKPOINT.fullmatch(path.name):
        return _of_checkpoint(word, path)
    if (path / CHECKPOINTS).is_dir() and (path / CONFIG_FILE).is_file():
        checkpoints = CheckpointFolder(path / CHECKPOINTS, keep=None)
        if (latest := checkpoints.latest()) is None:
            raise ConfigError(f"{word}: this run has no complete checkpoint; train with trainer.save_freq=N")
        return _of_checkpoint(word, checkpoints.step_folder(latest))
    if (path / "config.json").is_file():
        return Subject(word, model=str(path))
    if (path / CONFIG_FILE).is_file():
        raise ConfigError(f"{word}: this run has no checkpoint; train with trainer.save_freq=N")
    raise ConfigError(
        f"{word}: must be a run folder (with {CONFIG_FILE} and {CHECKPOINTS}/), a checkpoint of one (global_step_<n>) "
        "or a folder with a Hugging Face model (with config.json)"
    )


def _of_checkpoint(word: str, checkpoint: Path) -> Subject:
    from ragen_tsr.models.checkpoints import is_checkpoint  # imports torch

    if not is_checkpoint(checkpoint):
        raise ConfigError(f"{word}: {checkpoint} is no complete checkpoint: there is no actor/fsdp_config.json in it")
    run = checkpoint.parent.parent
    known = checkpoint.parent.name == CHECKPOINTS and (run / CONFIG_FILE).is_file()
    return Subject(word, checkpoint=str(checkpoint), run=str(run) if known else None)
