"""The tiny policy's name covers what it is made from, building is deterministic, and the result is good enough."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from omegaconf import OmegaConf
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragen_tsr.config import ConfigError
from ragen_tsr.config_checks import check as check_configuration
from ragen_tsr.models import resolve_model, tiny
from ragen_tsr.models.tasks import REGISTERED_TASKS, task_of
from ragen_tsr.models.tasks.sokoban import SokobanTask
from ragen_tsr.models.tiny import check, default_config, ensure_tiny, model_name, parameters, recipe_of

RECIPE = SokobanTask.recipe


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ragen_tsr"


def test_other_models_pass_through(cache):
    assert resolve_model("Qwen/Qwen2.5-0.5B") == "Qwen/Qwen2.5-0.5B"
    assert resolve_model("./tiny") == "./tiny"
    assert not cache.exists()


def test_the_name_is_stable_and_says_the_family(config):
    name = model_name(config, RECIPE)
    assert name.startswith("qwen-tsr-tiny-sokoban-")
    assert name == model_name(config, RECIPE)


def test_recipe_wording_and_code_change_the_name(config, monkeypatch):
    recipe = RECIPE
    names = {model_name(config, recipe)}
    names.add(model_name(config, replace(recipe, seed=1)))
    names.add(model_name(config, replace(recipe, chats=replace(recipe.chats, solver_share=0.5))))
    for change in (
        {"wording": {"reward": "You got {reward}\n"}},
        {"sokoban_instruction": "Push the box."},
        {"agent_proxy": {"enable_think": False}},
    ):
        names.add(model_name(OmegaConf.merge(config, change), recipe))
    monkeypatch.setattr(tiny, "_meaning", lambda path: "another code")
    names.add(model_name(config, recipe))
    assert len(names) == 7


def test_strength_is_the_solvers_share_and_one_is_the_tasks_own(config):
    assert recipe_of(config) == RECIPE
    weak = recipe_of(OmegaConf.merge(config, {"tiny_strength": 0.5}))
    assert weak.chats.solver_share == RECIPE.chats.solver_share / 2
    assert replace(weak, chats=RECIPE.chats) == RECIPE
    assert model_name(config, weak) != model_name(config, RECIPE)


@pytest.mark.parametrize("strength", [-0.1, 2.9, float("nan"), True, "much"])
def test_strengths_without_a_policy_are_refused_before_a_run_is_made(config, strength):
    with pytest.raises(ConfigError, match=r"tiny_strength=.*from 0 .* to 2\.857"):
        check_configuration(OmegaConf.merge(config, {"tiny_strength": strength}))


def test_comments_do_not_change_the_name_but_code_does(tmp_path):
    sources = [
        '"""One."""\nx = 1\n',
        '"""Two."""\n# why\nx = 1\n',
        "x = 2\n",
    ]
    meanings = []
    for index, source in enumerate(sources):
        path = tmp_path / f"{index}.py"
        path.write_text(source)
        meanings.append(tiny._meaning(path))
    assert meanings[0] == meanings[1] != meanings[2]


def test_settings_that_do_not_reach_the_prompts_keep_the_name(config):
    other = OmegaConf.merge(
        config, {"run_seed": 5, "es_manager": {"train": {"env_groups": 2}}, "agent_proxy": {"max_turn": 2}}
    )
    assert model_name(other, RECIPE) == model_name(config, RECIPE)


def test_a_build_is_deterministic_and_loads(cache, config, small_recipe):
    digests = []
    for _ in range(2):
        folder = ensure_tiny(config, small_recipe, force=True)
        digests.append(hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    assert folder == cache / model_name(config, small_recipe)
    model, text = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.model_type == "qwen2"
    assert model.config.eos_token_id == model.generation_config.eos_token_id == text.eos_token_id
    assert model.config.vocab_size == len(text)
    scores = check(folder, config, small_recipe, episodes=8)
    assert all(0 <= score.valid <= 1 and score.episodes == 8 for score in scores.values())


GOOD_ENOUGH = {
    "sokoban": (256, 0.95, 1.5, 0.6),
    "frozen_lake": (256, 0.95, 1.25, 0.5),
    "webshop": (96, 0.65, 3.0, 0.5),  # of few episodes, since they are long
}
"""Episodes; share of valid turns, success as a multiple of random turns', the success that leaves room for more."""


@pytest.mark.slow
@pytest.mark.parametrize("env", sorted(REGISTERED_TASKS))
def test_the_policy_is_good_enough_and_leaves_room_for_learning(env, tiny_policies):
    """Built on first use (minutes), from then on taken from the user's cache."""
    folder, config = tiny_policies(env), default_config(env)
    assert parameters(folder) <= 3_000_000
    episodes, valid, better, most = GOOD_ENOUGH[env]
    for score in check(folder, config, task_of(config).recipe, episodes).values():
        assert score.valid >= valid
        assert 0 < score.success < most
        assert score.success >= better * score.random_success


def test_the_command_builds_says_where_and_measures(cache, config, small_recipe, monkeypatch, capsys):
    monkeypatch.setattr(SokobanTask, "recipe", small_recipe)
    monkeypatch.setattr(tiny, "check", lambda *arguments: check(*arguments, episodes=4))
    assert tiny.main(["--check"]) == 0
    printed = capsys.readouterr().out
    assert str(cache / model_name(config, small_recipe)) in printed
    assert "parameters" in printed
    assert printed.count("4 episodes") == 2
