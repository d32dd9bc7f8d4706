"""``python -m ragen_tsr.eval ENV MODEL [overrides]``: an evaluation, from command line to table.

Decides the order in which an evaluation is set up and what a person sees of it. What the words mean is
:mod:`ragen_tsr.evaluation.command`'s, how episodes are played :mod:`ragen_tsr.evaluation.play`'s, what is measured
:mod:`ragen_tsr.evaluation.metrics`'.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ragen_tsr.config import ConfigError
from ragen_tsr.evaluation.command import PLAIN, read, reread
from ragen_tsr.evaluation.folder import EPISODES_FILE, EpisodeFile, EvaluationFolder
from ragen_tsr.evaluation.subject import Subject

OK, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(file=sys.stdout, highlight=False)
    errors = Console(stderr=True, highlight=False)
    try:
        folder, subject, config = open_evaluation(arguments)
        lock = folder.lock()
    except ConfigError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    from ragen_tsr.evaluation.engines import EngineError

    with lock:
        try:
            evaluate(folder, subject, config, console, f"bash eval.sh {shlex.join(arguments)}")
            return OK
        except EngineError as error:
            errors.print(str(error), style="red", markup=False, soft_wrap=True)
            code = FAILED
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BaseException:
            console.print(f"log      {folder.log}", markup=False, soft_wrap=True)
            console.print(_go_on(folder), markup=False, soft_wrap=True)
            raise
        console.print(_go_on(folder), markup=False, soft_wrap=True)
        return code


def open_evaluation(arguments: Sequence[str]) -> tuple[EvaluationFolder, Subject, DictConfig]:
    """The folder, the subject and the checked configuration of a command line, of a new evaluation or a resumed one.

    Raises:
        ConfigError: The command line cannot work; nothing was made.
    """
    resumed = [argument for argument in arguments if argument.startswith("resume=")]
    if resumed:
        path = Path(resumed[-1].partition("=")[2])
        subject, config = reread(path, [argument for argument in arguments if argument not in resumed])
        _check(config, subject)
        return EvaluationFolder(path), subject, config
    command, subject, config = read(arguments)
    _check(config, subject)
    searched = "" if config.search.name == PLAIN else f"-{config.search.name}"
    return EvaluationFolder.create(config, command.env, subject.slug + searched), subject, config


def evaluate(
    folder: EvaluationFolder, subject: Subject, config: DictConfig, console: Console, command: str
) -> dict[str, Any]:
    """Play what is missing, then print and write what came of it; returns what ``evaluation.json`` says at its head."""
    from ragen_tsr.evaluation import metrics, own_validation, report

    facts = _facts(config, subject)
    for key, value in {**facts, "results": str(folder.path)}.items():
        console.print(f"{key:8} {value}", markup=False, soft_wrap=True)
    with EpisodeFile(folder.path / EPISODES_FILE) as episodes:
        if found := len(episodes.records):
            console.print(f"{found} of {config.evaluation.prompts} episodes are there already", markup=False)
        if found < config.evaluation.prompts:
            _play(folder, subject, config, episodes, console)
        records = sorted(episodes.records, key=lambda record: record["index"])
    parts, costs = metrics.parts(records), metrics.costs(records)
    about: dict[str, Any] = {
        "evaluation": folder.path.name,
        "command": command,
        "subject": asdict(subject),
        "step": subject.step,
        "search": config.search.name,
        "engine": config.engine.name,
        "facts": facts,
        "own_validation": None,
    }
    report.print_table(console, parts, costs)
    if subject.run is not None:
        console.print(_about_seen(records), markup=False, soft_wrap=True)
        own = own_validation.compare(Path(subject.run), subject.step, records)
        if own is None:
            sentence = f"the run did not validate after step {subject.step}, so there is nothing to compare with"
        else:
            sentence = own.sentence(searched=config.search.name != PLAIN)
            about["own_validation"] = asdict(own)
        console.print(sentence, markup=False, soft_wrap=True)
        facts["own validation"] = sentence
    report.write_files(folder.path, about, config, parts, costs, records)
    console.print(f"report   {folder.path / report.PAGE_FILE}", markup=False, soft_wrap=True)
    return about


def _play(
    folder: EvaluationFolder, subject: Subject, config: DictConfig, episodes: EpisodeFile, console: Console
) -> None:
    """Load the engine and play the episodes that are missing."""
    from verl.utils import hf_tokenizer
    from verl.utils.fs import copy_to_local

    from ragen_tsr.evaluation.engines import build_engine, tokenizer_name
    from ragen_tsr.evaluation.play import play
    from ragen_tsr.models import resolve_model
    from ragen_tsr.quiet import quiet_libraries

    with quiet_libraries(folder.log, console), _progress(console, config, episodes) as on_episode:
        if subject.checkpoint is not None:
            from ragen_tsr.models.checkpoints import merged

            config.model_path = str(merged(Path(subject.checkpoint)))
        name = tokenizer_name(config)
        resolved = str(resolve_model(name, config))
        if name == config.model_path:
            config.model_path = resolved
        tokenizer = hf_tokenizer(copy_to_local(resolved))
        play(
            config,
            tokenizer,
            build_engine(config, tokenizer),
            episodes,
            rollout=subject.step * config.trainer.validation_steps,
            trained_on=_trained_on(subject),
            on_episode=on_episode,
        )


def _trained_on(subject: Subject) -> frozenset[str] | None:
    """The starts that the run's training has played; None where there is no run."""
    if subject.run is None:
        return None
    from ragen_tsr.evaluation.seen import training_starts
    from ragen_tsr.report.page import CONFIG_FILE

    run = OmegaConf.load(Path(subject.run) / CONFIG_FILE)
    assert isinstance(run, DictConfig)
    return training_starts(run, subject.step)


