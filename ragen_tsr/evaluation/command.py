"""From the command line of ``eval.sh`` to the configuration of an evaluation.

Decides whose configuration counts: a run's own where MODEL is one, so that its prompts, turn limits and lengths are
what it was trained and validated with; else ``config/``'s. No search unless ``search=`` asks for it, whatever the run
was trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ragen_tsr.config import (
    EVALUATION,
    EVALUATION_GROUPS,
    METHOD_ALIASES,
    Command,
    ConfigError,
    compose,
    derive,
    load_task,
    options,
    parse,
    quoted,
)
from ragen_tsr.evaluation.subject import Subject, find
from ragen_tsr.report.page import CONFIG_FILE

OF_A_RUN = ("search", "engine")
"""Groups that can be chosen where MODEL is a run: the others are the run's."""
ON_RESUME = ("engine.", "evaluation.batch=")
"""Keys that may change when an evaluation goes on: they change no episode."""
PLAIN = "none"


def usage() -> str:
    """How the command is called, with the words that exist."""
    return "\n".join(
        [
            "usage: bash eval.sh ENV MODEL [overrides]",
            "       bash eval.sh resume=EVALUATION_FOLDER",
            f"  ENV     {', '.join(options('env'))}, or a Python file with a task of one's own",
            "  MODEL   a run folder, a checkpoint (global_step_<n>), a Hugging Face id or folder, "
            f"{', '.join(options('model'))}, or api:NAME with engine.base_url=",
            f"  search= {', '.join([*options('search'), *METHOD_ALIASES])}; none unless given",
            f"  engine= {', '.join(options('engine'))}",
            "  any key of config/eval.yaml and config/tsr.yaml, such as evaluation.prompts=64",
        ]
    )


def read(arguments: Sequence[str]) -> tuple[Command, Subject, DictConfig]:
    """The command of a new evaluation, what it evaluates, and the configuration, complete but unchecked.

    ``config.evaluation.subject`` says what is evaluated; ``config.model_path`` is a name still.

    Raises:
        ConfigError: A word is missing or unknown, or an override is malformed or names a key that does not exist.
    """
    words = [argument for argument in arguments if "=" not in argument and not argument.startswith("~")]
    if len(words) != 2:
        raise ConfigError(f"expected ENV and MODEL, got {' '.join(words) or 'nothing'}\n{usage()}")
    env, word = words
    given = [argument for argument in arguments if argument not in words]
    method = PLAIN
    overrides = []
    for argument in given:
        key, _, value = argument.partition("=")
        if key == "search":
            method = value
        elif key in ("model", "model_path") or key.startswith("evaluation.subject"):
            raise ConfigError(f"{argument}: the model is the second word\n{usage()}")
        else:
            overrides.append(argument)
    if "=" not in env and not Path(env).suffix and env not in options("env"):
        raise ConfigError(f"unknown environment {env!r}\n{usage()}")
    subject = find(word)
    command = parse([env, method, *_words_of(subject, overrides), *overrides])
    config = compose(command, EVALUATION)
    if subject.run is not None:
        config = _of_run(subject, command, overrides, config)
    with open_dict(config):
        config.evaluation.subject = subject.as_config()
    config.search.at_val = config.search.name != PLAIN
    return command, subject, config


def reread(folder: Path, overrides: Sequence[str]) -> tuple[Subject, DictConfig]:
    """What ``folder`` evaluates and its configuration, changed by overrides that change no episode.

    Raises:
        ConfigError: There is no evaluation, or an override is not among :data:`ON_RESUME`.
    """
    source = folder / CONFIG_FILE
    config = OmegaConf.load(source) if source.is_file() else None
    if not isinstance(config, DictConfig) or OmegaConf.select(config, "evaluation.subject") is None:
        raise ConfigError(f"resume={folder}: must be the folder of an evaluation, with a {CONFIG_FILE} in it")
    for override in overrides:
        if not override.startswith(ON_RESUME):
            raise ConfigError(
                f"{override}: the episodes that are played already were played without it; "
                f"only engine.* and evaluation.batch may change"
            )
    OmegaConf.set_struct(config, True)
    _override(config, overrides)
    load_task(OmegaConf.select(config, "task_file"))
    return Subject(**config.evaluation.subject), config


def _words_of(subject: Subject, overrides: Sequence[str]) -> list[str]:
    """The overrides that choose the subject."""
    if subject.api is not None:
        if chosen := [override for override in overrides if override.startswith("engine=")]:
            raise ConfigError(f"{chosen[0]}: {subject.word} is asked through engine=api")
        return ["engine=api", f"engine.model={quoted(subject.api)}"]
    if subject.checkpoint is not None:
        return [f"model={subject.checkpoint}"]
    assert subject.model is not None
    return [f"model={subject.model}"]


def _of_run(subject: Subject, command: Command, overrides: Sequence[str], composed: DictConfig) -> DictConfig:
    """The run's configuration with the evaluation's search, engine and prompts, changed by the overrides."""
    assert subject.run is not None
    for override in overrides:
        group = override.partition("=")[0]
        if group in EVALUATION_GROUPS and group not in OF_A_RUN:
            raise ConfigError(
                f"{override}: {group} is the run's own; of a run only {', '.join(OF_A_RUN)} can be chosen"
            )
    run = OmegaConf.load(Path(subject.run) / CONFIG_FILE)
    assert isinstance(run, DictConfig)
    _check_same_task(subject, command, composed, run)
    for section in (*OF_A_RUN, "evaluation"):
        run.pop(section, None)
    OmegaConf.set_struct(composed, False)
    config = OmegaConf.merge(composed, run)
    assert isinstance(config, DictConfig)
    with open_dict(config):
        config.model_path = subject.checkpoint
        config.es_manager.val.env_groups = composed.evaluation.prompts
        config.es_manager.val.group_size = 1
        config.es_manager.val.env_configs.n_groups = None
    OmegaConf.set_struct(config, True)
    _override(config, [override for override in overrides if override.partition("=")[0] not in OF_A_RUN])
    derive(config)
    return config


def _check_same_task(subject: Subject, command: Command, composed: DictConfig, run: DictConfig) -> None:
    for tag in run.es_manager.train.env_configs.tags:
        theirs = composed.custom_envs.get(tag)
        if theirs is None or theirs.env_type != run.custom_envs[tag].env_type:
            raise ConfigError(
                f"{command.env}: the run {Path(subject.run or '').name} was trained on {tag}, which is no task of "
                f"{command.env}; to play another environment give the model itself (config.json beside the weights)"
            )


def _override(config: DictConfig, overrides: Sequence[str]) -> None:
    """Apply ``key=value`` words in Hydra's syntax to a configuration that is composed already."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, value = override.key_or_group, override.value()
        try:
            OmegaConf.update(config, key, value, merge=False, force_add=override.is_add())
        except OmegaConfBaseException as error:
            raise ConfigError(f"{override.input_line}: {str(error).splitlines()[0]}") from error
