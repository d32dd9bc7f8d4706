"""Decides where RAGEN's classes come from: the one place that does.

With ``RAGEN_HOME`` pointing at a checkout of the pinned upstream commit, every name below is upstream's;
without it, every name comes from :mod:`ragen_tsr.embedded`, which has the same sub-packages, names and
signatures. Nothing else in the package imports either side directly, and nothing here knows what the classes
do.

Names are resolved on first access (``backend.EnvStateManager``), so importing this module costs nothing. The
driver exports its choice in ``RAGEN_TSR_BACKEND``; a process that would resolve differently fails on its
first access.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

RAGEN_COMMIT = "20daedc47558e000f7de912b060646bf2e8026bd"
"""The upstream commit that the overlay is written against (mll-lab-nu/RAGEN, "V2")."""

HOME_VARIABLE = "RAGEN_HOME"
CHOICE_VARIABLE = "RAGEN_TSR_BACKEND"

ENV_ENGINES = ("fast", "upstream")
"""Allowed values of the key ``env_engine``: this project's environments in upstream's registry, or upstream's own."""

_NAMES = {
    "REGISTERED_ENVS": "env",
    "REGISTERED_ENV_CONFIGS": "env",
    "EnvStateManager": "llm_agent.es_manager",
    "EnvStatus": "llm_agent.es_manager",
    "ContextManager": "llm_agent.ctx_manager",
    "LLMAgentProxy": "llm_agent.agent_proxy",
    "RayAgentTrainer": "trainer.agent_trainer",
    "build_rollout_filter": "trainer.rollout_filter",
    "ActorRolloutRefWorker": "workers.fsdp_workers",
    "CriticWorker": "workers.fsdp_workers",
}

_RUN_NAMES = {
    "RunTrainer": ("trainer.agent_trainer", "trainer", "RayAgentTrainer"),
    "RunActorRolloutRefWorker": ("workers.fsdp_workers", "workers", "ActorRolloutRefWorker"),
    "RunCriticWorker": ("workers.fsdp_workers", "workers", "CriticWorker"),
}
"""What a run takes: the embedded classes, or upstream's with what a run folder and this machine need added. For each
its module in :mod:`ragen_tsr.embedded`, its module in :mod:`ragen_tsr.upstream`, and its name there."""


class BackendError(RuntimeError):
    """``RAGEN_HOME`` is not a checkout of the pin, or two processes of one run resolve RAGEN differently."""


def choice() -> str:
    """``"embedded"``, or ``"upstream:<absolute path of the checkout>"``; checked against the driver's.

    Raises:
        BackendError: ``RAGEN_HOME`` is set to something other than a checkout of :data:`RAGEN_COMMIT`, or
            the driver
            (``RAGEN_TSR_BACKEND``) chose otherwise.
    """
    home = os.environ.get(HOME_VARIABLE)
    mine = f"upstream:{_checked_home(home)}" if home else "embedded"
    drivers = os.environ.get(CHOICE_VARIABLE, mine)
    if drivers != mine:
        raise BackendError(
            f"this process resolves RAGEN as {mine!r} but the driver resolved {drivers!r}: "
            f"{HOME_VARIABLE} must be the same in every process of a run"
        )
    return mine


def environment() -> dict[str, str]:
    """The variables that every worker process of a run needs in order to resolve RAGEN as this process
    does.
    """
    variables = {CHOICE_VARIABLE: choice()}
    if home := os.environ.get(HOME_VARIABLE):
        variables[HOME_VARIABLE] = str(Path(home).resolve())
    return variables


@cache
def _checked_home(home: str) -> Path:
    path = Path(home).expanduser().resolve()
    if not (path / "ragen" / "llm_agent" / "es_manager.py").is_file():
        raise BackendError(
            f"{HOME_VARIABLE}={home!r} is not a RAGEN checkout (no ragen/llm_agent/es_manager.py in it); "
            f"unset it to use the embedded runtime"
        )
    result = subprocess.run(["git", "-C", str(path), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    commit = result.stdout.strip()
    if commit != RAGEN_COMMIT:
        found = commit or result.stderr.strip() or "no commit"
        raise BackendError(
            f"{HOME_VARIABLE}={home!r} is at {found}; the overlay is written against {RAGEN_COMMIT}: "
            f"check that commit out, or unset {HOME_VARIABLE} to use the embedded runtime"
        )
    return path


def is_upstream() -> bool:
    """Whether RAGEN comes from a checkout of upstream."""
    return home() is not None


def home() -> Path | None:
    """The checkout that RAGEN comes from; None where it is embedded."""
    chosen = choice()
    return None if chosen == "embedded" else Path(chosen.removeprefix("upstream:"))


def describe() -> str:
    """Where RAGEN comes from, for a person to read."""
    checkout = home()
    if checkout is None:
        return "embedded (set RAGEN_HOME to a checkout to use upstream's)"
    return f"upstream {RAGEN_COMMIT[:8]}: managers, proxy, trainer, workers and filter of {checkout}"


def install_environments(config: Any) -> None:
    """Put the environments that ``env_engine`` asks for into the registries; before any of them is made.

    Nothing to do where RAGEN is embedded.

    Raises:
        ValueError: They cannot be had; names the key, its value and what is allowed.
    """
    if is_upstream():
        from ragen_tsr.upstream.envs import install_for

        install_for(config)


def put_upstream_on_path() -> None:
    """Make the checkout's ``ragen`` importable.

    Raises:
        BackendError: RAGEN is embedded here, or another ``ragen`` has been imported.
    """
    checkout = home()
    if checkout is None:
        raise BackendError(f"{HOME_VARIABLE} is not set: it must name a checkout of RAGEN at {RAGEN_COMMIT}")
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    spec = importlib.util.find_spec("ragen")
    if spec is None or spec.origin is None or not Path(spec.origin).resolve().is_relative_to(checkout):
        found = spec and spec.origin
        raise BackendError(f"import ragen finds {found}, not the checkout {checkout}: uninstall that package")


def _package() -> str:
    if not is_upstream():
        return "ragen_tsr.embedded"
    from ragen_tsr.upstream import prepare

    prepare()
    return "ragen"


def __getattr__(name: str) -> Any:
    if name in _RUN_NAMES:
        embedded, upstream, class_name = _RUN_NAMES[name]
        module = f"ragen_tsr.upstream.{upstream}" if is_upstream() else f"ragen_tsr.embedded.{embedded}"
        return getattr(importlib.import_module(module), class_name)
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{_package()}.{_NAMES[name]}"), name)
