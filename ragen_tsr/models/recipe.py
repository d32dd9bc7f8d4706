"""What a tiny policy is made of: every constant that decides its weights.

Decides which sizes, amounts and rates there are; each is a field, so that a changed recipe is another model
under another name (`tiny`). Leaves the values that differ between environments to `tasks`, and what is done
with them to others.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Raised by hand when code that shapes the weights changes its meaning while no constant does.
CODE_VERSION = 1


@dataclass(frozen=True)
class TokenizerRecipe:
    """See `tokenizer.build_tokenizer`."""

    vocab_size: int = 2048
    """Upper bound."""
    min_frequency: int = 8
    model_max_length: int = 4096
    episodes: int = 192
    """Episodes whose texts it is trained on,"""
    positions: int = 16_000
    """and texts of positions."""


@dataclass(frozen=True)
class ModelRecipe:
    """Sizes of a Qwen2 model; embeddings are tied."""

    hidden_size: int = 64
    intermediate_size: int = 192
    layers: int = 4
    heads: int = 4
    max_positions: int = 4096
    rope_theta: float = 10_000.0
    initializer_range: float = 0.02
    copying: bool = False
    """Start from weights that can copy (`copying`), for prompts whose words have to be repeated."""


@dataclass(frozen=True)
class PlayRecipe:
    """How demonstrations are played.

    A turn is either the solver's or random, and its thought says which. So reinforcement finds both something
    to choose and something to get better at.
    """

    tag: str
    """The entry of ``custom_envs`` that is played."""
    first_seed: int = 2_000_000_000
    """First episode. Far from the seeds of training and validation runs."""
    thought_solver: str = "solve"
    thought_random: str = "try"
    min_actions: int = 1
    max_actions: int = 1
    """Actions of a turn: uniform between the two, but never more than are left or than the solver needs."""
    max_turn: int = 5
    """Turns of an episode; also for runs with another limit, since no prompt mentions it."""


@dataclass(frozen=True)
class StageRecipe:
    """One stage of supervised fine-tuning."""

    samples: int
    batch: int
    steps: int
    solver_share: float
    """Share of turns played by the solver (where it has a turn)."""
    matrix_rate: float
    other_rate: float
    """Peak learning rates of weight matrices (orthogonalised momentum) and of everything else (AdamW)."""
    warmup: int = 20
    """Steps of linear warm-up; after it the rate falls linearly to zero."""
    parts: int = 1
    """Parts of a batch, of rows of like length, that are computed one after another: less padding."""


@dataclass(frozen=True)
class Recipe:
    """The whole recipe of one environment's policy."""

    play: PlayRecipe
    segments: StageRecipe
    """Position to answer: what a prompt ends with, from the position on."""
    chats: StageRecipe
    """Whole episodes as the context manager renders them."""
    seed: int = 0
    tokenizer: TokenizerRecipe = field(default_factory=TokenizerRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