@contextlib.contextmanager
def _progress(
    console: Console, config: DictConfig, episodes: EpisodeFile
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Shows how far the episodes are: a bar on a terminal, elsewhere a line a batch."""
    total = config.evaluation.prompts
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        disable=not console.is_terminal, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("episodes", total=total, completed=len(episodes.records))

        def on_episode(record: Mapping[str, Any]) -> None:
            done = len(episodes.records)
            solved = sum(bool(one["success"]) for one in episodes.records) / done
            bar.update(task, completed=done, description=f"success {solved:.3f}")
            if not console.is_terminal and (done % config.evaluation.batch == 0 or done == total):
                console.print(f"{done} of {total} episodes, success {solved:.3f}", markup=False)

        yield on_episode


def _about_seen(records: Sequence[Mapping[str, Any]]) -> str:
    seen = sum(bool(record["seen"]) for record in records)
    return f"{seen} of {len(records)} prompts also occur among the starts of the run's training"


def _go_on(folder: EvaluationFolder) -> str:
    return f"go on    bash eval.sh resume={shlex.quote(str(folder.path))}"


def _check(config: DictConfig, subject: Subject) -> None:
    # Imports torch and verl, without which a typo is found.
    from ragen_tsr.platform.transformers_names import provide_old_names

    provide_old_names()
    from ragen_tsr.config_checks import check_evaluation
    from ragen_tsr.evaluation.engines import check_engine
    from ragen_tsr.models import TINY
    from ragen_tsr.models.tasks import task_of

    check_evaluation(config)
    try:
        check_engine(config)
        if subject.model == TINY:
            task_of(config)  # raises where there is none
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _facts(config: DictConfig, subject: Subject) -> dict[str, str]:
    """What a person should know of an evaluation before it starts."""
    manager, proxy, sampling = config.es_manager.val, config.agent_proxy, config.actor_rollout_ref.rollout.val_kwargs
    hidden = ("name", "at_val", "record_groups", "rerolls")
    searched = {key: value for key, value in config.search.items() if value not in (None, False) and key not in hidden}
    shown = " ".join(f"{key}={value}" for key, value in searched.items())
    model = subject.word
    if subject.checkpoint is not None:
        model = f"{subject.word}, after step {subject.step}"
    return {
        "model": model,
        "engine": config.engine.name,
        "task": f"{', '.join(manager.env_configs.tags)}; {config.evaluation.prompts} prompts, "
        f"up to {proxy.max_turn} turns of {proxy.max_actions_per_turn} actions",
        "sampling": f"temperature {sampling.temperature}" if sampling.do_sample else "greedy",
        "search": "none" if config.search.name == PLAIN else f"{config.search.name} {shown}",
    }


if __name__ == "__main__":
    sys.exit(main())
