"""Weights to start from with which a model can copy.

Decides what two attention heads do before anything is learnt: one in the first layer looks at the token before, one in
the second layer at what came after earlier occurrences of the present token, and proposes it ("induction heads",
Olsson et al., 2022). Models that are trained for long find this by themselves; here it would take more steps than the
whole training has. Everything stays learnable. Leaves all other weights as they are.
"""

from __future__ import annotations

import math

import torch
from transformers import Qwen2ForCausalLM

_POSITION_GAIN = 40.0
"""Sharpness of looking one token back; the neighbours of that token get 2 %."""
_POSITION_PAIRS = 6
"""Pairs of rotated dimensions that tell distances apart: the fastest turning ones."""
_MATCH_GAIN = 2.0
"""Scale of query and key of the head that looks for equal tokens."""
_BEFORE, _PROPOSAL = 0.04, 0.1
"""How loudly the two heads write, where embeddings have 0.02."""
_SHARPNESS = 4.0
"""Of the first predictions."""


@torch.no_grad()
def teach_copying(model: Qwen2ForCausalLM) -> None:
    """Set the first head of the first two layers; draws from torch's global generator.

    Raises:
        ValueError: the model is too small: ``hidden_size`` must be at least twice a head's dimensions.
    """
    config = model.config
    size, width = config.hidden_size // config.num_attention_heads, config.hidden_size
    if 2 * size > width or config.num_hidden_layers < 2:
        raise ValueError(f"hidden_size={width}, {size} a head, layers={config.num_hidden_layers}: too small to copy")
    basis = torch.linalg.qr(torch.randn(width, width))[0]
    token, before = basis[:size], basis[size : 2 * size]  # [size, width]: where a token and the one before it are read
    first, second = (model.model.layers[index].self_attn for index in (0, 1))
    half = size // 2
    speeds = config.rope_theta ** (-torch.arange(half) / half)  # radians a token

    for projection in (first.q_proj, first.k_proj):
        projection.weight[:size] = 0
        projection.bias[:size] = 0
    pairs = torch.arange(min(_POSITION_PAIRS, half))
    amplitude = math.sqrt(_POSITION_GAIN)
    first.k_proj.bias[pairs] = amplitude
    first.q_proj.bias[pairs] = amplitude * torch.cos(speeds[pairs])
    first.q_proj.bias[pairs + half] = -amplitude * torch.sin(speeds[pairs])
    first.v_proj.weight[:size] = token
    first.o_proj.weight[:, :size] = _BEFORE * before.T

    for projection in (second.q_proj, second.k_proj):
        projection.weight[:size] = 0
        projection.bias[:size] = 0
    # the match must not depend on distance: only dimensions that hardly turn within a prompt
    slow = torch.cat([torch.arange(half // 2, half), torch.arange(half + half // 2, size)])
    second.q_proj.weight[slow] = _MATCH_GAIN * token[: len(slow)]
    second.k_proj.weight[slow] = _MATCH_GAIN * before[: len(slow)]
    second.v_proj.weight[:size] = token
    second.o_proj.weight[:, :size] = _PROPOSAL * token.T
    model.model.norm.weight.fill_(_SHARPNESS)
