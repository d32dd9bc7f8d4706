"""The tokenizer keeps tags and rows apart, spells every text, and marks turns as ChatML does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from ragen_tsr.models.tokenizer import SPECIAL_TOKENS, TAGS, build_tokenizer

BLANK = build_tokenizer([], vocab_size=0, min_frequency=1, model_max_length=512)


def pieces(tokenizer, text):
    return [tokenizer.decode([token]) for token in tokenizer(text)["input_ids"]]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("around", ["{}Up", "Up{}", "{}{}", "{}\n", "{} <", "{}#", "1{}2"])
def test_a_tag_is_always_one_token_of_its_own(tokenizer, tag, around):
    text = around.format(tag, tag)
    assert pieces(tokenizer, text).count(tag) == around.count("{}")


def test_tags_are_text_and_survive_the_removal_of_special_tokens(tokenizer):
    ids = tokenizer("<think>a</think><answer>Up</answer><|im_end|>")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>a</think><answer>Up</answer>"


def test_a_row_of_a_board_never_merges_with_its_neighbours(tokenizer):
    rows = ["######\n", "#__###\n", "#_XO_#\n", "#_P___\n", "######\n"]
    newline = tokenizer("\n")["input_ids"]
    alone = [tokenizer("\n" + row)["input_ids"][1:] for row in rows]
    assert tokenizer("\n" + "".join(rows))["input_ids"] == sum(alone, newline)
    assert len(alone[0]) == 1  # frequent rows are single tokens


def test_an_answer_is_words_and_separators(tokenizer):
    assert pieces(tokenizer, "<answer>Up || Down || Left</answer>") == [
        "<answer>", "Up", " || ", "Down", " || ", "Left", "</answer>"
    ]  # fmt: skip


def test_prompts_are_short(tokenizer, texts):
    turns = [text.count("<|im_start|>assistant") for text in texts]
    lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
    assert max(turns) > 2
    assert all(length < 75 + 60 * (count - 1) for length, count in zip(lengths, turns, strict=True))


def test_prompts_survive_a_round_trip(tokenizer, texts):
    assert [tokenizer.decode(tokenizer(text)["input_ids"]) for text in texts] == texts


@given(st.text())
def test_every_text_survives_a_round_trip_even_untrained(text):
    assert BLANK.decode(BLANK(text)["input_ids"]) == text


def test_special_tokens_come_first_and_are_used_as_intended(tokenizer):
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [0, 1, 2]
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    assert set(tokenizer.all_special_tokens) == set(SPECIAL_TOKENS)


def test_chat_template_is_chatml(tokenizer):
    chat = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    text = "<|im_start|>system\na<|im_end|>\n<|im_start|>user\nb<|im_end|>\n"
    assert tokenizer.apply_chat_template(chat, tokenize=False) == text
    opened = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert opened == text + "<|im_start|>assistant\n"


def test_a_chat_without_a_system_message_gets_one(tokenizer):
    text = tokenizer.apply_chat_template([{"role": "user", "content": "b"}], tokenize=False)
    assert text.startswith("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nb")


def test_training_is_deterministic_and_saving_keeps_everything(tokenizer, texts, tmp_path):
    again = build_tokenizer(list(reversed(texts)), vocab_size=2048, min_frequency=4, model_max_length=4096)
    assert again.get_vocab() == tokenizer.get_vocab()
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert loaded.chat_template == tokenizer.chat_template
    assert loaded.padding_side == "left"
