"""The part of the configuration that prompts and training rows depend on, checked.

Decides which values can work. What they mean is said beside each field; how they are used is left to
:mod:`prompts`, :mod:`scores` and :mod:`ctx_manager`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS

MODES = ("full", "limited_multi_turn", "single_turn")
GROUPINGS = ("state", "inductive", "batch")
NORMALISATIONS = ("identity", "mean", "mean_std", "asym_clip")


@dataclass(frozen=True)
class TagSettings:
    """What prompts say about an environment tag."""

    instruction: str
    max_actions: int
    """``max_actions_per_traj``: actions of an episode."""
    max_tokens: int
    """The length that the policy is asked to keep to; nothing enforces it."""
    observation_format: str
    grid_vocab: dict[str, str]
    """Meaning of each symbol in an observation; may be empty."""
    action_names: tuple[str, ...]
    """Names of the actions; empty where actions are free text."""


@dataclass(frozen=True)
class ContextSettings:
    """Settings of a context manager; made by :meth:`from_config`."""

    mode: str
    """One of :data:`MODES`: what a prompt shows of the past; whether training rows are episodes or turns."""
    window: int | None
    """How many turns a prompt shows in the two modes that limit it; ``None`` for all."""
    max_length: int | None
    """Tokens that a prompt or training row may have; ``None`` for any number."""
    use_turn_scores: bool
    """Whether each turn's reward stands at that turn's end, or their sum at the end of the row."""
    enable_response_mask: bool
    """Whether only responses are trained on, or everything after the system message."""
    grouping: str
    """One of :data:`GROUPINGS`: which episodes are normalised together."""
    normalisation: str
    """One of :data:`NORMALISATIONS`."""
    tags: dict[str, TagSettings]
    tag_of_slot: tuple[str, ...]
    group_size: int
    collapse_first_turn: bool
    """``collapse_detection.first_turn_enabled``: rollouts carry the first turn's prompt and thought."""
    collapse_all_turns: bool
    """``collapse_detection.multi_turn_enabled``: rollouts carry every turn's."""

    @property
    def slots_of_tag(self) -> dict[str, int]:
        """How many slots each tag has."""
        return {tag: self.tag_of_slot.count(tag) for tag in self.tags}

    @classmethod
    def from_config(cls, config: DictConfig, mode: str) -> ContextSettings:
        """Read the settings of ``mode`` (``"train"`` or ``"val"``) from the composed configuration.

        Raises:
            ValueError: Naming the key, the value and what is allowed.
        """
        if mode not in ("train", "val"):
            raise ValueError(f"mode={mode!r}; allowed: 'train', 'val'")
        proxy, manager = config.agent_proxy, config.es_manager[mode]
        tags, counts = list(manager.env_configs.tags), list(manager.env_configs.n_groups)
        if len(tags) != len(counts):
            raise ValueError(
                f"es_manager.{mode}.env_configs: {len(tags)} tags {tags} but {len(counts)} n_groups {counts}"
            )
        group_size = int(manager.group_size)
        return cls(
            mode=_one_of("agent_proxy.context_window_mode", proxy.context_window_mode, MODES),
            window=_window(proxy.max_context_window),
            max_length=OmegaConf.select(config, "actor_rollout_ref.rollout.max_model_len"),
            use_turn_scores=bool(proxy.use_turn_scores),
            enable_response_mask=bool(config.enable_response_mask),
            grouping=_one_of(
                "agent_proxy.reward_normalization.grouping", proxy.reward_normalization.grouping, GROUPINGS
            ),
            normalisation=_one_of(
                "agent_proxy.reward_normalization.method", proxy.reward_normalization.method, NORMALISATIONS
            ),
            tags={tag: _tag_settings(config, tag) for tag in tags},
            tag_of_slot=tuple(tag for tag, count in zip(tags, counts, strict=True) for _ in range(count * group_size)),
            group_size=group_size,
            collapse_first_turn=bool(OmegaConf.select(config, "collapse_detection.first_turn_enabled")),
            collapse_all_turns=bool(OmegaConf.select(config, "collapse_detection.multi_turn_enabled")),
        )


def _one_of(key: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{key}={value!r}; allowed: {', '.join(allowed)}")
    return value


def _window(value: Any) -> int | None:
    if value is None or value < 0:
        return None
    if value == 0:
        raise ValueError("agent_proxy.max_context_window=0; allowed: -1 (all turns) or at least 1 (the present turn)")
    return int(value)


def _tag_settings(config: DictConfig, tag: str) -> TagSettings:
    """What the tag says about itself, else what its environment's configuration has by default.

    Of ``env_config`` only ``grid_vocab`` counts: an ``observation_format`` there does not change the
    instructions.
    """
    if tag not in config.custom_envs:
        raise ValueError(f"env_configs.tags has {tag!r}; custom_envs has {sorted(map(str, config.custom_envs))}")
    given: Any = OmegaConf.to_container(config.custom_envs[tag], resolve=True)
    env_type = given["env_type"]
    if env_type not in REGISTERED_ENV_CONFIGS:
        raise ValueError(f"custom_envs.{tag}.env_type={env_type!r}; registered: {sorted(REGISTERED_ENV_CONFIGS)}")
    inside = given.get("env_config") or {}
    values = asdict(REGISTERED_ENV_CONFIGS[env_type]())
    values |= {"grid_vocab": inside["grid_vocab"]} if "grid_vocab" in inside else {}
    values |= given
    return TagSettings(
        instruction=values.get("env_instruction") or "",
        max_actions=values["max_actions_per_traj"],
        max_tokens=values.get("max_tokens", config.actor_rollout_ref.rollout.response_length),
        observation_format=values.get("observation_format", "grid"),
        grid_vocab=values.get("grid_vocab") or {},
        action_names=tuple((values.get("action_lookup") or {}).values()),
    )
