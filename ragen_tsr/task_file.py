"""A task of one's own in one Python file: environment, snapshots, scorer and configuration.

Decides how such a file says what is in it (:class:`TaskParts` under the name ``TASK``) and how its parts reach the
registries. What the parts must offer stands in ``docs/new_environment.md``; composing the configuration is left
to :mod:`ragen_tsr.config`. Environments live in the driver process only, so no worker loads the file.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

SUFFIX = ".py"
_MODULE_PREFIX = "ragen_tsr_task_"

_loaded: dict[Path, str] = {}


class TaskFileError(ValueError):
    """A task file is missing, or does not hold what it must; the message says what."""


@dataclass(frozen=True)
class TaskParts:
    """What a task file defines; its ``TASK``."""

    env_type: str
    """The name that ``custom_envs.<tag>.env_type`` says."""
    env: type[Any]
    """Made as ``env(settings)``; has ``config``, ``reset``, ``step``, ``render`` and ``close``."""
    settings: type[Any]
    """A dataclass, made as ``settings(**env_config)``; what it raises refuses a configuration."""
    config: str
    """YAML, of the form of a file of ``config/env/``."""
    scorer: type[Any] | None = None
    """See :mod:`ragen_tsr.scorers`; None: ``search.scorer`` must name one."""
    snapshotter: type[Any] | None = None
    """See :mod:`ragen_tsr.snapshots`; None: branches are deep copies, which is slow and says so."""
    tiny: Any = None
    """A :class:`ragen_tsr.models.tasks.Task`, for ``model=tiny``; None: ``model=`` must name another policy."""


def is_task_file(word: str) -> bool:
    """Whether the first word of a command line names a file rather than a file of ``config/env/``."""
    return word.endswith(SUFFIX)


def load(path: Path) -> str:
    """Run a task file, register its parts, and return its name, which ``env=`` then takes: the file's, without suffix.

    Loading the same file again changes nothing. What the file itself raises is not caught.

    Raises:
        TaskFileError: There is no such file, it has no ``TASK``, its configuration is no YAML mapping, or its
            environment type is taken.
    """
    path = path.resolve()
    if path in _loaded:
        return _loaded[path]
    if not path.is_file():
        raise TaskFileError(f"{path}: there is no such file")
    task = getattr(_run(path), "TASK", None)
    if not isinstance(task, TaskParts):
        raise TaskFileError(f"{path}: TASK={task!r}: must be a ragen_tsr.task_file.TaskParts")
    config = _config(path, task)
    _register(path, task)
    ConfigStore.instance().store(group="env", name=path.stem, node=config, package="_global_")
    _loaded[path] = path.stem
    return path.stem


def _run(path: Path) -> Any:
    name = _MODULE_PREFIX + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def _config(path: Path, task: TaskParts) -> DictConfig:
    try:
        config = OmegaConf.create(task.config)
    except YAMLError as error:
        raise TaskFileError(f"{path}: TASK.config is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, DictConfig) or "custom_envs" not in config:
        raise TaskFileError(f"{path}: TASK.config must be a mapping with custom_envs, as a file of config/env/ is")
    return config


def _register(path: Path, task: TaskParts) -> None:
    from ragen_tsr import backend, scorers, snapshots

    if task.env_type in backend.REGISTERED_ENVS:
        taken = backend.REGISTERED_ENVS[task.env_type]
        raise TaskFileError(f"{path}: TASK.env_type={task.env_type!r}: is taken by {taken.__module__}.{taken.__name__}")
    backend.REGISTERED_ENVS[task.env_type] = task.env
    backend.REGISTERED_ENV_CONFIGS[task.env_type] = task.settings
    if task.scorer is not None:
        scorers.register(task.env_type)(task.scorer)
    if task.snapshotter is not None:
        snapshots.register(task.env)(task.snapshotter)
    if task.tiny is not None:
        from ragen_tsr.models.tasks import register_task

        register_task(task.tiny)
