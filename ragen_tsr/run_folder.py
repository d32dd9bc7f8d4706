"""The folder that a run leaves: its name, its files, and what a later run needs to go on from it.

Metrics, checkpoints and recorded searches are written by the trainer; the summary and the report by
:mod:`ragen_tsr.report`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ragen_tsr.config import ConfigError, derive, load_task
from ragen_tsr.files import FolderInUse, held, new_folder, write_whole
from ragen_tsr.report import write_report, write_summary
from ragen_tsr.report.page import CONFIG_FILE
from ragen_tsr.trainer.steps import METRICS_FILE

LOG_FILE = "run.log"


class RunFolder:
    """A run's folder.

    Args:
        path: It exists, or :meth:`create` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @classmethod
    def create(cls, config: DictConfig, env: str) -> RunFolder:
        """Make ``<trainer.local_log_dir>/<env>-<search>-<time>`` and write ``config.yaml`` into it.

        The configuration is changed to name the folder: ``trainer.local_log_dir``, and
        ``trainer.experiment_name`` where that is null.
        """
        path = new_folder(Path(config.trainer.local_log_dir), f"{env}-{config.search.name}")
        return cls.make(path, config)

    @classmethod
    def make(cls, path: Path, config: DictConfig) -> RunFolder:
        """The run folder at ``path``, made if it is missing, with this ``config.yaml`` in it.

        The configuration is changed as :meth:`create` says.
        """
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        folder.claim(config)
        write_whole(folder.path / CONFIG_FILE, OmegaConf.to_yaml(config))
        return folder

    @classmethod
    def reopen(cls, path: Path, overrides: list[str]) -> tuple[RunFolder, DictConfig]:
        """The folder of an earlier run and its configuration, changed by ``key=value`` overrides.

        Raises:
            ConfigError: There is no run at ``path``, an override names a key that does not exist, or the run's
                task file has gone.
        """
        source = path / CONFIG_FILE
        if not source.is_file():
            raise ConfigError(f"resume={path}: must be a run folder, with a {CONFIG_FILE} in it")
        config = OmegaConf.load(source)
        assert isinstance(config, DictConfig)
        OmegaConf.set_struct(config, True)
        try:
            config.merge_with_dotlist(overrides)
        except OmegaConfBaseException as error:
            raise ConfigError(f"{' '.join(overrides)}: {str(error).splitlines()[0]}") from error
        if config.trainer.resume_mode == "disable":
            raise ConfigError("trainer.resume_mode='disable': must be auto for a run that is resumed")
        load_task(OmegaConf.select(config, "task_file"))
        derive(config)
        folder = cls(path)
        folder.claim(config)
        return folder, config

    def claim(self, config: DictConfig) -> None:
        """Make the configuration name this folder."""
        config.trainer.local_log_dir = str(self.path)
        if config.trainer.experiment_name is None:
            config.trainer.experiment_name = self.path.name

    def lock(self) -> AbstractContextManager[object]:
        """Keep other processes from training here, until the end of this one or of a ``with`` block.

        Raises:
            ConfigError: Another process trains here.
        """
        try:
            return held(self.path)
        except FolderInUse as error:
            raise ConfigError(f"{self.path}: another process is training there; wait for its end") from error

    @property
    def log(self) -> Path:
        """Where the libraries' own output goes."""
        return self.path / LOG_FILE

    def conclude(self, about: dict[str, Any]) -> tuple[dict[str, Any], Path | None]:
        """Write the summary, and the report if there are metrics; the summary and the path of the report."""
        summary = write_summary(self.path, about)
        return summary, write_report(self.path) if (self.path / METRICS_FILE).exists() else None
