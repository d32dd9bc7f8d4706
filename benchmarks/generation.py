"""Tokens a second of the CPU rollout engine, with and without each of its tricks.

    python benchmarks/generation.py [--rows 64] [--prompt 300] [--shared 0] [--response 40] ...

A random Qwen2 of about 2.2 million parameters samples ``rows`` responses; every ``samples`` rows share a prompt, and
all prompts begin with the same ``shared`` tokens (instructions). End-of-turn tokens are forced so that response lengths
are spread between half and all of ``--response``. "plain" is transformers' own growing cache, one batch padded on the
left, nothing shared, nobody leaving. Seconds are processor time, so a busy machine changes them little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from ragen_tsr.workers.rollout import attention, generation
from ragen_tsr.workers.rollout.generation import Ending, Limits, generate
from ragen_tsr.workers.rollout.noise import CallKey
from ragen_tsr.workers.rollout.sampling import Sampling, draw, log_probabilities

VOCABULARY, PAD, END = 1024, 0, 1


def build() -> Qwen2ForCausalLM:
    """A random model of the size that ``model=tiny`` has."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=6,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
    )
    attention.register()
    model = Qwen2ForCausalLM(config).eval()
    model.set_attn_implementation(attention.NAME)
    return model


@torch.inference_mode()
def plain(model: Qwen2ForCausalLM, prompts: list[tuple[int, ...]], uniforms: torch.Tensor) -> int:
    """What ``model.generate`` does; returns the tokens until every row has ended."""
    model.set_attn_implementation("sdpa")
    width, rows = max(map(len, prompts)), len(prompts)
    ids = torch.tensor([[PAD] * (width - len(row)) + list(row) for row in prompts])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts])
    positions, cache = (mask.cumsum(-1) - 1).clamp(min=0), None
    live, count = torch.ones(rows, dtype=torch.bool), 0
    for step in range(uniforms.shape[1]):
        output = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        cache = output.past_key_values
        tokens = draw(log_probabilities(output.logits[:, -1], Sampling()), uniforms[:, step], Sampling())
        count += int(live.sum())
        live &= tokens != END
        if not bool(live.any()):
            break
        ids, positions = tokens.unsqueeze(-1), positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones(rows, 1, dtype=mask.dtype)], dim=-1)
    return count


def main() -> None:
    """Run every variant and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = {"rows": 64, "prompt": 300, "shared": 0, "response": 40, "samples": 4, "threads": 1}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--spread", type=float, default=0.1, help="share by which prompt lengths differ")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = build()
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {arguments}")
    generator = torch.Generator().manual_seed(1)
    beginning = torch.randint(2, VOCABULARY, (arguments.shared,), generator=generator).tolist()
    prompts: list[tuple[int, ...]] = []
    while len(prompts) < arguments.rows:
        shorter = int(torch.randint(0, int(arguments.prompt * arguments.spread) + 1, (1,), generator=generator))
        length = arguments.prompt - arguments.shared - shorter
        own = torch.randint(2, VOCABULARY, (length,), generator=generator).tolist()
        prompts += [tuple(beginning + own)] * arguments.samples
    prompts = prompts[: arguments.rows]
    uniforms = torch.from_numpy(CallKey(0, "train", 1, 0).row_uniforms(range(len(prompts)), arguments.response))
    # Token END is the second of the vocabulary: noise near 0 draws it, so rows end between half and full length.
    ends = torch.randint(arguments.response // 2, arguments.response, (len(prompts),), generator=generator)
    uniforms[torch.arange(len(prompts)), ends] = 0.0
    uniforms = torch.where(uniforms == 0.0, 1.2 / VOCABULARY, uniforms.clamp(min=3 / VOCABULARY))
    ending = Ending(arguments.response, frozenset({END, PAD}), PAD)

    def engine(limits: Limits) -> Callable[[], int]:
        return lambda: int(generate(model, prompts, uniforms, Sampling(), ending, limits).lengths.sum())

    variants = {
        "plain": lambda: plain(model, prompts, uniforms),
        "engine, no tricks": engine(generation.without_tricks(Limits())),
        "engine, nothing shared": engine(Limits(share_prompts=False)),
        "engine, nobody leaves": engine(Limits(compact=0.0)),
        "engine, one length a batch": engine(Limits(spread=0.0)),
        "engine, beginnings computed anew": engine(Limits(reuse_prefixes=False)),
        "engine": engine(Limits()),
    }
    for name, run in variants.items():
        run()
        seconds = []
        for _ in range(3):
            start = time.process_time()
            tokens = run()
            seconds.append(time.process_time() - start)
        print(f"{name:34s} {tokens:6d} tokens  {min(seconds):7.3f} s  {tokens / min(seconds):8.0f} tokens/s")


if __name__ == "__main__":
    main()
