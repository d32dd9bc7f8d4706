"""The folder of an evaluation, and the episodes in it.

Decides what is kept so that an evaluation can be killed at any moment and gone on with: every finished episode is a
line of ``episodes.jsonl`` as soon as it is over.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from ragen_tsr.config import ConfigError
from ragen_tsr.files import FolderInUse, held, json_line, new_folder, read_json_lines, write_whole
from ragen_tsr.report.page import CONFIG_FILE

EPISODES_FILE = "episodes.jsonl"
LOG_FILE = "eval.log"

Record = dict[str, Any]


class EvaluationFolder:
    """An evaluation's folder.

    Args:
        path: It exists, or :meth:`create` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @classmethod
    def create(cls, config: DictConfig, env: str, name: str) -> EvaluationFolder:
        """Make ``<trainer.local_log_dir>/eval-<env>-<name>-<time>`` and write ``config.yaml`` into it."""
        folder = cls(new_folder(Path(config.trainer.local_log_dir), f"eval-{env}-{name}"))
        write_whole(folder.path / CONFIG_FILE, OmegaConf.to_yaml(config))
        return folder

    @property
    def log(self) -> Path:
        """Where the libraries' own output goes."""
        return self.path / LOG_FILE

    def lock(self) -> FileLock:
        """Keep other processes from going on with this evaluation; a context manager, held already.

        Raises:
            ConfigError: Another process has it.
        """
        try:
            return held(self.path)
        except FolderInUse as error:
            raise ConfigError(f"{self.path}: another process is at this evaluation; wait for its end") from error


class EpisodeFile:
    """Appends records to a file of JSON lines, each on the disk when :meth:`append` returns.

    Args:
        path: A last line that was cut short by a kill is removed from it.

    Attributes:
        records: All that the file has.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self.records: list[Record] = read_json_lines(path)
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
        self._stream = path.open("a", encoding="utf-8")

    def append(self, record: Record) -> None:
        """Write one more."""
        self._stream.write(json_line(record))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.records.append(record)

    def __enter__(self) -> EpisodeFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
