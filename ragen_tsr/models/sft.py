"""Supervised fine-tuning of the tiny policy.

Decides how demonstrations become rows of tokens, which tokens are learnt (the policy's own), and the two
stages' loop. Leaves amounts and rates to `recipe`, demonstrations to `demonstrations`, and all that depends on
the environment to its `Task`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from omegaconf import DictConfig
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from ragen_tsr.models.copying import teach_copying
from ragen_tsr.models.demonstrations import UNLIMITED, Demonstrator, demonstration_config, frame, play_chats
from ragen_tsr.models.optimizer import Muon
from ragen_tsr.models.recipe import ModelRecipe, Recipe, StageRecipe
from ragen_tsr.models.tasks.base import Task
from ragen_tsr.models.tokenizer import TURN_END, TURN_START, build_tokenizer

Progress = Callable[[str, int, int, float], None]
"""Told after every step: stage, steps done, steps in all, loss."""

#: Chats are played in this many slots at once.
_SLOTS = 64
_IGNORED = -100


@dataclass(frozen=True)
class Row:
    """Tokens, and which of them are learnt."""

    tokens: tuple[int, ...]
    learnt: tuple[bool, ...]


def warm_start(
    config: DictConfig, task: Task[Any], recipe: Recipe, progress: Progress
) -> tuple[Qwen2ForCausalLM, PreTrainedTokenizerFast]:
    """The whole recipe: tokenizer, untrained model, position-to-answer segments, whole conversations.

    Model weights and nothing else come from torch's global generator, which the caller seeds.
    """
    tokenizer = train_tokenizer(config, task, recipe)
    model = build_model(recipe.model, tokenizer)
    rng = random.Random(recipe.seed)
    segments = segment_rows(config, tokenizer, task, recipe, rng)
    train_stage(model, "segments", segments, recipe.segments, recipe.seed, progress)
    chats = chat_rows(config, tokenizer, task, recipe, rng)
    train_stage(model, "chats", chats, recipe.chats, recipe.seed, progress)
    return model, tokenizer


def train_tokenizer(config: DictConfig, task: Task[Any], recipe: Recipe) -> PreTrainedTokenizerFast:
    """A tokenizer trained on conversations of `config` and on more positions than those show."""
    about = recipe.tokenizer
    texts = conversations(config, task, recipe, about.episodes)
    player = Demonstrator(task, recipe.play, config, 0.5, random.Random(recipe.seed))
    positions = task.walk(config, recipe.play.first_seed, random.Random(recipe.seed), player.turn)
    texts += [f"\n{position.text}\n" for position in islice(positions, about.positions)]
    return build_tokenizer(texts, about.vocab_size, about.min_frequency, about.model_max_length, task.cuts)


def conversations(config: DictConfig, task: Task[Any], recipe: Recipe, episodes: int) -> list[str]:
    """Texts of whole demonstrated conversations, rendered without a trained tokenizer."""
    spelling = build_tokenizer([], 0, 1, UNLIMITED, task.cuts)
    plays = demonstration_config(config, recipe.play, episodes)
    player = Demonstrator(task, recipe.play, plays, 0.5, random.Random(recipe.seed))
    return [spelling.decode((*chat.prompt, *chat.response)) for chat in play_chats(plays, spelling, task, player, 1)]


def build_model(recipe: ModelRecipe, tokenizer: PreTrainedTokenizerBase) -> Qwen2ForCausalLM:
    """An untrained model for `tokenizer`; its weights come from torch's global generator."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.max_positions,
        rope_theta=recipe.rope_theta,
        initializer_range=recipe.initializer_range,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    if recipe.copying:
        teach_copying(model)
    return model


def segment_rows(
    config: DictConfig, tokenizer: PreTrainedTokenizerBase, task: Task[Any], recipe: Recipe, rng: random.Random
) -> Iterator[Row]:
    """Position to answer: the end of a prompt, from the line break before the position on, and one response."""
    config = demonstration_config(config, recipe.play, groups=1)
    around = frame(config, tokenizer)
    demonstrator = Demonstrator(task, recipe.play, config, recipe.segments.solver_share, rng)
    positions = task.walk(config, recipe.play.first_seed, rng, demonstrator.turn)
    while batch := list(islice(positions, 1024)):
        left = [rng.randint(1, len(around.tails)) for _ in batch]
        prompts = [around.prompt(position, n) for position, n in zip(batch, left, strict=True)]
        replies = [demonstrator.turn(position, n).reply + TURN_END for position, n in zip(batch, left, strict=True)]
        for prompt, reply in zip(tokenizer(prompts)["input_ids"], tokenizer(replies)["input_ids"], strict=True):
            yield Row((*prompt, *reply), (False,) * len(prompt) + (True,) * len(reply))


