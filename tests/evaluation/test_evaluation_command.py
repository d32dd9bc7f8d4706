"""The command line of eval.sh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from test_subject import a_run

from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.config_checks import check_evaluation
from ragen_tsr.evaluation.command import read, reread
from ragen_tsr.evaluation.folder import EvaluationFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained with other lengths, turns and seeds than the defaults."""
    words = ["agent_proxy.max_turn=4", "actor_rollout_ref.rollout.response_length=60", "run_seed=5", "seed.val=900"]
    folder = a_run(tmp_path_factory.mktemp("outputs") / "sokoban-beam-1", 20)
    OmegaConf.save(compose(parse(["sokoban", "beam", "scale=cpu", *words])), folder / "config.yaml")
    return folder


def test_by_default_256_prompts_at_half_temperature_without_search():
    _, subject, config = read(["sokoban", "tiny", "scale=paper"])
    check_evaluation(config)
    assert subject.model == config.model_path == "tiny"
    assert (config.es_manager.val.env_groups, config.es_manager.val.group_size) == (256, 1)
    assert config.actor_rollout_ref.rollout.val_kwargs.temperature == 0.5
    assert (config.search.name, config.search.at_val, config.engine.name) == ("none", False, "hf")


def test_search_and_engine_are_chosen_by_words():
    _, _, config = read(["frozen_lake", "tiny", "scale=cpu", "search=beam", "search.M=3", "engine=vllm"])
    check_evaluation(config)
    assert (config.search.name, config.search.M, config.search.at_val) == ("beam", 3, True)
    assert config.engine.name == "vllm"


def test_a_servers_model_is_asked_through_the_api():
    _, _, config = read(["sokoban", "api:org/chat", "scale=cpu", "engine.base_url=http://localhost:1/v1"])
    assert (config.engine.name, config.engine.model) == ("api", "org/chat")


def test_a_run_is_evaluated_as_it_was_trained_but_for_search_and_prompts(run):
    _, subject, config = read(["sokoban", str(run), "evaluation.prompts=30", "evaluation.batch=7"])
    check_evaluation(config)
    assert (config.agent_proxy.max_turn, config.actor_rollout_ref.rollout.response_length) == (4, 60)
    assert (config.run_seed, config.seed.val) == (5, 900)
    assert config.search.name == "none"
    assert (config.es_manager.val.env_groups, list(config.es_manager.val.env_configs.n_groups)) == (30, [30])
    assert config.es_manager.train.env_groups == 8
    assert subject.step == 20


def test_what_the_command_says_wins_over_the_run(run):
    words = ["agent_proxy.max_turn=2", "search=beam", "search.B=1"]
    words += ["es_manager.val.env_configs.tags=[LargerSokoban]"]
    _, _, config = read(["sokoban", str(run), *words])
    check_evaluation(config)
    assert (config.agent_proxy.max_turn, config.search.B, config.search.at_val) == (2, 1, True)
    assert list(config.es_manager.val.env_configs.tags) == ["LargerSokoban"]


def test_a_task_of_ones_own(tmp_path):
    example = Path(__file__).parents[2] / "docs" / "examples" / "windy_field.py"
    _, _, config = read([str(example), "org/model", "scale=cpu", "search=lookahead"])
    check_evaluation(config)
    assert (config.task_file, config.model_path) == (str(example), "org/model")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sokoban"], "expected ENV and MODEL"),
        (["chess", "tiny"], "unknown environment 'chess'"),
        (["sokoban", "tiny", "model=tiny"], "the model is the second word"),
        (["sokoban", "tiny", "search=best"], "unknown method 'best'"),
        (["sokoban", "tiny", "engine=h"], "engine must be one of api, hf, vllm"),
        (["sokoban", "tiny", "evaluation.prompt=3"], "did you mean 'prompts'"),
        (["sokoban", "api:x", "engine=hf"], "asked through engine=api"),
    ],
)
def test_a_word_that_cannot_work_is_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        read([*words, "scale=cpu"] if len(words) > 1 else words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sokoban", "scale=cpu"], "scale is the run's own"),
        (["frozen_lake"], "was trained on SimpleSokoban"),
    ],
)
def test_a_runs_own_choices_stay(run, words, message):
    with pytest.raises(ConfigError, match=message):
        read([words[0], str(run), *words[1:]])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("evaluation.prompts=0", "=0: must be an integer >= 1"),
        ("evaluation.batch=half", r"evaluation\.batch='half'"),
        ("es_manager.val.group_size=2", r"es_manager\.val\.group_size=2: must be 1"),
        ("es_manager.val.env_groups=2", r"env_groups=2: must be 256; see evaluation\.prompts"),
    ],
)
def test_values_that_cannot_work_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        check_evaluation(read(["sokoban", "tiny", "scale=cpu", override])[2])


def opened(tmp_path: Path) -> tuple[EvaluationFolder, Any]:
    words = ["sokoban", "tiny", "scale=cpu", "evaluation.prompts=12", f"trainer.local_log_dir={tmp_path}"]
    _, subject, config = read(words)
    return EvaluationFolder.create(config, "sokoban", subject.slug), config


def test_an_evaluation_is_read_back_from_its_folder(tmp_path):
    folder, config = opened(tmp_path)
    assert folder.path.name.startswith("eval-sokoban-tiny-")
    subject, again = reread(folder.path, ["evaluation.batch=3"])
    assert again.evaluation.batch == 3
    again.evaluation.batch = config.evaluation.batch
    assert again == config
    assert subject.model == "tiny"


def test_what_would_change_episodes_cannot_change_on_resume(tmp_path):
    folder, _ = opened(tmp_path)
    with pytest.raises(ConfigError, match=r"only engine\.\* and evaluation\.batch may change"):
        reread(folder.path, ["actor_rollout_ref.rollout.val_kwargs.temperature=1"])
    with pytest.raises(ConfigError, match="must be the folder of an evaluation"):
        reread(tmp_path, [])


def test_two_processes_do_not_go_on_with_one_evaluation(tmp_path):
    folder, _ = opened(tmp_path)
    with folder.lock(), pytest.raises(ConfigError, match="another process"):
        EvaluationFolder(folder.path).lock()
