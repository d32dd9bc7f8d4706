"""Which environment types have a tiny policy.

Decides what is registered, and which task a run's configuration asks for. An author of a new environment may
register a task of one's own.
"""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from ragen_tsr.models.tasks.base import Task
from ragen_tsr.models.tasks.frozen_lake import FrozenLakeTask
from ragen_tsr.models.tasks.sokoban import SokobanTask
from ragen_tsr.models.tasks.webshop import WebShopTask

REGISTERED_TASKS: dict[str, Task[Any]] = {}


def register_task(task: Task[Any]) -> None:
    """Make ``model=tiny`` work for ``task.env_type``; a task already registered for it is replaced."""
    REGISTERED_TASKS[task.env_type] = task


def task_of(config: DictConfig) -> Task[Any]:
    """The task of the environments that `config` trains in.

    Raises:
        ValueError: their type has no task, or there are several types.
    """
    tags = [str(tag) for tag in config.es_manager.train.env_configs.tags]
    if unknown := [tag for tag in tags if tag not in config.custom_envs]:
        known = sorted(map(str, config.custom_envs))
        raise ValueError(f"es_manager.train.env_configs.tags={tags}: custom_envs has {known}, but not {unknown}")
    types = sorted({str(config.custom_envs[tag].env_type) for tag in tags})
    if len(types) != 1 or types[0] not in REGISTERED_TASKS:
        raise ValueError(
            f"model=tiny has a policy for one environment type of {sorted(REGISTERED_TASKS)} each; "
            f"es_manager.train.env_configs.tags={tags} is of type {', '.join(types)}. "
            "Choose model=FOLDER or a Hugging Face id, or register a task (ragen_tsr.models.tasks.register_task)"
        )
    return REGISTERED_TASKS[types[0]]


for _task in (SokobanTask(), FrozenLakeTask(), WebShopTask()):
    register_task(_task)

__all__ = ["REGISTERED_TASKS", "Task", "register_task", "task_of"]
