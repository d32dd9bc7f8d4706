"""Refuses a configuration that cannot work, before a model is built or a process started.

Collects what every part of the package refuses in its own keys (search, scorers, environments, prompts,
trainer) and adds what no part sees alone: seeds, lengths, and whether this machine has what the configuration
asks for. All faults are reported at once.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ragen_tsr import backend
from ragen_tsr.choices import strategy_and_scorer
from ragen_tsr.config import ConfigError
from ragen_tsr.embedded.llm_agent.context_settings import ContextSettings
from ragen_tsr.embedded.llm_agent.wording import load_wording
from ragen_tsr.embedded.trainer.config_check import validate as validate_training
from ragen_tsr.llm_agent.noise import NOISE_RULES, check_fresh_noise
from ragen_tsr.models import SMOLLM2, TINY, smollm2
from ragen_tsr.models.tiny import recipe_of

LOSS_AGGREGATIONS = ("token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm")
LOGGERS = (
    "console",
    "tensorboard",
    "wandb",
    "mlflow",
    "swanlab",
    "vemlp_wandb",
    "clearml",
    "trackio",
    "file",
)
ENGINES = ("hf_cpu", "vllm")
STRATEGIES = ("fsdp", "fsdp2")
LARGEST_SEED = 2**32 - 1


def check(config: DictConfig, training: bool = True) -> None:
    """Check everything but the machine.

    Args:
        config: The composed configuration.
        training: Also what only a run that trains reads.

    Raises:
        ConfigError: One line for each fault, naming the key, its value and what is allowed.
    """
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError("\n".join(f"{key}: must be given" for key in missing))
    rules = [_source, _environments, _choices, _numbers, _seeds, _lengths, _engine, _tags, _policy, _search, _prompts]
    if training:
        rules.append(_training)
    _raise_if_any(fault for rule in rules for fault in _faults(rule, config))


def check_evaluation(config: DictConfig) -> None:
    """Check the configuration of an evaluation, where nothing is trained; the machine is its engine's to check.

    Raises:
        ConfigError: One line for each fault, naming the key, its value and what is allowed.
    """
    _raise_if_any(
        fault
        for rule in (_environments, _evaluation, _numbers, _seeds, _lengths, _tags, _search_at_val, _prompts)
        for fault in _faults(rule, config)
    )


def check_search(config: DictConfig) -> None:
    """Check what the overlay reads, where everything else is somebody else's to check (a checkout's own ``train.py``).

    Raises:
        ConfigError: One line for each fault, naming the key, its value and what is allowed.
    """
    _raise_if_any(fault for rule in (_environments, _noise, _run_seed, _search) for fault in _faults(rule, config))


def check_machine(config: DictConfig) -> None:
    """Check that this machine has the devices and the packages that the configuration asks for.

    Raises:
        ConfigError: One line for each thing that is missing.
    """
    from ragen_tsr.platform import describe, has_accelerator

    _raise_if_any(_machine(config, describe().count if has_accelerator() else None))


def _raise_if_any(faults: Iterator[str]) -> None:
    if found := list(faults):
        raise ConfigError("\n".join(found))


def _faults(rule: Callable[[DictConfig], Iterator[str]], config: DictConfig) -> Iterator[str]:
    """The faults a rule finds; a part that raises reports its first one."""
    try:
        yield from rule(config)
    except (ValueError, TypeError, OmegaConfBaseException) as error:
        yield str(error)


def _source(config: DictConfig) -> Iterator[str]:
    """A run goes on with the RAGEN that it began with; a configuration from before there was this key is embedded's."""
    here = "upstream" if backend.is_upstream() else "embedded"
    begun = OmegaConf.select(config, "ragen", default="embedded")
    if begun != here:
        home = backend.HOME_VARIABLE
        wanted = f"name the checkout in {home}" if here == "embedded" else f"unset {home}"
        yield f"ragen={begun!r}: the run was begun with RAGEN {begun}, and here it is {here}; {wanted}"


def _noise(config: DictConfig) -> Iterator[str]:
    if config.env_noise not in NOISE_RULES:
        yield f"env_noise={config.env_noise!r}: must be one of {', '.join(NOISE_RULES)}"


def _environments(config: DictConfig) -> Iterator[str]:
    """Whose environments are played; those that are asked for are what the rules after this one find."""
    engine = OmegaConf.select(config, "env_engine", default="fast")  # run folders from before there was the key lack it
    if engine not in backend.ENV_ENGINES:
        yield f"env_engine={engine!r}: must be one of {', '.join(backend.ENV_ENGINES)}"
    elif engine == "upstream" and not backend.is_upstream():
        yield (f"env_engine={engine!r}: must be fast unless {backend.HOME_VARIABLE} names a checkout of upstream RAGEN")
    else:
        backend.install_environments(config)


def _run_seed(config: DictConfig) -> Iterator[str]:
    if type(config.run_seed) is not int or config.run_seed < 0:
        yield f"run_seed={config.run_seed!r}: must be an integer >= 0"


