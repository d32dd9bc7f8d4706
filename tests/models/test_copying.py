"""A model that was told how to copy does so before it has learnt anything."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from ragen_tsr.models.copying import teach_copying

WORDS = 1000


def untrained(**sizes: int) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    shape = {"hidden_size": 96, "num_attention_heads": 3, "num_hidden_layers": 3, "intermediate_size": 192, **sizes}
    config = Qwen2Config(
        vocab_size=WORDS,
        num_key_value_heads=shape["num_attention_heads"],
        rope_theta=1e6,
        tie_word_embeddings=True,
        **shape,
    )
    return Qwen2ForCausalLM(config).eval()


@torch.no_grad()
def copied(model: Qwen2ForCausalLM, length: int = 30, rows: int = 20) -> tuple[float, float]:
    """Of a random text that is repeated: how often the next token is among the ten likeliest, in both halves."""
    text = torch.randint(WORDS, (rows, length), generator=torch.Generator().manual_seed(1))
    best = model(torch.cat([text, text], dim=1)).logits[:, :-1].topk(10).indices
    right = (best == torch.cat([text, text], dim=1)[:, 1:, None]).any(dim=-1).float()
    return right[:, : length - 1].mean().item(), right[:, length:].mean().item()


def test_it_continues_what_it_has_seen_before():
    model = untrained()
    assert max(copied(model)) < 0.1
    teach_copying(model)
    first, second = copied(model)
    assert first < 0.1  # nothing to copy yet
    assert second > 0.5


def test_only_the_first_head_of_two_layers_is_set():
    plain, taught = untrained(), untrained()
    teach_copying(taught)
    before, after = dict(plain.named_parameters()), dict(taught.named_parameters())
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert all(
        name.startswith(("model.layers.0.self_attn", "model.layers.1.self_attn", "model.norm")) for name in changed
    )
    assert torch.equal(
        before["model.layers.1.self_attn.k_proj.weight"][32:], after["model.layers.1.self_attn.k_proj.weight"][32:]
    )


def test_a_model_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="too small"):
        teach_copying(untrained(num_hidden_layers=1))
