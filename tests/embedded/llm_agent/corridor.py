"""A scripted environment, a tokenizer without a download, and what a scripted policy says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' -}}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)
LLAMA = (
    "{{- '<|begin_of_text|>' -}}{%- for m in messages -%}{{- '<|start_header_id|>' + m['role'] + "
    "'<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}{%- endif -%}"
)
WORDING = Path(__file__).resolve().parents[3] / "config" / "wording" / "default.yaml"


def byte_tokenizer(template: str | None, special: list[str]) -> PreTrainedTokenizerFast:
    """A token per byte, and one per special string; the first special string pads."""
    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, clean_up_tokenization_spaces=False)
    tokenizer.add_special_tokens({"pad_token": special[0], "additional_special_tokens": special[1:]})
    tokenizer.chat_template = template
    return tokenizer


@dataclass
class CorridorConfig:
    """A corridor of ``goal`` steps."""

    goal: int = 3
    picture: bool = False
    action_lookup: dict | None = field(default_factory=lambda: {1: "Go", 2: "Stay"})


class CorridorEnv:
    """Go moves on and gives 1.5, Stay gives the integer 0; the goal ends the episode, and so does action
    "trap".
    """

    def __init__(self, config):
        self.config, self.at, self.closed = config, 0, False

    def reset(self, seed=None, mode=None):
        self.at, self.start = 0, seed

    def step(self, action):
        if action == "trap":
            return self.render(), -1, True, {"success": False, "label": "not a number"}
        moved = action in (1, "Go")
        self.at += moved
        done = self.at == self.config.goal
        return self.render(), 1.5 if moved else 0, done, {"moved": moved, "success": done}

    def render(self, mode=None):
        if self.config.picture:
            return np.full((2, 3, 3), self.at, dtype=np.uint8)
        return f"at {self.at} of {self.start}"

    def close(self):
        self.closed = True


def reply(*actions: str, thought: str = "hm") -> str:
    """What a policy writes after a prompt that ended with ``<think>``."""
    return f"{thought}</think><answer>{' || '.join(actions)}</answer>"


def turn(env_id: int, *actions: str) -> dict:
    """A parsed response."""
    text = f"<think>hm</think><answer>{' || '.join(actions)}</answer>"
    return {"env_id": env_id, "actions": list(actions), "llm_response": text, "llm_raw_response": text}
