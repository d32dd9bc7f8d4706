"""``python -m ragen_tsr.train ENV METHOD [overrides]``: a training run, from command line to report.

Decides the order in which a run is set up and what a person sees of it. What the words mean is
:mod:`ragen_tsr.config`'s, whether they can work :mod:`ragen_tsr.config_checks`', the loop the trainer's.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from ragen_tsr import dry_run
from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.quiet import quiet_libraries
from ragen_tsr.run_folder import RunFolder

OK, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if dry_run.asked_for(arguments):
        from ragen_tsr.dry_run.command import main as say

        return say(arguments)
    console = Console(file=sys.stdout, highlight=False)
    try:
        folder, config = open_run(arguments)
        lock = folder.lock()
    except ConfigError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    with lock:
        return run(folder, config, console, arguments)


def open_run(arguments: Sequence[str]) -> tuple[RunFolder, DictConfig]:
    """The run folder and the checked configuration of a command line, of a new run or a resumed one.

    Raises:
        ConfigError: The command line cannot work; nothing was made.
    """
    resumed = [argument for argument in arguments if argument.startswith("resume=")]
    if resumed:
        rest = [argument for argument in arguments if "=" in argument and argument not in resumed]
        folder, config = RunFolder.reopen(Path(resumed[-1].partition("=")[2]), rest)
        _check(config)
        return folder, config
    command = parse(arguments)
    config = compose(command)
    _check(config)
    return RunFolder.create(config, command.env), config


def run(folder: RunFolder, config: DictConfig, console: Console, arguments: Sequence[str]) -> int:
    """Train in ``folder``; whatever happens, it is left a summary and a report. Returns the exit status."""
    about: dict[str, Any] = {
        "run": folder.path.name,
        "status": "running",
        "command": f"bash train.sh {shlex.join(arguments)}",
        "facts": {},
    }
    status, code, started = "failed", FAILED, time.time()
    try:
        about["facts"] = introduce(folder, config, console)
        folder.conclude(about)
        with quiet_libraries(folder.log, console):
            train(folder, config, console)
        status, code = "finished", OK
    except KeyboardInterrupt:
        status, code = "interrupted", INTERRUPTED
    except BaseException as error:
        about["error"] = "".join(traceback.format_exception_only(error)).strip()
        raise
    finally:
        about |= {"status": status, "wall_seconds": round(time.time() - started, 1)}
        summary, report = folder.conclude(about)
        console.print(f"[bold]{status}[/] after {about['wall_seconds']:.0f} s", soft_wrap=True)
        if len(validated := list(summary["validation_success"].values())) > 1:
            console.print(f"validation success {validated[0]:.3f} before, {validated[-1]:.3f} after", markup=False)
        if status != "finished":
            console.print(f"log      {folder.log}", markup=False, soft_wrap=True)
            console.print(
                f"go on    bash train.sh resume={shlex.quote(str(folder.path))}", markup=False, soft_wrap=True
            )
        if report is not None:
            console.print(f"report   {report}", markup=False, soft_wrap=True)
    return code


def introduce(folder: RunFolder, config: DictConfig, console: Console) -> dict[str, str]:
    """Say what is about to run, and make the model ready; ``config.model_path`` then can be loaded."""
    from ragen_tsr.models import resolve_model

    named = config.model_path
    config.model_path = str(resolve_model(named, config))
    facts = _facts(config, named)
    for key, value in {**facts, "results": str(folder.path)}.items():
        console.print(f"{key:8} {value}", markup=False, soft_wrap=True)
    return facts


def train(folder: RunFolder, config: DictConfig, console: Console) -> None:
    """Run the trainer from where the folder stands to its last step."""
    from ragen_tsr.progress import ProgressDisplay

    os.environ["TENSORBOARD_DIR"] = str(folder.path / "tensorboard")
    with (
        ProgressDisplay(console, config.trainer.total_training_steps) as display,
        started_trainer(config, display) as trainer,
    ):
        display.on_phase("testing")  # unless the run is resumed, whose first phase follows at once
        trainer.fit()


@contextlib.contextmanager
def started_trainer(config: DictConfig, display: Any = None) -> Iterator[Any]:
    """A trainer with Ray and its workers running, ready for ``fit``; they end with the block.

    ``config.model_path`` must be a folder or a Hugging Face id; ``display`` is a trainer's ``Progress``.
    """
    import ray

    from ragen_tsr import platform

    if config.system.CUDA_VISIBLE_DEVICES is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(config.system.CUDA_VISIBLE_DEVICES)
    platform.prepare()
    os.environ.update(platform.driver_environment(config))
    ray.init(**{**platform.ray_init_kwargs(config), "log_to_driver": True})  # into run.log, as all that is printed
    try:
        trainer = build_trainer(config)
        if display is not None:
            trainer.progress = display
            display.on_phase("starting workers")
        trainer.init_workers()
        trainer.init_agent_proxy()
        yield trainer
    finally:
        ray.shutdown()


def build_trainer(config: DictConfig) -> Any:
    """RAGEN's trainer with the searching proxy, on verl's worker groups; Ray must be running.

    ``config.model_path`` must be a folder or a Hugging Face id.
    """
    import ray
    from verl.single_controller.ray import RayWorkerGroup
    from verl.trainer.ppo.ray_trainer import ResourcePoolManager
    from verl.trainer.ppo.utils import Role, need_critic
    from verl.utils import hf_tokenizer
    from verl.utils.fs import copy_to_local

    from ragen_tsr import backend
    from ragen_tsr.trainer.agent_trainer import TSRAgentTrainer
    from ragen_tsr.trainer.reward import RolloutReward

    OmegaConf.resolve(config)  # workers are sent sections of it, out of reach of what they refer to
    workers = {Role.ActorRollout: ray.remote(backend.RunActorRolloutRefWorker)}
    if need_critic(config):
        workers[Role.Critic] = ray.remote(backend.RunCriticWorker)
    pool = "global_pool"
    devices = [config.trainer.n_gpus_per_node] * config.trainer.nnodes
    return TSRAgentTrainer(
        config=config,
        tokenizer=hf_tokenizer(copy_to_local(config.actor_rollout_ref.model.path)),
        role_worker_mapping=workers,
        resource_pool_manager=ResourcePoolManager({pool: devices}, dict.fromkeys(workers, pool)),
        ray_worker_group_cls=RayWorkerGroup,
        reward_fn=RolloutReward(),
        val_reward_fn=RolloutReward(),
    )


def _check(config: DictConfig) -> None:
    # Imports torch and verl, without which a typo is found.
    from ragen_tsr.config_checks import check, check_machine

    check(config)
    check_machine(config)


def _facts(config: DictConfig, named: str) -> dict[str, str]:
    """What a person should know of a run before it starts."""
    from ragen_tsr import backend, platform
    from ragen_tsr.choices import strategy_and_scorer

    manager, proxy = config.es_manager.train, config.agent_proxy
    settings: dict[str, Any] = OmegaConf.to_container(config.search, resolve=True)  # type: ignore[assignment]
    tags = list(manager.env_configs.tags)
    strategy, _ = strategy_and_scorer(config, tags[0])
    parameters = " ".join(
        f"{key}={value}"
        for key, value in settings.items()
        if key not in ("name", "record_groups", "invalid", "rerolls") and value not in (None, False)
    )
    calls = strategy.calls(proxy.max_turn)
    responses = strategy.responses(manager.group_size, proxy.max_turn) * manager.env_groups
    filtered = config.actor_rollout_ref.rollout
    return {
        "RAGEN": backend.describe(),
        "device": f"{platform.describe()}, {config.trainer.n_gpus_per_node} worker process(es)",
        "model": named if named == config.model_path else f"{named} ({config.model_path})",
        "task": f"{', '.join(tags)}; {manager.env_groups} groups x {manager.group_size} slots, "
        f"up to {proxy.max_turn} turns of {proxy.max_actions_per_turn} actions",
        "search": f"{settings['name']} {parameters}, env_noise {config.env_noise}".replace(" ,", ",")
        + f"; a step costs at most {calls} generation calls and {responses} responses",
        "update": f"{config.algorithm.adv_estimator}, filter {filtered.rollout_filter_strategy} "
        f"{filtered.rollout_filter_value} of the groups, mini-batches of {config.ppo_mini_batch_size}",
        "length": f"{config.trainer.total_training_steps} steps, "
        + (f"at least {tokens:,} generated tokens, " if (tokens := config.trainer.total_training_tokens) else "")
        + f"{config.es_manager.val.env_groups * config.es_manager.val.group_size} validation episodes",
    }


if __name__ == "__main__":
    sys.exit(main())
