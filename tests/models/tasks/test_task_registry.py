"""A run finds its task by environment type; one without a task is told what there is."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ragen_tsr.models.tasks import REGISTERED_TASKS, register_task, task_of
from ragen_tsr.models.tasks.sokoban import SokobanTask
from ragen_tsr.models.tiny import default_config


@pytest.mark.parametrize("env", sorted(REGISTERED_TASKS))
def test_the_projects_environments_have_a_task(env):
    task = task_of(default_config(env))
    assert task.env_type == env


def with_tags(tags, **envs):
    return OmegaConf.create({"es_manager": {"train": {"env_configs": {"tags": tags}}}, "custom_envs": envs})


def test_an_environment_without_a_task_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"frozen_lake.*sokoban.*\['Dice'\] is of type dice.*model=FOLDER"):
        task_of(with_tags(["Dice"], Dice={"env_type": "dice"}))


def test_environments_of_several_types_are_refused():
    config = with_tags(["A", "B"], A={"env_type": "sokoban"}, B={"env_type": "frozen_lake"})
    with pytest.raises(ValueError, match="frozen_lake, sokoban"):
        task_of(config)


def test_an_unknown_tag_is_refused():
    with pytest.raises(ValueError, match=r"tags=\['A'\]"):
        task_of(with_tags(["A"]))


def test_a_task_of_ones_own_can_be_registered(monkeypatch):
    monkeypatch.setattr("ragen_tsr.models.tasks.REGISTERED_TASKS", dict(REGISTERED_TASKS))

    class Other(SokobanTask):
        env_type = "other"

    task = Other()
    register_task(task)
    assert task_of(with_tags(["A"], A={"env_type": "other"})) is task
