"""Plays the episodes of an evaluation that are not on the disk yet.

Decides in which batches prompts are played and when an episode is written. How an episode is played is the
training rollout's (:class:`ragen_tsr.llm_agent.search_rollout.SearchRollout`), with the validation's sampling: the same
environments, prompts, parsing and strategies. An episode depends on its place among the prompts, on the run's seed
and on the step, and on nothing that is played beside it; so batches, interruptions and the number of prompts change no
episode.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ragen_tsr.evaluation.folder import EpisodeFile
from ragen_tsr.evaluation.seen import Start, is_seen
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.episodes import episode_record
from ragen_tsr.llm_agent.search_rollout import start_states
from ragen_tsr.search import Ledger, Node
from ragen_tsr.workers.rollout.noise import ROLLOUT_KEY

COUNTED = ("prompt_tokens", "generated_tokens", "generation_calls", "env_steps", "nodes_expanded")
"""What is told of an episode's cost: with a search, that of all branches."""


def play(
    config: DictConfig,
    tokenizer: Any,
    workers: Any,
    episodes: EpisodeFile,
    *,
    rollout: int,
    trained_on: frozenset[Start] | None,
    on_episode: Callable[[Mapping[str, Any]], None] = lambda record: None,
) -> None:
    """Play what is missing of ``evaluation.prompts`` episodes.

    Args:
        config: The evaluation's, checked.
        workers: What :func:`ragen_tsr.evaluation.engines.build_engine` made.
        episodes: Records that are there already are not played again; each new one is
            :func:`ragen_tsr.llm_agent.episodes.episode_record`'s with ``seen`` (the run's training has played this
            start; null: there is no run), ``cost`` (:data:`COUNTED`) and ``seconds`` (since the record before it, so
            that they add up to the time spent).
        rollout: Number of the validation rollout whose sampling noise is used.
        trained_on: Starts that training has played; None if that is not known.
        on_episode: Told of each record.
    """
    proxy = SearchAgentProxy(_without_training(config), workers, tokenizer)
    proxy.val_es_manager.reset()
    done = {record["index"] for record in episodes.records}
    waiting = [root for root in start_states(proxy.val_es_manager) if root.payload[0].env_id not in done]
    last = time.perf_counter()

    def finished(group: int, leaves: list[Node]) -> None:
        nonlocal last
        record = episode_record(run.roots[group].payload[0], leaves[0])
        cost = sum(run.ledgers[group].values(), Ledger()).counts()
        now = time.perf_counter()
        record |= {
            "seen": None if trained_on is None else is_seen(record, trained_on),
            "cost": {key: cost[key] for key in COUNTED},
            "seconds": round(now - last, 4),
        }
        last = now
        episodes.append(record)
        on_episode(record)

    for first in range(0, len(waiting), config.evaluation.batch):
        roots = waiting[first : first + config.evaluation.batch]
        run = proxy.search_rollout(_meta_info(config, tokenizer, rollout), val=True, roots=roots, finished=finished)
        run.search()


def _meta_info(config: DictConfig, tokenizer: Any, rollout: int) -> dict[str, Any]:
    """What the trainer's validation tells the workers; a new dictionary for each batch, since a rollout changes it."""
    return {
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "recompute_log_prob": False,
        "do_sample": config.actor_rollout_ref.rollout.val_kwargs.do_sample,
        "validate": True,
        "compute_collapse": False,
        ROLLOUT_KEY: rollout,
    }


def _without_training(config: DictConfig) -> DictConfig:
    """The configuration with one training slot a tag: none is played, and none limits the search."""
    changed = copy.deepcopy(config)
    tags = changed.es_manager.train.env_configs.tags
    OmegaConf.update(changed, "es_manager.train.env_groups", len(tags))
    OmegaConf.update(changed, "es_manager.train.group_size", 1)
    OmegaConf.update(changed, "es_manager.train.env_configs.n_groups", [1] * len(tags))
    return changed
