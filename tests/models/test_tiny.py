"""The tiny policy's name covers what it is made from, building is deterministic, and the result is good enough."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from omegaconf import OmegaConf
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragen_tsr.models import resolve_model, tiny
from ragen_tsr.models.recipe import Recipe
from ragen_tsr.models.tiny import check, ensure_tiny, model_name, parameters


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ragen_tsr"


def test_other_models_pass_through(cache):
    assert resolve_model("Qwen/Qwen2.5-0.5B") == "Qwen/Qwen2.5-0.5B"
    assert resolve_model("./tiny") == "./tiny"
    assert not cache.exists()


def test_the_name_is_stable_and_says_the_family(config):
    name = model_name(config, Recipe())
    assert name.startswith("qwen-tsr-tiny-")
    assert name == model_name(config, Recipe())


def test_recipe_wording_and_code_change_the_name(config, monkeypatch):
    recipe = Recipe()
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
    assert model_name(other, Recipe()) == model_name(config, Recipe())


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
    scores = check(folder, config, small_recipe, rooms=8)
    assert all(0 <= score.valid <= 1 and score.rooms == 8 for score in scores.values())


@pytest.mark.slow
def test_the_policy_is_good_enough_and_leaves_room_for_learning(config):
    """Built on first use (minutes), from then on taken from the user's cache."""
    recipe = Recipe()
    folder = ensure_tiny(config, recipe)
    assert parameters(folder) <= 3_000_000
    for score in check(folder, config, recipe).values():
        assert score.valid >= 0.95
        assert score.success < 0.6
        assert score.success >= 1.5 * score.random_success


def test_the_command_builds_says_where_and_measures(cache, config, small_recipe, monkeypatch, capsys):
    monkeypatch.setattr(tiny, "Recipe", lambda: small_recipe)
    monkeypatch.setattr(tiny, "check", lambda *arguments: check(*arguments, rooms=4))
    assert tiny.main(["--check"]) == 0
    printed = capsys.readouterr().out
    assert str(cache / model_name(config, small_recipe)) in printed
    assert "parameters" in printed
    assert printed.count("4 rooms") == 2
