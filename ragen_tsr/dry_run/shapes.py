"""The sizes of models: what their ``config.json`` says, and how many parameters and cache bytes follow.

Decides which models are known without a download. What the sizes come to on a GPU is :mod:`.memory`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG_FILE = "config.json"
BIAS_OF_QKV = {"qwen2": True, "llama": False, "mistral": False}
"""Families whose layers are counted here: attention, a gated MLP, two norms; and whether q, k and v have biases."""


@dataclass(frozen=True)
class ModelShape:
    """A decoder's sizes, under the names of ``config.json``."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    vocab_size: int
    tie_word_embeddings: bool
    max_position_embeddings: int
    qkv_bias: bool

    @property
    def head_dim(self) -> int:
        """Numbers of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def key_value_dim(self) -> int:
        """Numbers of the keys, or of the values, of one token in one layer."""
        return self.num_key_value_heads * self.head_dim

    @property
    def embedding(self) -> int:
        """Parameters of the token embedding."""
        return self.vocab_size * self.hidden_size

    @property
    def layer(self) -> int:
        """Parameters of one layer: q, k, v, output, the gated MLP's three, two norms."""
        attention = self.hidden_size * (2 * self.hidden_size + 2 * self.key_value_dim)
        biases = (self.hidden_size + 2 * self.key_value_dim) * self.qkv_bias
        return attention + biases + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size

    @property
    def parameters(self) -> int:
        """All parameters; tied embeddings count once."""
        heads = 1 if self.tie_word_embeddings else 2
        return heads * self.embedding + self.num_hidden_layers * self.layer + self.hidden_size

    @property
    def critic_parameters(self) -> int:
        """Parameters of the same network with a value head in place of the words'."""
        return self.embedding + self.num_hidden_layers * self.layer + 2 * self.hidden_size + 1

    def cache_bytes(self, bytes_each: int = 2) -> int:
        """Bytes of keys and values that one token leaves in the rollout engine's cache."""
        return 2 * self.num_hidden_layers * self.key_value_dim * bytes_each


def _qwen2(hidden: int, layers: int, heads: int, kv_heads: int, mlp: int, vocab: int, tied: bool) -> ModelShape:
    return ModelShape(hidden, layers, heads, kv_heads, mlp, vocab, tied, 32768, qkv_bias=True)


# config.json of each model on the Hugging Face hub; the Qwen2.5 technical report's table 1 has layers and heads.
KNOWN: dict[str, ModelShape] = {
    "Qwen/Qwen2.5-0.5B-Instruct": _qwen2(896, 24, 14, 2, 4864, 151936, tied=True),
    "Qwen/Qwen2.5-1.5B-Instruct": _qwen2(1536, 28, 12, 2, 8960, 151936, tied=True),
    "Qwen/Qwen2.5-3B-Instruct": _qwen2(2048, 36, 16, 2, 11008, 151936, tied=True),
    "Qwen/Qwen2.5-7B-Instruct": _qwen2(3584, 28, 28, 4, 18944, 152064, tied=False),
}


def shape_of(model_path: str) -> ModelShape | None:
    """The sizes of a model that is listed here, or that lies in a folder or in the Hugging Face cache; else None.

    Nothing is downloaded.
    """
    if model_path in KNOWN:
        return KNOWN[model_path]
    file = Path(model_path).expanduser() / CONFIG_FILE
    if not file.is_file():
        cached = _cached(model_path)
        if cached is None:
            return None
        file = cached
    return from_config(json.loads(file.read_text(encoding="utf-8")))


def from_config(config: Mapping[str, Any]) -> ModelShape | None:
    """The sizes in a ``config.json``; None for a family that is not counted here."""
    if config["model_type"] not in BIAS_OF_QKV:
        return None
    heads = config["num_attention_heads"]
    return ModelShape(
        hidden_size=config["hidden_size"],
        num_hidden_layers=config["num_hidden_layers"],
        num_attention_heads=heads,
        num_key_value_heads=config.get("num_key_value_heads", heads),
        intermediate_size=config["intermediate_size"],
        vocab_size=config["vocab_size"],
        tie_word_embeddings=config.get("tie_word_embeddings", False),
        max_position_embeddings=config["max_position_embeddings"],
        qkv_bias=BIAS_OF_QKV[config["model_type"]],
    )


def _cached(model_path: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model_path, CONFIG_FILE)
    except HFValidationError:  # no name of the hub
        return None
    return Path(found) if isinstance(found, str) else None
