"""A task of one's own: the example of the docs is a task as any other, and a file that is none is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from ragen_tsr import backend, scorers, task_file
from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.config_checks import check
from ragen_tsr.llm_agent.es_manager import SearchEnvStateManager
from ragen_tsr.run_folder import RunFolder
from ragen_tsr.scorers import EnvView
from ragen_tsr.snapshots.exactness import SnapshotExactness

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "windy_field.py"


def composed(*overrides: str, method: str = "beam"):
    return compose(parse([str(EXAMPLE), method, "scale=cpu", "model=some/folder", *overrides]))


def example():
    task_file.load(EXAMPLE)
    return sys.modules["ragen_tsr_task_windy_field"]


class TestWindyField(SnapshotExactness):
    actions = (1, 2, 3, 4)

    def make_env(self):
        module = example()
        return module.WindyField(module.FieldSettings(wind=0.5))


def test_the_example_can_run_with_every_method():
    for method in ("none", "best_of_n", "beam", "lookahead"):
        config = composed(method=method)
        check(config)
    assert (config.algorithm.adv_estimator, config.task_file) == ("grpo", str(EXAMPLE.resolve()))
    assert composed("algo=ppo").algorithm.adv_estimator == "gae"
    assert composed("custom_envs.WindyField.env_config.size=3").custom_envs.WindyField.env_config.size == 3
    with pytest.raises(ConfigError, match="size=1: must be at least 2"):
        check(composed("custom_envs.WindyField.env_config.size=1"))


def test_a_task_without_a_tiny_policy_asks_for_another_model():
    with pytest.raises(ConfigError, match=r"model=tiny.*WindyField.*Choose model=FOLDER"):
        check(compose(parse([str(EXAMPLE), "beam", "scale=cpu"])))


def test_fresh_noise_reaches_the_example():
    manager = SearchEnvStateManager(composed("env_noise=independent", "custom_envs.WindyField.env_config.wind=1"))
    manager.reset(seed=5)
    root = manager.roots()[0]
    turn = {"env_id": 0, "actions": ["Up", "Up"], "llm_response": "", "llm_raw_response": ""}
    places = {child.snapshot.player for child in manager.extend([root] * 30, [turn] * 30)}
    assert len(places) > 3


def test_the_examples_scorer_is_found_and_prefers_what_is_nearer():
    module = example()
    scorer = scorers.resolve(None, "windy_field")
    views = [
        EnvView("windy_field", "", module.FieldState((0, column), (0, 4), (0,), 0), False, False) for column in (0, 1)
    ]
    assert scorer(views[0], None, views[1]) > scorer(views[1], None, views[0])


def test_the_example_starts_alike_for_equal_seeds():
    module = example()
    env = module.WindyField(module.FieldSettings())
    boards = [env.reset(seed=seed) for seed in (1, 1, *np.arange(20))]
    assert boards[0] == boards[1]
    assert len(set(boards)) > 10


def test_a_resumed_run_loads_its_task_file(tmp_path):
    config = composed(f"trainer.local_log_dir={tmp_path}")
    folder = RunFolder.create(config, "windy_field")
    assert folder.path.name.startswith("windy_field-beam-")
    _, resumed = RunFolder.reopen(folder.path, [])
    assert resumed.task_file == str(EXAMPLE.resolve())
    resumed.task_file = str(tmp_path / "gone.py")
    OmegaConf.save(resumed, folder.path / "config.yaml")
    with pytest.raises(ConfigError, match=r"gone\.py: there is no such file"):
        RunFolder.reopen(folder.path, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TASK=None: must be a"),
        ("TASK = 3", "TASK=3: must be a"),
        ("TASK = TaskParts('one', int, int, config='[')", "TASK.config is no YAML"),
        ("TASK = TaskParts('two', int, int, config='tags: 1')", "must be a mapping with custom_envs"),
        (
            "TASK = TaskParts('sokoban', int, int, config='custom_envs: {}')",
            "env_type='sokoban': is taken by",
        ),
    ],
)
def test_a_file_without_a_task_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(f"from ragen_tsr.task_file import TaskParts\n{text}\n")
    before = dict(backend.REGISTERED_ENVS)
    with pytest.raises(ConfigError, match=message):
        compose(parse([str(path), "beam", "scale=cpu"]))
    assert before == backend.REGISTERED_ENVS


def test_a_file_that_does_not_exist_or_takes_a_name_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.py: there is no such file"):
        compose(parse([str(tmp_path / "nowhere.py"), "beam", "scale=cpu"]))
    with pytest.raises(ConfigError, match="there is an environment 'sokoban' already"):
        parse([str(tmp_path / "sokoban.py"), "beam"])
