"""``--cfg job`` and ``--dry-run``: what a run would be, said instead of done.

``bash train.sh ENV METHOD [overrides] --cfg job`` writes the composed configuration to standard output, as Hydra's
programs do, and the check to standard error; ``--dry-run`` makes the check alone. Decides what is said, in which order;
what is checked and counted is the other modules'.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from ragen_tsr import backend
from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.dry_run import load, memory, schema, work
from ragen_tsr.dry_run.devices import DEVICES, GIB
from ragen_tsr.dry_run.load import Load
from ragen_tsr.dry_run.memory import Need, Role
from ragen_tsr.dry_run.shapes import ModelShape, shape_of

OK, REFUSED = 0, 2
WIDTH = 120
"""Columns of the tables, on whatever terminal."""
ENGINE = "vllm"
"""The rollout engine whose memory is estimated."""


def main(arguments: Sequence[str]) -> int:
    """Say what the run of a command line would be; returns the exit status."""
    options, rest = _parser().parse_known_args(list(arguments))
    console = Console(stderr=True, highlight=False, soft_wrap=True, width=WIDTH)
    try:
        command = parse(rest)
        config = compose(command)
        if options.cfg:
            sys.stdout.write(OmegaConf.to_yaml(config, resolve=options.resolve))
        _check(config)
        verl, ragen = schema.verl_schema(), schema.upstream_schema() or schema.recorded_schema(command)
        if found := schema.faults(config, verl, ragen):
            raise ConfigError("\n".join(found))
    except (ConfigError, backend.BackendError) as error:
        console.print(str(error), style="red", markup=False)
        return REFUSED
    for line in _what_was_checked(config, verl, ragen):
        console.print(line, markup=False)
    say_load(config, load.of(config), console)
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bash train.sh ENV METHOD [overrides]", add_help=False, allow_abbrev=False)
    parser.add_argument("-c", "--cfg", choices=["job"], help="print the configuration")
    parser.add_argument("--resolve", action="store_true", help="with --cfg: references replaced by their values")
    parser.add_argument("--dry-run", action="store_true", help="check, and print what a step would need")
    return parser


def _check(config: DictConfig) -> None:
    from ragen_tsr.config_checks import check

    check(config)


def _what_was_checked(config: DictConfig, verl: schema.Schema, ragen: schema.Schema) -> Iterator[str]:
    found = schema.counts(config, verl, ragen)
    yield f"RAGEN       {backend.describe()}"
    yield (
        f"keys        {found['verl']} of verl, {found['RAGEN']} of RAGEN, {found['ragen_tsr']} of this project, "
        f"{found['tasks']} of tasks"
    )
    source = "upstream's base.yaml" if backend.is_upstream() else f"{ragen.name} (upstream's base.yaml with RAGEN_HOME)"
    yield f"checked     keys and kinds against verl's YAML and {source}; {schema.section_count(config)} sections"
    yield "            against verl's dataclasses; verl's validate_config; this project's own checks"
    yield "not checked the machine: GPUs, vLLM, flash attention"


def say_load(config: DictConfig, step: Load, console: Console) -> None:
    """Print what a step generates and trains on, and, for a known model on GPUs, what it takes."""
    console.print(_load_table(config, step))
    shape = shape_of(config.model_path)
    if shape is None:
        console.print(f"memory      not estimated: the sizes of model_path={config.model_path!r} are not known here")
        return
    if config.actor_rollout_ref.rollout.name != ENGINE:
        console.print(f"memory      not estimated: actor_rollout_ref.rollout.name is not {ENGINE}")
        return
    need = memory.of(config, shape, step)
    console.print(_memory_table(config, shape, step, need))
    console.print(_device_table(shape, step, need))
    console.print("formulas    docs/gpus.md and ragen_tsr/dry_run/memory.py; read from the code, not measured on a GPU")


def _load_table(config: DictConfig, step: Load) -> Table:
    table = Table(title="a step, at most", title_justify="left", box=None, show_header=False, pad_edge=False)
    row = "turns" if step.turn_rows else "conversations"
    rollout = config.actor_rollout_ref.rollout
    widest = f"{step.widest_call:,} rows in the largest, {step.rows_per_device:,} on each of {step.devices} worker(s)"
    for cells in (
        ("generation calls", f"{step.calls:,}", widest),
        (
            "prompts",
            f"{step.responses:,}",
            f"{step.groups} groups x {step.slots} slots x {step.responses / (step.groups * step.slots):g} "
            f"({config.search.name}, {step.turns} turns)",
        ),
        ("generated tokens", f"{step.generated_tokens:,}", f"prompts x response_length {step.response_tokens}"),
        (
            "prompt tokens",
            f"{step.prompt_tokens:,}",
            f"prompts x (max_model_len {step.conversation_tokens} - response_length)",
        ),
        (
            "trained tokens",
            f"{step.trained_tokens:,}",
            f"{step.trained_rows} {row} after the filter ({rollout.rollout_filter_strategy} "
            f"{rollout.rollout_filter_value}) x max_model_len; {step.updates} update(s)",
        ),
        (
            "validation",
            f"{step.validation_rows:,}",
            f"prompts, every {config.trainer.test_freq} of {config.trainer.total_training_steps} steps",
        ),
    ):
        table.add_row(*cells)
    table.columns[1].justify = "right"
    return table


def _memory_table(config: DictConfig, shape: ModelShape, step: Load, need: Need) -> Table:
    title = (
        f"GiB on one GPU of {step.devices}; {config.model_path}: {shape.parameters / 1e6:,.1f} M parameters, "
        f"{shape.cache_bytes():,} bytes of cache a token"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("actor", justify="right")
    table.add_column("critic", justify="right")
    lines: list[tuple[str, str]] = [
        ("weights (sharded)", "weights"),
        ("Adam's moments (sharded)", "optimiser"),
        ("gradients (sharded)", "gradients"),
        ("gathered layers, activations, logits", "working"),
        ("at rest", "resident"),
        ("in its update", "updating"),
    ]
    for name, field in lines:
        table.add_row(name, _gib(need.actor, field), _gib(need.critic, field))
    table.add_row(
        "engine: weights, and its largest pass", f"{(need.engine_weights + need.engine_working) / GIB:.1f}", ""
    )
    return table


def _gib(role: Role | None, field: str) -> str:
    values = {} if role is None else {**vars(role), "resident": role.resident, "updating": role.updating}
    return f"{values[field] / GIB:.1f}" if values else "-"


def _device_table(shape: ModelShape, step: Load, need: Need) -> Table:
    table = Table(title="on a device, GiB", title_justify="left", box=None, pad_edge=False)
    for name in (
        "",
        "generating",
        "updating",
        "fits",
        "tokens in the cache",
        "of the largest call",
        "s a step at peak",
    ):
        table.add_column(name, justify="left" if not name else "right")
    wanted = step.rows_per_device * step.conversation_tokens
    for device in DEVICES:
        held = need.cache_tokens(device)
        table.add_row(
            device.name,
            f"{need.generating(device) / GIB:.1f}",
            f"{need.updating(device) / GIB:.1f}",
            "yes" if need.fits(device) else "no",
            f"{held:,}",
            f"{min(1.0, held / wanted):.0%}",
            f"{work.seconds(shape, step, device, need.critic is not None):.1f}",
        )
    return table