def chat_rows(
    config: DictConfig, tokenizer: PreTrainedTokenizerBase, task: Task[Any], recipe: Recipe, rng: random.Random
) -> Iterator[Row]:
    """Whole episodes as the context manager renders them; every response in them is learnt."""
    config = demonstration_config(config, recipe.play, groups=_SLOTS)
    demonstrator = Demonstrator(task, recipe.play, config, recipe.chats.solver_share, rng)
    opening = "<think>" if config.agent_proxy.enable_think else "<answer>"
    header = tuple(tokenizer(f"{TURN_START}assistant\n{opening}")["input_ids"])
    rounds = -(-recipe.chats.samples // _SLOTS)
    for chat in play_chats(config, tokenizer, task, demonstrator, rounds):
        tokens = (*chat.prompt, *chat.response)
        yield Row(tokens, learnt_tokens(tokens, header, tokenizer.eos_token_id))


def learnt_tokens(tokens: Sequence[int], header: Sequence[int], end: int) -> tuple[bool, ...]:
    """True from behind each `header` up to and including the next `end`."""
    learnt = [False] * len(tokens)
    inside = False
    for index, token in enumerate(tokens):
        learnt[index] = inside
        if token == end:
            inside = False
        elif tuple(tokens[index + 1 - len(header) : index + 1]) == tuple(header):
            inside = True
    return tuple(learnt)


def train_stage(
    model: Qwen2ForCausalLM, name: str, rows: Iterable[Row], stage: StageRecipe, seed: int, progress: Progress
) -> None:
    """Run one stage: shuffled epochs over `rows` until its steps are done.

    Raises:
        ValueError: there are fewer rows than one batch needs.
    """
    data = list(islice(rows, stage.samples))
    if len(data) < stage.batch:
        raise ValueError(f"stage {name}: {len(data)} samples, fewer than its batch={stage.batch}")
    optimizers = _optimizers(model, stage)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    order = random.Random(seed)
    batches = _batches(data, stage.batch, order)
    model.train()
    for step in range(stage.steps):
        scale = min(1.0, (step + 1) / stage.warmup) * (1 - step / stage.steps)
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        loss = _backward(model, next(batches), stage.parts)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        progress(name, step + 1, stage.steps, loss)
    model.eval()


def _optimizers(model: Qwen2ForCausalLM, stage: StageRecipe) -> list[torch.optim.Optimizer]:
    named = list(model.named_parameters())
    matrices = [weight for name, weight in named if weight.ndim == 2 and "embed_tokens" not in name]
    others = [weight for name, weight in named if weight.ndim != 2 or "embed_tokens" in name]
    return [
        Muon(matrices, lr=stage.matrix_rate),
        torch.optim.AdamW(others, lr=stage.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _batches(data: list[Row], size: int, order: random.Random) -> Iterator[list[Row]]:
    while True:
        order.shuffle(data)
        for start in range(0, len(data) - size + 1, size):
            yield data[start : start + size]


def _backward(model: Qwen2ForCausalLM, rows: list[Row], parts: int) -> float:
    """Add the gradient of the rows' mean loss, part by part; returns that loss."""
    if parts > 1:
        rows = sorted(rows, key=lambda row: len(row.tokens))
    size, learnt, total = -(-len(rows) // parts), sum(sum(row.learnt) for row in rows), 0.0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        loss = _loss(model, *_tensors(part)) * (sum(sum(row.learnt) for row in part) / learnt)
        loss.backward()
        total += loss.item()
    return total


def _tensors(rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, ``[rows, longest]`` each, padded on the right, where causal attention never looks."""
    width = max(len(row.tokens) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), _IGNORED)
    for index, row in enumerate(rows):
        tokens = torch.tensor(row.tokens)
        ids[index, : len(tokens)] = tokens
        labels[index, : len(tokens)] = torch.where(torch.tensor(row.learnt), tokens, _IGNORED)
    return ids, labels


def _loss(model: Qwen2ForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the learnt tokens; logits are computed where they are needed only."""
    targets = labels[:, 1:]
    asked = targets != _IGNORED
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1][asked]
    return torch.nn.functional.cross_entropy(model.lm_head(hidden), targets[asked])
