"""Compares a run's configuration with every schema there is: verl's, upstream RAGEN's, this project's.

Decides what a known key is, and which sections are built as verl's workers build them: keys and kinds against verl's
composed YAML and, with a checkout, upstream's ``base.yaml``; sections that name a dataclass of verl against its fields
and its own checks. Whether values go together is also :mod:`ragen_tsr.config_checks`' business, which runs before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import typing
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from ragen_tsr import backend
from ragen_tsr.config import GROUPS, Command, quoted, verl_folder
from ragen_tsr.config import compose as compose_run

TARGET = "_target_"
OWN = (
    "search",
    "wording",
    "ragen",
    "run_seed",
    "env_noise",
    "env_engine",
    "tiny_strength",
    "task_file",
    "trainer.total_training_tokens",
)
"""This project's keys and sections, which neither verl nor upstream has."""
TASKS = ("custom_envs", "webshop")
"""Sections whose keys are tasks: their environments check what is in them. So are their ``*_instruction`` texts."""
UNLISTED = (
    "actor_rollout_ref.actor.use_rollout_log_probs",
    "critic.model.fsdp_config.mixed_precision",
    "ray_kwargs.ray_init.runtime_env",
)
"""What verl's workers and Ray read although no file of verl's lists it."""
LOADS_A_MODEL = ("HFModelConfig",)
"""Dataclasses of verl that read a model's files when they are made: their fields are compared, none is made."""
MISSING = "???"


@dataclass(frozen=True)
class Schema:
    """A composed configuration, as a tree of keys."""

    name: str
    tree: Mapping[str, Any]
    """Unresolved; a mapping for each section."""

    def knows(self, key: str) -> bool:
        """Whether the key is there, or lies below one that is empty, null or a reference, which may hold anything."""
        node: Any = self.tree
        for part in key.split("."):
            if not isinstance(node, Mapping):
                return _kind(node) is None
            if not node:
                return True
            if part not in node:
                return False
            node = node[part]
        return True

    def value(self, key: str) -> Any:
        """The default of a known key; None where it has none."""
        node: Any = self.tree
        for part in key.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return None
            node = node[part]
        return node


def verl_schema() -> Schema:
    """``ppo_trainer`` of the installed verl, composed."""
    return Schema("verl", _composed(verl_folder(), "ppo_trainer"))


def upstream_schema() -> Schema | None:
    """``base`` of the checkout that ``RAGEN_HOME`` names, composed over verl's; None without one.

    Raises:
        BackendError: ``RAGEN_HOME`` names something else.
    """
    checkout = backend.home()
    return None if checkout is None else Schema("RAGEN", _composed(checkout / "config", "base"))


def recorded_schema(command: Command) -> Schema:
    """``config/`` as it is composed for a command before single keys are changed: what stands for RAGEN's names and
    defaults without a checkout.
    """
    chosen = [override for override in command.overrides if override.partition("=")[0] in GROUPS]
    config = compose_run(dataclasses.replace(command, overrides=tuple(chosen)))
    return Schema("config/tsr.yaml", OmegaConf.to_container(config, resolve=False))  # type: ignore[arg-type]


