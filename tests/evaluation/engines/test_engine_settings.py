"""What may stand under the key ``engine``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import engine_support as support
import pytest
from omegaconf import OmegaConf

from ragen_tsr.config import CONFIG_DIR, EVALUATION, ConfigError, compose, parse
from ragen_tsr.evaluation.engines import build_engine, check_engine, tokenizer_name
from ragen_tsr.evaluation.engines.settings import KINDS, engine_settings

API = {"model": "m", "base_url": "https://host/v1", "api_key_variable": None}


def test_every_engine_has_a_file_and_its_defaults_work() -> None:
    assert sorted(path.stem for path in (CONFIG_DIR / "engine").glob("*.yaml")) == sorted(KINDS)
    for name in KINDS:
        settings = engine_settings(support.engine_config(name, **(API if name == "api" else {})))
        assert settings.name == name


@pytest.mark.parametrize(
    ("engine", "given", "message"),
    [
        ("hf", {"name": "hff"}, r"engine.name='hff': must be one of hf, vllm, api"),
        ("hf", {"device": "gpu"}, r"engine.device='gpu': must be one of auto, cpu, cuda"),
        ("hf", {"dtype": "fp32"}, r"engine.dtype='fp32': must be one of float32, bfloat16, float16, null"),
        ("hf", {"concurrency": 3}, r"engine.concurrency: no key of hf, which has device, dtype"),
        ("vllm", {"gpu_memory_utilization": 0}, r"engine.gpu_memory_utilization=0: must be in \(0, 1\]"),
        ("vllm", {"tensor_parallel_size": 0}, r"engine.tensor_parallel_size=0: must be an integer >= 1"),
        ("vllm", {"enforce_eager": 1}, r"engine.enforce_eager=1: must be one of true, false"),
        ("vllm", {"options": 3}, r"engine.options=3: must be a mapping"),
        ("api", {**API, "base_url": "???"}, r"engine.base_url: must be given"),
        ("api", {**API, "base_url": "host/v1"}, r"engine.base_url='host/v1': must be http"),
        ("api", {**API, "concurrency": 0}, r"engine.concurrency=0: must be an integer >= 1"),
        ("api", {**API, "retries": -1}, r"engine.retries=-1: must be an integer >= 0"),
        ("api", {**API, "timeout": 0}, r"engine.timeout=0: must be a number of seconds > 0"),
        ("api", {**API, "length_key": "length"}, r"engine.length_key='length': must be one of max_tokens, max_comp"),
        ("api", {**API, "api_key": "sk-1"}, r"engine.api_key: no key of api"),
    ],
)
def test_refuses_what_cannot_work(engine: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_engine(support.engine_config(engine, **given))


def test_a_missing_key_of_the_engine_is_named() -> None:
    config = support.engine_config("hf")
    del config.engine["dtype"]
    with pytest.raises(ValueError, match=r"engine.dtype is missing: hf needs device, dtype"):
        check_engine(config)


def test_top_k_is_no_parameter_of_chat_completions() -> None:
    config = support.engine_config("api", **API)
    config.actor_rollout_ref.rollout.val_kwargs.top_k = 5
    with pytest.raises(ValueError, match=r"val_kwargs.top_k=5: chat completions have no such parameter"):
        check_engine(config)


@pytest.mark.parametrize(
    "given",
    [
        {"api_key_variable": "sk-TopSecret0123456789"},
        {"api_key_variable": "topsecret0123"},
        {"base_url": "https://user:TopSecret@host/v1"},
        {"base_url": "https://host/v1?key=TopSecret"},
        {"api_key": "TopSecret"},
        {"extra": {"Authorization": "TopSecret"}},
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"engine\.") as raised:
        check_engine(support.engine_config("api", **{**API, **given}))
    assert "topsecret" not in str(raised.value).lower()


@pytest.mark.parametrize("override", ["engine.api_key=TopSecret", "engine.model.api_key=TopSecret"])
def test_nor_is_one_on_the_command_line(override: str) -> None:
    with pytest.raises(ConfigError, match=r"api_key=\.\.\.") as raised:
        compose(parse(["sokoban", "none", "engine=api", "engine.model=m", override]), EVALUATION)
    assert "TopSecret" not in str(raised.value)


def test_the_variable_must_hold_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    config = support.engine_config("api", **{**API, "api_key_variable": "NO_SUCH_KEY"})
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ValueError, match=r"'NO_SUCH_KEY': this environment variable is not set"):
        build_engine(config, support.Words())
    monkeypatch.setenv("NO_SUCH_KEY", "Top\nSecret")
    with pytest.raises(ValueError, match="is no key") as raised:
        check_engine(config)
    assert "Secret" not in str(raised.value)


def test_vllm_says_what_it_needs_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"vLLM is not installed; .*docs/engines.md"):
        check_engine(support.engine_config("vllm"))


def test_prompts_are_rendered_by_the_policys_tokenizer_or_by_one_that_is_named() -> None:
    assert tokenizer_name(support.engine_config("hf")) == "somewhere"
    assert tokenizer_name(support.engine_config("api", **{**API, "tokenizer": "folder"})) == "folder"


def test_files_say_what_they_are() -> None:
    for path in (CONFIG_DIR / "engine").glob("*.yaml"):
        header = Path(path).read_text(encoding="utf-8")
        assert all(word in header for word in ("# What it is:", "# Use it:", "# Needs:")), path.name
        assert OmegaConf.load(path).name == path.stem
