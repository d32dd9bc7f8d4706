"""A model's family from its chat template, where upstream reads it from the model's name; needs no checkout."""

import pytest
from omegaconf import OmegaConf

from ragen_tsr.embedded.llm_agent.chat_format import ChatFormat, ChatFormatError
from ragen_tsr.upstream.lifting import lifted
from ragen_tsr.upstream.repairs import NamedByTemplate, special_tokens


def chat(tokens_after_end: int) -> ChatFormat:
    return ChatFormat(start="<s>", end="</s>", start_id=5, end_id=6, tokens_after_end=tokens_after_end)


def test_the_name_follows_from_what_stands_after_a_message() -> None:
    assert "qwen" in NamedByTemplate(chat(1)).name_or_path  # upstream then moves a turn's score by one token
    assert "qwen" not in NamedByTemplate(chat(0)).name_or_path
    with pytest.raises(ChatFormatError, match="2 tokens follow"):
        _ = NamedByTemplate(chat(2)).name_or_path


def test_marks_are_the_templates() -> None:
    assert special_tokens(NamedByTemplate(chat(1))) == (5, 6)


def test_only_the_demand_for_a_name_is_lifted() -> None:
    def validate(config):
        assert "qwen" in config.model_path.lower()
        if config.rows < 4:
            raise AssertionError("too few rows")
        config.derived = config.rows * 2
        return config

    config = OmegaConf.create({"model_path": "SmolLM2", "rows": 4, "derived": None})
    assert lifted(validate)(config) is config
    assert config == {"model_path": "SmolLM2", "rows": 4, "derived": 8}
    config.rows = 3
    with pytest.raises(AssertionError, match="too few rows"):
        lifted(validate)(config)
    assert config.model_path == "SmolLM2"
