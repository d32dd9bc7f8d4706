"""The policies without a download: what they are called, how they are built, and the command that builds them.

    python -m ragen_tsr.models.tiny [ENV] [--strength S] [--force] [--check]

There is one for each environment type that has a task in `tasks`. Decides the name (a hash of everything that
determines the weights), where the folder is and what it holds. Leaves the steps themselves to `sft` and
`measure`, and the constants to the task's recipe.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from ragen_tsr import cache
from ragen_tsr.config import Command, compose
from ragen_tsr.models import copying, demonstrations, optimizer, sft, tokenizer
from ragen_tsr.models.demonstrations import demonstration_config
from ragen_tsr.models.measure import Score, measure
from ragen_tsr.models.recipe import CODE_VERSION, Recipe
from ragen_tsr.models.tasks import REGISTERED_TASKS, base, task_of

logger = logging.getLogger(__name__)

FAMILY = "qwen-tsr-tiny"
"""Beginning of the folder's name; upstream RAGEN looks for a family name ("qwen") in a model's path."""
THREADS = 1
"""Threads of building and measuring: matrices this small gain little from more, and bytes do not depend on cores."""
_BUILD_CODE = tuple(module.__name__ for module in (base, copying, demonstrations, optimizer, sft, tokenizer))
_MEASURED = {"training": 1.0, "validation": 0.5}
"""Temperatures at which the policy is measured: those of training and of validation rollouts."""
MEASURED_EPISODES = 256
_MEASURE_FIRST_SEED = 1_000_000_000


def default_config(env: str = "sokoban") -> DictConfig:
    """The project's own configuration of a run in `env` (a file of ``config/env``) on a CPU."""
    return compose(Command(env, "none", ("scale=cpu", "model=tiny")))


def ensure_tiny(config: DictConfig | None = None, recipe: Recipe | None = None, force: bool = False) -> Path:
    """The folder of the tiny policy, built on first use (some minutes on two cores).

    Args:
        config: whose environments and prompts it is to understand; the project's defaults for Sokoban if None.
            Another wording is another model.
        recipe: another recipe is another model, too; if None, the task's at ``config.tiny_strength``.
        force: build it anew even if it is there.

    Raises:
        ValueError: there is no task for the environments of `config`, or its recipe has no such strength.
    """
    config = config if config is not None else default_config()
    recipe = recipe or recipe_of(config)
    target = cache.cache_folder() / model_name(config, recipe)
    return cache.build_once(target, lambda folder: _build(folder, config, recipe), force)


def recipe_of(config: DictConfig) -> Recipe:
    """The recipe of `config`'s task at ``tiny_strength``; 1 is the task's own.

    The strength multiplies the solver's share of the turns in the conversations that the policy learns from. The
    other turns are random ones in the same format: a weak policy answers as cleanly as a strong one.

    Raises:
        ValueError: there is no task, or the share would not lie in 0 to 1.
    """
    recipe, strength = task_of(config).recipe, config.tiny_strength
    most = 1.0 / recipe.chats.solver_share
    if type(strength) not in (int, float) or not 0 <= strength <= most:
        raise ValueError(
            f"tiny_strength={strength!r}: must be a number from 0 (random turns) to {most:.4g} (a solver's turns), "
            f"since it multiplies a solver's share of {recipe.chats.solver_share:g} in the turns that are shown"
        )
    share = min(1.0, recipe.chats.solver_share * strength)
    return replace(recipe, chats=replace(recipe.chats, solver_share=share))


def model_name(config: DictConfig, recipe: Recipe) -> str:
    """``qwen-tsr-tiny-<env>-<hash>`` of the recipe, the code that applies it, and how prompts and episodes look."""
    task = task_of(config)
    probes = sft.conversations(config, task, recipe, episodes=8)
    code = [_meaning(Path(sys.modules[name].__file__ or "")) for name in (*_BUILD_CODE, *task.code)]
    everything = json.dumps([CODE_VERSION, asdict(recipe), task.cuts, code, probes], sort_keys=True)
    return f"{FAMILY}-{task.env_type}-{hashlib.sha256(everything.encode()).hexdigest()[:12]}"


