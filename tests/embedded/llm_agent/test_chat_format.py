import pytest
from corridor import CHATML, LLAMA, byte_tokenizer

from ragen_tsr.embedded.llm_agent.chat_format import ChatFormatError, chat_format


def test_chatml_has_a_newline_after_the_closing_marker(chatml):
    found = chat_format(chatml)
    assert (found.start, found.end, found.tokens_after_end) == ("<|im_start|>", "<|im_end|>", 1)
    assert found.start_id == chatml.convert_tokens_to_ids("<|im_start|>")


def test_llama_3_has_nothing_after_it(llama):
    found = chat_format(llama)
    assert (found.start, found.end, found.tokens_after_end) == ("<|start_header_id|>", "<|eot_id|>", 0)


@pytest.mark.parametrize(
    ("template", "special", "named"),
    [
        (None, ["<p>"], "no chat template"),
        (
            "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}",
            ["<p>"],
            "special token",
        ),
        (CHATML, ["<|endoftext|>"], "special token that opens"),
        (
            CHATML.replace("m['content']", "m['content'].upper()"),
            ["<p>", "<|im_start|>", "<|im_end|>"],
            "contents",
        ),
        (
            CHATML.replace("<|im_start|>assistant\n", "<|im_start|>model\n"),
            ["<p>", "<|im_start|>", "<|im_end|>"],
            "gener",
        ),
        (
            LLAMA.replace("'<|start_header_id|>' + m['role']", "'<|' + m['role'] + '|>'"),
            ["<p>", "<|eot_id|>"],
            "opens",
        ),
    ],
)
def test_what_is_not_understood_says_what_was_looked_for(template, special, named):
    with pytest.raises(ChatFormatError, match=named):
        chat_format(byte_tokenizer(template, special))


def test_roles_with_markers_of_their_own_are_refused():
    template = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    names = ["<p>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    with pytest.raises(ChatFormatError, match="once"):
        chat_format(byte_tokenizer(template, names))
