"""From a command line to the configuration of a run.

Decides which words there are, which files are composed, and what follows from what (the scale from the machine,
group counts from tags). A task of one's own is loaded by :mod:`ragen_tsr.task_file`; whether values can work is decided
by :mod:`ragen_tsr.config_checks`; the defaults stand in ``config/``.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ragen_tsr import backend, task_file

CONFIG_DIR = Path(__file__).resolve().parents[1] / "config"
METHOD_ALIASES = {"instance_filtering": "none"}
GROUPS = ("env", "search", "algo", "model", "scale", "wording")
EVALUATION_GROUPS = (*GROUPS, "engine")
TRAINING, EVALUATION = "tsr", "eval"
"""Roots of ``config/``."""
DERIVED_GROUPS = ("fit", "model_fit", "ragen")
"""Files that env and scale, and model and scale, choose between them; and that ``RAGEN_HOME`` chooses."""


def _one_and_three_quarters(size: int, part: object = None) -> int:
    """7/4 of ``part``, or of ``size`` where that is null, rounded up (whether it can be is checked elsewhere)."""
    return -(-(part if isinstance(part, int) else int(size)) * 7 // 4)


OmegaConf.register_new_resolver("one_and_three_quarters", _one_and_three_quarters, replace=True)


class ConfigError(ValueError):
    """A word or a value of the command line cannot work; the message says which, and what is allowed."""


@dataclass(frozen=True)
class Command:
    """A command line, taken apart."""

    env: str
    """A file of ``config/env/``, or the name of the task file."""
    method: str
    """A file of ``config/search/``."""
    overrides: tuple[str, ...]
    """Hydra overrides, in order."""
    task_file: Path | None = None
    """A Python file with a task of one's own."""


def options(group: str) -> list[str]:
    """The files of a group of ``config/``."""
    return sorted(path.stem for path in (CONFIG_DIR / group).glob("*.yaml"))


def usage() -> str:
    """How the command is called, with the words that exist."""
    return "\n".join(
        [
            "usage: bash train.sh ENV METHOD [overrides]",
            "       bash train.sh resume=RUN_FOLDER [overrides]",
            f"  ENV     {', '.join(options('env'))}, or a Python file with a task of one's own",
            f"  METHOD  {', '.join([*options('search'), *METHOD_ALIASES])}",
            *(f"  {group + '=':8}{', '.join(options(group))}" for group in GROUPS[2:]),
            "  model=  also takes any Hugging Face id or folder",
            "  any key of config/tsr.yaml, such as es_manager.train.env_groups=8",
            "  --dry-run, --cfg job [--resolve]  look at the run instead of starting it",
        ]
    )


def parse(arguments: Sequence[str]) -> Command:
    """Take ``ENV METHOD [overrides]`` apart.

    A ``model=`` that names no file of ``config/model/`` becomes ``model_path=``.

    Raises:
        ConfigError: A word is missing or unknown.
    """
    words = [argument for argument in arguments if "=" not in argument and not argument.startswith("~")]
    if len(words) != 2:
        raise ConfigError(f"expected ENV and METHOD, got {' '.join(words) or 'nothing'}\n{usage()}")
    env, method = words[0], METHOD_ALIASES.get(words[1], words[1])
    path = Path(env).expanduser().resolve() if task_file.is_task_file(env) else None
    if path is not None:
        if path.stem in options("env"):
            raise ConfigError(f"{env}: there is an environment {path.stem!r} already; give the file another name")
        env = path.stem
    for word, group, name in ((env, "env", "environment"), (method, "search", "method")):
        if word not in options(group) and not (group == "env" and path is not None):
            raise ConfigError(f"unknown {name} {word!r}{_suggestion(word, options(group))}\n{usage()}")
    overrides = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if argument in words:
            continue
        if key in ("env", "search"):
            raise ConfigError(f"{argument}: the {key} is the {'first' if key == 'env' else 'second'} word\n{usage()}")
        if key in (*DERIVED_GROUPS, "task_file"):
            source = "RAGEN_HOME" if key == "ragen" else "the words of the command"
            raise ConfigError(f"{argument}: {key} follows from {source}; it cannot be given\n{usage()}")
        if key == "model" and value not in options("model"):
            argument = f"model_path={quoted(value)}"
        overrides.append(argument)
    return Command(env, method, tuple(overrides), path)