def _composed(folder: Path, root: str) -> dict[str, Any]:
    with initialize_config_dir(str(folder), version_base="1.3"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # upstream's list of defaults does not name itself
        config = compose(root, overrides=[f"hydra.searchpath=[{quoted(f'file://{verl_folder()}')}]"])
    return OmegaConf.to_container(config, resolve=False)  # type: ignore[return-value]


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value; lists and empty sections are values."""
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{key}.")
        else:
            yield key, value


def counts(config: DictConfig, verl: Schema, ragen: Schema) -> dict[str, int]:
    """How many of the keys of a configuration without faults are verl's, RAGEN's, this project's, and in a task's own
    section.
    """
    return dict(Counter(str(_owner(key, verl, ragen)) for key, _ in leaves(_plain(config))))


def section_count(config: DictConfig) -> int:
    """Sections that name a dataclass of verl."""
    return sum(is_dataclass(get_class(section[TARGET])) for _, section in _targets(_plain(config)))


def faults(config: DictConfig, verl: Schema, ragen: Schema) -> list[str]:
    """What verl or RAGEN would refuse, or not know; one line each, naming the key.

    Args:
        config: The composed configuration.
        verl: :func:`verl_schema`.
        ragen: :func:`upstream_schema`, or :func:`recorded_schema` without a checkout.
    """
    run = _plain(config)
    found = [
        *_unknown(run, verl, ragen),
        *_kinds(run, verl, ragen),
        *_lacking(run, ragen),
        *_sections(run),
    ]
    return found or list(_verl_checks(config))


def _plain(config: DictConfig) -> dict[str, Any]:
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def _within(key: str, sections: tuple[str, ...]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _owner(key: str, verl: Schema, ragen: Schema) -> str | None:
    """Whose the key is; None where nobody knows it."""
    if _within(key, OWN):
        return "ragen_tsr"
    if _within(key, TASKS) or key.endswith("_instruction"):
        return "tasks"
    if verl.knows(key) or _within(key, UNLISTED):
        return "verl"
    return "RAGEN" if ragen.knows(key) else None


def _unknown(run: Mapping[str, Any], verl: Schema, ragen: Schema) -> Iterator[str]:
    names = sorted({key for key, _ in leaves(ragen.tree)})
    for key, _ in leaves(run):
        if _owner(key, verl, ragen) is None:
            near = difflib.get_close_matches(key, names, n=1)
            yield f"{key}: neither verl nor {ragen.name} has this key" + (f"; did you mean {near[0]}?" if near else "")


def _kinds(run: Mapping[str, Any], verl: Schema, ragen: Schema) -> Iterator[str]:
    for key, value in leaves(run):
        if _within(key, (*OWN, *TASKS)):
            continue
        for schema in (ragen, verl):
            wanted = _kind(schema.value(key))
            if wanted is not None and _kind(value) not in (None, wanted):
                yield f"{key}={value!r}: must be a {wanted}, as {schema.name}'s default {schema.value(key)!r} is"
                break


def _kind(value: Any) -> str | None:
    """The kind of a value; None where it says nothing of others: null, a reference, an empty section."""
    if value is None or value == MISSING or (isinstance(value, str) and "${" in value) or value == {}:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "section"


def _lacking(run: Mapping[str, Any], ragen: Schema) -> Iterator[str]:
    """Upstream reads its keys as attributes, so that one which is not there ends the run when it is reached."""
    mine = Schema("run", run)
    for key, _ in leaves(ragen.tree):
        if not _within(key, (*OWN, *TASKS)) and not mine.knows(key):
            yield f"{key}: {ragen.name} has this key, and the configuration has not"


def _sections(run: Mapping[str, Any]) -> Iterator[str]:
    """Sections that name a dataclass: fields and their annotations, nested ones included."""
    for path, section in _targets(run):
        target = get_class(section[TARGET])
        if not is_dataclass(target):
            continue
        hints = typing.get_type_hints(target)
        for field in fields(target):
            value = section.get(field.name)
            if value is not None and not _agrees(value, hints[field.name]):
                yield f"{path}.{field.name}={value!r}: {target.__name__} of verl wants {hints[field.name]}"


def _targets(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            if TARGET in value:
                yield f"{prefix}{name}", value
            yield from _targets(value, f"{prefix}{name}.")


def _agrees(value: Any, annotation: Any) -> bool:
    """Whether a value is what a plain annotation says; others are not compared."""
    allowed = [part for part in (typing.get_args(annotation) or (annotation,)) if part is not type(None)]
    if typing.get_origin(annotation) not in (None, typing.Union) or any(part not in _PLAIN for part in allowed):
        return True
    return any(isinstance(value, _PLAIN[part]) and (part is bool or not isinstance(value, bool)) for part in allowed)


_PLAIN: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}


def for_dataclasses(config: DictConfig) -> DictConfig:
    """A copy in which sections that name a dataclass have its fields alone.

    Upstream attaches the others to the object (its patch of verl's ``omega_conf_to_dataclass``), the embedded workers
    leave them to the driver.
    """
    return OmegaConf.create(_fields_only(_plain(config)))


def _fields_only(tree: Any) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    names = None
    if TARGET in tree and is_dataclass(target := get_class(tree[TARGET])):
        names = {field.name for field in fields(target)} | {TARGET}
    return {name: _fields_only(value) for name, value in tree.items() if names is None or name in names}


def _verl_checks(config: DictConfig) -> Iterator[str]:
    """Builds the sections that verl's workers build, and asks verl's own ``validate_config``."""
    from verl.trainer.ppo.utils import need_critic
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    use_ref = config.actor_rollout_ref.actor.use_ref
    config = for_dataclasses(config)
    refused = False
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it prints that all is well
        warnings.simplefilter("ignore")
        for path, section in _targets(OmegaConf.to_container(config)):  # type: ignore[arg-type]
            if get_class(section[TARGET]).__name__ in LOADS_A_MODEL:
                continue
            try:
                omega_conf_to_dataclass(OmegaConf.select(config, path))
            except InstantiationException as error:
                refused = True
                yield f"{path}: {_line(error.__cause__ or error)}"
        if refused:
            return
        try:
            validate_config(config, use_reference_policy=use_ref, use_critic=need_critic(config))
        except (ValueError, AssertionError) as error:
            yield f"verl: {_line(error)}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