def _choices(config: DictConfig) -> Iterator[str]:
    yield from _noise(config)
    allowed: dict[str, tuple[str, ...]] = {
        "actor_rollout_ref.rollout.name": ENGINES,
        "actor_rollout_ref.actor.strategy": STRATEGIES,
        "actor_rollout_ref.actor.loss_agg_mode": LOSS_AGGREGATIONS,
        "critic.strategy": STRATEGIES,
    }
    for key, values in allowed.items():
        value = OmegaConf.select(config, key)
        if value not in values:
            yield f"{key}={value!r}: must be one of {', '.join(values)}"
    if config.critic.strategy != config.actor_rollout_ref.actor.strategy:
        yield f"critic.strategy={config.critic.strategy!r}: must be that of the actor"
    loggers = config.trainer.logger
    for logger in [loggers] if isinstance(loggers, str) else loggers:
        if logger not in LOGGERS:
            yield f"trainer.logger={logger!r}: must be among {', '.join(LOGGERS)}"


def _numbers(config: DictConfig) -> Iterator[str]:
    yield from _run_seed(config)
    at_least = {
        "agent_proxy.max_turn": 1,
        "agent_proxy.max_actions_per_turn": 1,
        "actor_rollout_ref.rollout.response_length": 1,
        "actor_rollout_ref.rollout.max_model_len": 1,
        "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": 1,
        "trainer.nnodes": 1,
    }
    for key, least in at_least.items():
        value = OmegaConf.select(config, key)
        if type(value) is not int or value < least:
            yield f"{key}={value!r}: must be an integer >= {least}"
    tokens = config.trainer.total_training_tokens
    if tokens is not None and (type(tokens) is not int or tokens < 1):
        yield f"trainer.total_training_tokens={tokens!r}: must be null or an integer >= 1"
    if tokens is not None and backend.is_upstream():
        yield f"trainer.total_training_tokens={tokens!r}: must be null with upstream RAGEN, which counts steps alone"
    positive = [
        "actor_rollout_ref.rollout.temperature",
        "actor_rollout_ref.actor.optim.lr",
        "critic.optim.lr",
    ]
    if config.actor_rollout_ref.rollout.val_kwargs.do_sample:
        positive.append("actor_rollout_ref.rollout.val_kwargs.temperature")
    for key in positive:
        value = OmegaConf.select(config, key)
        if type(value) not in (int, float) or not value > 0:
            yield f"{key}={value!r}: must be a number > 0"
    penalty = config.es_manager.format_penalty
    if type(penalty) not in (int, float) or penalty > 0:
        yield f"es_manager.format_penalty={penalty!r}: must be a number <= 0"


def _seeds(config: DictConfig) -> Iterator[str]:
    """Episodes are seeded by 32-bit numbers, one a group and step."""
    steps = {"train": config.trainer.total_training_steps, "val": 1}
    for mode, count in steps.items():
        first = config.seed[mode]
        groups = config.es_manager[mode].env_groups
        if type(first) is not int or first < 0 or first + count * groups - 1 > LARGEST_SEED:
            yield (
                f"seed.{mode}={first!r}: must be an integer >= 0 with room for {count * groups} seeds "
                f"up to {LARGEST_SEED}"
            )


def _lengths(config: DictConfig) -> Iterator[str]:
    rollout = config.actor_rollout_ref.rollout
    if rollout.max_model_len <= rollout.response_length:
        yield (
            f"actor_rollout_ref.rollout.max_model_len={rollout.max_model_len}: must exceed "
            f"actor_rollout_ref.rollout.response_length={rollout.response_length}, or no prompt fits"
        )
    if config.lora.rank and rollout.name == "hf_cpu":
        yield f"lora.rank={config.lora.rank}: must be 0 with actor_rollout_ref.rollout.name=hf_cpu"


def _engine(config: DictConfig) -> Iterator[str]:
    """What verl's vLLM worker refuses once it has started."""
    rollout = config.actor_rollout_ref.rollout
    if rollout.name != "vllm":
        return
    key = "actor_rollout_ref.rollout"
    if rollout.enable_chunked_prefill and rollout.max_num_batched_tokens < rollout.max_model_len:
        yield (
            f"{key}.max_num_batched_tokens={rollout.max_num_batched_tokens}: must be at least "
            f"{key}.max_model_len={rollout.max_model_len} with {key}.enable_chunked_prefill=true"
        )
    workers = config.trainer.n_gpus_per_node * config.trainer.nnodes
    together = rollout.tensor_model_parallel_size * rollout.data_parallel_size * rollout.pipeline_model_parallel_size
    if workers % together:
        yield (
            f"{key}.tensor_model_parallel_size * data_parallel_size * pipeline_model_parallel_size={together}: "
            f"must divide trainer.n_gpus_per_node * trainer.nnodes={workers}"
        )