def compose(command: Command, root: str = TRAINING) -> DictConfig:
    """The configuration of a command, complete but unchecked.

    Without ``scale=``, the scale is ``paper`` where there is an accelerator and ``cpu`` elsewhere.

    Args:
        root: :data:`TRAINING` or :data:`EVALUATION`.

    Raises:
        ConfigError: An override is malformed, or names a key or an option that does not exist.
    """
    overrides = list(command.overrides)
    if not any(override.startswith("scale=") for override in overrides):
        from ragen_tsr.platform import has_accelerator  # imports torch

        overrides.append("scale=paper" if has_accelerator() else "scale=cpu")
    groups = [f"env={load_task(command.task_file) or command.env}", f"search={command.method}"]
    if command.task_file is not None:
        overrides.append(f"task_file={quoted(str(command.task_file))}")
    for override in overrides:
        _check_group(override)
    try:
        config = _compose([*groups, *overrides], root)
    except OverrideParseException as error:
        raise ConfigError(f"{error.override}: not of the form key=value ({str(error).splitlines()[0]})") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_explain(error, groups, overrides, root)) from error
    if backend.is_upstream():
        from ragen_tsr.upstream.search_keys import keep_methods_own  # a patched checkout has the keys of all methods

        keep_methods_own(config)
    derive(config)
    return config


def load_task(path: Path | str | None) -> str | None:
    """Load a task file, if there is one, and return its name.

    Raises:
        ConfigError: It does not hold a task.
    """
    if path is None:
        return None
    try:
        return task_file.load(Path(path))
    except task_file.TaskFileError as error:
        raise ConfigError(str(error)) from error


def derive(config: DictConfig) -> None:
    """Fill in what follows from other keys: groups per tag, verl's batch size.

    Raises:
        ConfigError: A size is no positive integer, or the groups cannot be shared out evenly among the tags.
    """
    for mode in ("train", "val"):
        manager = config.es_manager[mode]
        tags, groups = manager.env_configs.tags, manager.env_groups
        for key in ("env_groups", "group_size"):
            if type(manager[key]) is not int or manager[key] < 1:
                raise ConfigError(f"es_manager.{mode}.{key}={manager[key]!r}: must be an integer >= 1")
        if manager.env_configs.n_groups is None:
            if not tags or groups % len(tags):
                raise ConfigError(
                    f"es_manager.{mode}.env_groups={groups} cannot be shared out evenly among "
                    f"es_manager.{mode}.env_configs.tags={list(tags)}: "
                    f"set es_manager.{mode}.env_configs.n_groups"
                )
            manager.env_configs.n_groups = [groups // len(tags)] * len(tags)
    with open_dict(config):
        config.data.train_batch_size = config.es_manager.train.env_groups * config.es_manager.train.group_size


def verl_folder() -> Path:
    """The folder of verl's trainer configuration.

    The folder itself, not ``pkg://verl.trainer.config``: looking that up would import torch.

    Raises:
        ConfigError: verl is not installed.
    """
    spec = importlib.util.find_spec("verl")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("verl is not installed; bash train.sh installs it")
    return Path(spec.submodule_search_locations[0]) / "trainer" / "config"


def _compose(overrides: list[str], root: str) -> DictConfig:
    try:
        checkout = backend.home()
    except backend.BackendError as error:
        raise ConfigError(str(error)) from error
    folders = [verl_folder(), *([checkout / "config"] if checkout else [])]
    paths = ",".join(quoted(f"file://{folder}") for folder in folders)
    source = f"ragen={'upstream' if checkout else 'embedded'}"
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return hydra_compose(root, overrides=[f"hydra.searchpath=[{paths}]", source, *overrides])


def quoted(value: str) -> str:
    """The value as Hydra's overrides take it, whatever it contains."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _check_group(override: str) -> None:
    key, _, value = override.partition("=")
    if key in EVALUATION_GROUPS and value not in options(key):
        raise ConfigError(
            f"{override}: {key} must be one of {', '.join(options(key))}{_suggestion(value, options(key))}"
        )


def _explain(error: Exception, groups: list[str], overrides: list[str], root: str) -> str:
    """A composition error as one line: the override at fault and what is near it."""
    known_groups = EVALUATION_GROUPS if root == EVALUATION else GROUPS
    config = _compose([*groups, *(o for o in overrides if o.partition("=")[0] in known_groups)], root)
    parser = OverridesParser.create()
    for override in overrides:
        parsed = parser.parse_override(override)
        key = parsed.key_or_group
        if parsed.is_add() or parsed.is_delete() or key in known_groups:
            continue
        shown = f"{key}=..." if key.endswith("api_key") else override  # somebody's key is not repeated
        node: DictConfig | None = config
        known = ""
        for part in key.split("."):
            if not isinstance(node, DictConfig):
                return f"{shown}: {known} has no keys of its own"
            names = sorted(str(name) for name in node)
            if part not in names:  # `in node` does not see keys whose value is still to be given
                listed = f"{known or 'the configuration'} has {', '.join(names)}" if len(names) <= 30 else ""
                return "; ".join(filter(None, [f"{shown}: no such key{_suggestion(part, names)}", listed]))
            known = f"{known}.{part}".lstrip(".")
            node = node._get_node(part)  # type: ignore[assignment]
    return " ".join(str(error).split())


def _suggestion(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