def parameters(folder: Path) -> int:
    """Number of weights of the model in `folder`; tied ones count once."""
    return sum(weight.numel() for weight in AutoModelForCausalLM.from_pretrained(folder).parameters())


def check(folder: Path, config: DictConfig, recipe: Recipe, episodes: int = MEASURED_EPISODES) -> dict[str, Score]:
    """Measure the policy in `folder`, in `episodes` episodes, at the temperatures of training and of validation."""
    plays = demonstration_config(config, recipe.play, episodes)
    plays.seed.val = _MEASURE_FIRST_SEED
    text = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with _reproducible(recipe.seed):
        return {
            name: measure(
                model,
                text,
                plays,
                task_of(config),
                temperature=temperature,
                max_new_tokens=int(config.actor_rollout_ref.rollout.response_length),
                seed=recipe.seed,
            )
            for name, temperature in _MEASURED.items()
        }


def _meaning(source: Path) -> str:
    """A module's code without comments and docstrings: what changes it changes what the module does."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _build(folder: Path, config: DictConfig, recipe: Recipe) -> None:
    """Fill `folder` with model, tokenizer and `build.json`."""
    started, used = time.perf_counter(), time.process_time()
    task = task_of(config)
    # A warning, so that whoever waits sees why, whatever shows the log.
    logger.warning("building the tiny policy of %s, once; this takes a few minutes", task.env_type)
    with _reproducible(recipe.seed), _Display() as display:
        model, text = sft.warm_start(config, task, recipe, display)
    ends = {"eos_token_id": text.eos_token_id, "pad_token_id": text.pad_token_id}
    model.generation_config = GenerationConfig(do_sample=True, **ends)
    model.save_pretrained(folder)
    text.save_pretrained(folder)
    record = {
        "recipe": asdict(recipe),
        "parameters": parameters(folder),
        "vocabulary": len(text),
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
    }
    (folder / "build.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Fixed threads, seed and algorithms; all put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)


class _Display:
    """A bar per stage on a terminal, a log line now and then elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("tiny policy, {task.description}"), BarColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Display:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int, loss: float) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, description=f"{stage}: loss {loss:.3f}")
        if self._bars.disable and (done == total or done % max(1, total // 8) == 0):
            logger.info("tiny policy, %s: step %d of %d, loss %.3f", stage, done, total, loss)


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m ragen_tsr.models.tiny", description="Build a tiny policy.")
    parser.add_argument("env", nargs="?", default="sokoban", metavar="ENV", choices=sorted(REGISTERED_TASKS))
    parser.add_argument("--strength", type=float, default=1.0, metavar="S", help="tiny_strength of config/tsr.yaml")
    parser.add_argument("--force", action="store_true", help="build it even if it is in the cache")
    parser.add_argument("--check", action="store_true", help="measure it: valid turns and successes")
    options = parser.parse_args(arguments)
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_level=False, show_time=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler], force=True)
    config = default_config(options.env)
    config.tiny_strength = options.strength
    try:
        recipe = recipe_of(config)
    except ValueError as error:
        parser.error(str(error))
    folder = ensure_tiny(config, recipe, options.force)
    out = Console(soft_wrap=True, highlight=False)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
    record = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    out.print(str(folder))
    out.print(
        f"{record['parameters']} parameters, {record['vocabulary']} tokens, {size:.1f} MiB, "
        f"built in {record['seconds']} s ({record['cpu_seconds']} CPU seconds)"
    )
    if options.check:
        for name, score in check(folder, config, recipe).items():
            out.print(
                f"{name} (temperature {_MEASURED[name]}), {score.episodes} episodes: "
                f"{score.valid:.1%} of turns valid, {score.success:.1%} succeeded, "
                f"random turns of the same length {score.random_success:.1%}, "
                f"{score.actions_per_turn:.2f} actions and {score.response_tokens:.1f} tokens a turn, "
                f"{score.longest} tokens at most"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