def _tags(config: DictConfig) -> Iterator[str]:
    """Tags must exist, their environments be registered and accept their arguments."""
    for mode in ("train", "val"):
        manager = config.es_manager[mode]
        key = f"es_manager.{mode}.env_configs"
        for tag in manager.env_configs.tags:
            if tag not in config.custom_envs:
                yield f"{key}.tags: {tag!r} must be one of {', '.join(config.custom_envs)}"
        if len(manager.env_configs.n_groups) != len(manager.env_configs.tags):
            yield (
                f"{key}.n_groups={list(manager.env_configs.n_groups)}: must have one number for each of "
                f"{key}.tags={list(manager.env_configs.tags)}"
            )
        elif sum(manager.env_configs.n_groups) != manager.env_groups:
            yield (
                f"{key}.n_groups={list(manager.env_configs.n_groups)}: must add up to "
                f"es_manager.{mode}.env_groups={manager.env_groups}"
            )
    for tag in _used_tags(config):
        env = config.custom_envs[tag]
        if env.env_type not in backend.REGISTERED_ENV_CONFIGS:
            known = ", ".join(backend.REGISTERED_ENV_CONFIGS)
            yield f"custom_envs.{tag}.env_type={env.env_type!r}: must be one of {known}"
            continue
        arguments = OmegaConf.to_container(env.env_config, resolve=True) if env.env_config is not None else {}
        try:
            backend.REGISTERED_ENV_CONFIGS[env.env_type](**arguments)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            yield f"custom_envs.{tag}.env_config={arguments}: {error}"


def _used_tags(config: DictConfig) -> list[str]:
    used = [*config.es_manager.train.env_configs.tags, *config.es_manager.val.env_configs.tags]
    return [tag for tag in dict.fromkeys(used) if tag in config.custom_envs]


def _policy(config: DictConfig) -> Iterator[str]:
    known = all(tag in config.custom_envs for tag in config.es_manager.train.env_configs.tags)
    if config.model_path == TINY and known:
        recipe_of(config)  # raises where there is none
    yield from ()


def _search(config: DictConfig) -> Iterator[str]:
    settings: dict[str, Any] = OmegaConf.to_container(config.search, resolve=True)  # type: ignore[assignment]
    for tag in _used_tags(config):
        strategy, _ = strategy_and_scorer(config, tag)
        strategy.check(config.es_manager.train.group_size)
        if settings["at_val"]:
            strategy.check(config.es_manager.val.group_size)
        check_fresh_noise(settings, config.custom_envs[tag].env_type)
    yield from ()


def _search_at_val(config: DictConfig) -> Iterator[str]:
    settings: dict[str, Any] = OmegaConf.to_container(config.search, resolve=True)  # type: ignore[assignment]
    for tag in config.es_manager.val.env_configs.tags:
        strategy_and_scorer(config, tag)[0].check(config.es_manager.val.group_size)
        check_fresh_noise(settings, config.custom_envs[tag].env_type)
    yield from ()


def _evaluation(config: DictConfig) -> Iterator[str]:
    for key in ("prompts", "batch"):
        value = config.evaluation[key]
        if type(value) is not int or value < 1:
            yield f"evaluation.{key}={value!r}: must be an integer >= 1"
    for key, value in (("env_groups", config.evaluation.prompts), ("group_size", 1)):
        if config.es_manager.val[key] != value:
            yield f"es_manager.val.{key}={config.es_manager.val[key]!r}: must be {value}; see evaluation.prompts"
    yield from _noise(config)


def _prompts(config: DictConfig) -> Iterator[str]:
    load_wording(config.wording)
    for mode in ("train", "val"):
        ContextSettings.from_config(config, mode)
    yield from ()


def _training(config: DictConfig) -> Iterator[str]:
    validate_training(config)
    if config.algorithm.adv_estimator == "grpo" and config.es_manager.train.group_size < 2:
        yield "es_manager.train.group_size=1: must be at least 2 for algorithm.adv_estimator=grpo"


def _machine(config: DictConfig, accelerators: int | None) -> Iterator[str]:
    """What a machine with this many accelerators (None: a CPU) cannot do."""
    engine = config.actor_rollout_ref.rollout.name
    ranks = config.trainer.n_gpus_per_node
    if engine == "vllm":
        if accelerators is None:
            yield "actor_rollout_ref.rollout.name='vllm' needs a GPU, and none was found; use scale=cpu"
        elif importlib.util.find_spec("vllm") is None:
            yield "actor_rollout_ref.rollout.name='vllm' is not installed; see config/constraints/gpu.txt"
    if config.model_path == SMOLLM2 and (fault := smollm2.missing()):
        yield fault
    if engine == "hf_cpu" and accelerators is not None:
        yield "actor_rollout_ref.rollout.name='hf_cpu' is for machines without an accelerator; use scale=paper"
    if accelerators is not None and ranks > accelerators:
        yield f"trainer.n_gpus_per_node={ranks}: this machine has {accelerators}"
    visible = config.system.CUDA_VISIBLE_DEVICES
    if visible is not None and len(str(visible).split(",")) != ranks:
        yield f"system.CUDA_VISIBLE_DEVICES={visible!r}: must name trainer.n_gpus_per_node={ranks} devices"
