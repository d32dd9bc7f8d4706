"""What a training run costs: the paper's own wall time, and an estimate from a measured rate of generation.

The estimate is ``steps * (tokens / rate + rest) + validations``: a step samples at most as many turns as the strategy's
formula says (:mod:`ragen_tsr.search`), of which a share is needed, each so many tokens long; the rest of a step
(updates) takes what it took where the rate was measured. Where nothing was measured, the paper's wall time stands
alone. For search budgets that it gives no time for, its time is taken to grow with the number of turns sampled, from
instance filtering's to beam search's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from omegaconf import DictConfig, OmegaConf

from ragen_tsr.choices import strategy_and_scorer
from ragen_tsr.experiments import paper
from ragen_tsr.experiments.grid import Training
from ragen_tsr.report import metrics as figures
from ragen_tsr.report.page import CONFIG_FILE
from ragen_tsr.trainer.steps import METRICS_FILE

SEARCHED = ("lookahead", "beam")
"""Methods that sample several turns for one: larger batches, and so more tokens a second on a CPU."""


@dataclass(frozen=True)
class Rate:
    """How fast a machine was seen to train."""

    tokens_per_second: float
    """Generated, all devices together."""
    share: float
    """Turns sampled, of those that the strategy's formula allows."""
    tokens_per_turn: float
    rest_seconds: float
    """Of a step, outside generation."""
    validation_seconds: float
    """Of an episode."""
    source: str
    """Where it was measured."""


CPU_RATES: dict[tuple[str, bool], Rate] = {
    ("sokoban", False): Rate(650, 0.57, 11.1, 3.8, 0.027, "train.sh sokoban none, two cores, another run beside"),
    ("sokoban", True): Rate(2500, 0.44, 17.2, 3.5, 0.034, "train.sh sokoban beam, two cores, another run beside"),
    ("frozen_lake", False): Rate(880, 0.73, 8.0, 1.7, 0.030, "train.sh frozen_lake none, two cores, others beside"),
    ("frozen_lake", True): Rate(
        2970, 0.57, 8.0, 3.4, 0.024, "train.sh frozen_lake lookahead, two cores, others beside"
    ),
    ("webshop", False): Rate(270, 0.85, 13.2, 15.6, 0.156, "beam search's below, by the other tasks' ratio"),
    ("webshop", True): Rate(950, 0.73, 12.3, 15.6, 0.156, "train.sh webshop beam, two cores, others beside"),
}
"""Two cores, ``scale=cpu``, the tiny policy; by task, and whether turns are searched (:data:`SEARCHED`)."""


@dataclass(frozen=True)
class Work:
    """What a training run has to do."""

    steps: int
    responses: int
    """Turns sampled in a step, at most."""
    turns: int
    """Turns of an episode, at most."""
    devices: int
    validation_episodes: int
    """In the whole run."""


@dataclass(frozen=True)
class Cost:
    """Of one run, in hours of wall time; None where it is not known."""

    devices: int
    paper: float | None
    """As the paper has it, on its eight A100."""
    interpolated: bool
    """The paper gives no time for this search budget; see the module."""
    estimate: float | None
    """From the rate."""
    rate: Rate | None


def work_of(config: DictConfig) -> Work:
    """What a composed configuration asks for."""
    train, val = config.es_manager.train, config.es_manager.val
    strategy, _ = strategy_and_scorer(config, train.env_configs.tags[0])
    steps, every = config.trainer.total_training_steps, config.trainer.test_freq
    validations = int(config.trainer.val_before_train) + (-(-steps // every) if every > 0 else 0)
    return Work(
        steps=steps,
        responses=train.env_groups * strategy.responses(train.group_size, config.agent_proxy.max_turn),
        turns=config.agent_proxy.max_turn,
        devices=config.trainer.n_gpus_per_node * config.trainer.nnodes,
        validation_episodes=validations * config.trainer.validation_steps * val.env_groups * val.group_size,
    )


def measured(run: Path) -> Rate:
    """The rate of a run, finished or not.

    Raises:
        FileNotFoundError: It is no run folder.
        ValueError: It has no step of training yet.
    """
    steps = figures.load(run / METRICS_FILE)
    config = OmegaConf.load(run / CONFIG_FILE)
    assert isinstance(config, DictConfig)
    generated = [(tokens, step) for step in steps if (tokens := figures.GENERATED_TOKENS.of(step))]
    if not generated:
        raise ValueError(f"{run} has no step of training yet")
    trained = [step for _, step in generated]
    tokens = sum(count for count, _ in generated)
    seconds = sum(figures.SEARCH_SECONDS["generation"].of(step) or 0.0 for step in trained)
    nodes = sum(figures.NODES.of(step) or 0.0 for step in trained)
    work = work_of(config)
    every = [value for _, value in figures.PHASE_SECONDS["validation"].series(steps)]
    episodes = config.trainer.validation_steps * config.es_manager.val.env_groups * config.es_manager.val.group_size
    whole = sum(figures.STEP_SECONDS.of(step) or 0.0 for step in trained)
    checked = sum(figures.PHASE_SECONDS["validation"].of(step) or 0.0 for step in trained)
    return Rate(
        tokens_per_second=tokens / seconds,
        share=nodes / (work.responses * len(trained)),
        tokens_per_turn=tokens / nodes,
        rest_seconds=(whole - checked - seconds) / len(trained),
        validation_seconds=fmean(every) / episodes if every else 0.0,
        source=run.name,
    )


def from_paper(training: Training, work: Work, tokens_per_second: float, source: str) -> Rate:
    """A rate of which only the tokens a second are known; turns and their length are the paper's (tables 1 and 2).

    Means of the policy before and after training. The rest of a step, and validation, are left out.
    """
    ends = [paper.MAIN[training.env, training.model, method] for method in (paper.BASE, training.method)]
    turns = fmean(one.turns or 0.0 for one in ends)
    return Rate(
        tokens_per_second=tokens_per_second,
        share=turns / work.turns,
        tokens_per_turn=fmean((one.length or 0.0) / (one.turns or 1.0) for one in ends),
        rest_seconds=0.0,
        validation_seconds=0.0,
        source=source,
    )


def cost(training: Training, work: Work, plain: Work, beam: Work, rate: Rate | None) -> Cost:
    """The cost of one run of a setting.

    Args:
        plain: The work of the same task's instance filtering.
        beam: That of its beam search with the search budget of ``config/search/``.
        rate: Where known.
    """
    hours, interpolated = paper_hours(training, work, plain, beam)
    estimate = None
    if rate is not None:
        tokens = work.responses * rate.share * rate.tokens_per_turn
        seconds = work.steps * (tokens / rate.tokens_per_second + rate.rest_seconds)
        estimate = (seconds + work.validation_episodes * rate.validation_seconds) / 3600
    return Cost(work.devices, hours, interpolated, estimate, rate)


def paper_hours(training: Training, work: Work, plain: Work, beam: Work) -> tuple[float | None, bool]:
    """The paper's wall time of a setting in hours, None for a model that is not the paper's; and whether it is
    interpolated.
    """
    known = paper.TIMES.get((training.env, training.model, training.method))
    if known is None or training.budget is None:
        return (None if known is None else known.hours), False
    none = paper.TIMES[training.env, training.model, "none"]
    growth = (work.responses - plain.responses) / (beam.responses - plain.responses)
    return none.hours + growth * (known.hours - none.hours), True
