import pytest

from ragen_tsr.embedded.llm_agent.parsing import ResponseParser


def parser(**changes):
    settings = {"enable_think": True, "action_sep": "||", "max_actions": 2, "markers": ("<|a|>", "<|z|>")}
    return ResponseParser(**(settings | changes))


@pytest.mark.parametrize(
    ("response", "kept", "actions"),
    [
        (
            "<think>t</think><answer>Up || Left</answer>",
            "<think>t</think><answer>Up || Left</answer>",
            ["Up", "Left"],
        ),
        ("so <think> t </think>\n <answer> Up</answer> end", "<think>t</think><answer>Up</answer>", ["Up"]),
        (
            "<think>t</think><answer>Up||Up||Up</answer>",
            "<think>t</think><answer>Up || Up</answer>",
            ["Up", "Up"],
        ),
        ("<think>t</think><answer>|| Up ||</answer>", "<think>t</think><answer>|| Up ||</answer>", ["Up"]),
        ("<think>a</think> b</think><answer>Up</answer>", "<think>a b</think><answer>Up</answer>", ["Up"]),
        ("<think><|a|>t</think><answer>U<|z|>p</answer>", "<think>t</think><answer>Up</answer>", ["Up"]),
        ("<think>t</think><answer>Up", "<think>t</think><answer>Up", []),
        ("<THINK>t</THINK><answer>Up</answer>", "<THINK>t</THINK><answer>Up</answer>", []),
        ("", "", []),
    ],
)
def test_with_thought(response, kept, actions):
    assert parser().parse(response) == (kept, actions)


def test_without_thought_only_the_answer_is_kept():
    assert parser(enable_think=False).parse("<think>t</think><answer>Up</answer>") == (
        "<answer>Up</answer>",
        ["Up"],
    )


def test_the_separator_is_taken_literally():
    assert parser(action_sep="|", max_actions=5).parse("<think></think><answer>a || b|c</answer>")[1] == [
        "a",
        "b",
        "c",
    ]
    assert parser().parse("<think></think><answer>a ||| b</answer>")[1] == ["a", "| b"]


def test_the_thought_of_a_kept_response():
    assert parser().thought("<think> a <answer></think><answer>Up</answer>") == "a"
    assert parser().thought("nothing") == ""
    assert parser(enable_think=False).thought("<think>a</think>") == ""
