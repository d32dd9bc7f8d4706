"""What a configuration chooses for the groups of an environment tag: a strategy, and the scorer that it ranks by."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from ragen_tsr import scorers, search
from ragen_tsr.scorers import Scorer
from ragen_tsr.search import Strategy


def strategy_and_scorer(config: DictConfig, tag: str) -> tuple[Strategy, Scorer]:
    """How the groups of ``tag`` are searched.

    Args:
        config: The composed configuration; reads ``search`` and ``custom_envs``.

    Raises:
        ValueError: The strategy, its values or the scorer cannot work; names the key, the value and what is allowed.
    """
    settings: dict[str, Any] = OmegaConf.to_container(config.search, resolve=True)  # type: ignore[assignment]
    scorer = scorers.resolve(settings["scorer"], config.custom_envs[tag].env_type)
    return search.build(settings, rank_by=scorer.rank_by), scorer
