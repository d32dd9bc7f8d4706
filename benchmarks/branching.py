"""What a branch, a step and a reset of each environment cost, here and upstream.

    python benchmarks/branching.py [--env sokoban,frozen_lake,webshop] [--rounds 30]

Branch: restore a snapshot, step, snapshot again; upstream: deep-copy the environment and step. Reset: an episode never
started before (those that are asked for again come from a cache, timed apart). In processor time, so that other
programs on the machine matter little.

WebShop's steps are those of scripted episodes: a search never asked before, the list's next page, a product, its
options and sub-pages, the purchase; with what the model is shown afterwards. Products come from the folder
``WEBSHOP_FOLDER`` (the 1,000 real ones), or are the project's own where that is not set. Upstream is not timed beside
it.

With ``RAGEN_HOME`` set to an upstream checkout and the task's own packages importable (Sokoban: ``gym``,
``gym_sokoban``; FrozenLake: ``gymnasium``), upstream is timed in the same run, turn about with ours, and the ratio is
the median over the rounds. Otherwise ours is compared with recorded figures from another machine, and the output says
so. The exit status is 1 if a target is missed.

A task is a :class:`Task`: what is timed, on which inputs, and what it is compared with. To add one, write a function
that returns it and name it in :data:`TASKS`.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import os
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS, REGISTERED_ENVS
from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig, WebShopState
from ragen_tsr.embedded.env.webshop.pages import Pages
from ragen_tsr.snapshots import snapshot_for

FIRST_SEED = 50_000

Operations = dict[str, Callable[[Any], object]]
"""What is timed, by name. Ours may have operations that upstream does not."""
Timings = dict[str, list[float]]
"""Per operation, the seconds of one such operation in each round."""


@dataclass(frozen=True)
class Task:
    """One environment, as it is timed."""

    title: str
    ours: Callable[[], Operations]
    upstream: Callable[[], Operations]
    """May raise ``ImportError`` with the reason why upstream cannot be timed."""
    inputs: Callable[[int], Mapping[str, Sequence[Any]]]
    """Of a round's number: what each operation is called with, one call an input."""
    upstream_calls: int
    """How many of the inputs upstream gets in each round; it is slower."""
    targets: Mapping[str, float]
    """How many times faster ours must be."""
    recorded: Mapping[str, float]
    """Upstream's seconds, measured once on another machine, for each operation with a target."""


def seconds_each(operation: Callable[[Any], object], inputs: Iterable[Any]) -> float:
    """Mean processor time of ``operation`` over ``inputs``."""
    inputs = list(inputs)
    start = time.thread_time()
    for value in inputs:
        operation(value)
    return (time.thread_time() - start) / len(inputs)


def upstream_module(name: str) -> Any:
    """A module below upstream's ``ragen.env``; ``ImportError`` if it cannot be had."""
    home = os.environ.get("RAGEN_HOME")
    if not home:
        raise ImportError("RAGEN_HOME is not set")
    if home not in sys.path:
        sys.path.insert(0, home)
    importlib.import_module("ragen")
    if "ragen.env" not in sys.modules:
        package = types.ModuleType("ragen.env")  # its __init__ would import every task's dependencies
        package.__path__ = [str(Path(home) / "ragen" / "env")]
        sys.modules["ragen.env"] = package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"ragen.env.{name}")


def our_grid(env_type: str, settings: Mapping[str, Any]) -> Operations:
    """The operations on a task with numbered actions, as the search does them."""
    env = REGISTERED_ENVS[env_type](REGISTERED_ENV_CONFIGS[env_type](**settings))
    env.reset(seed=FIRST_SEED)
    snapshots = snapshot_for(env)
    saved = snapshots.save(env)

    def branch(action: int) -> object:
        """One child of the saved state."""
        snapshots.restore(env, saved)
        env.step(action)
        return snapshots.save(env)

    def branch_with_fresh_noise(key: tuple[int, ...]) -> object:
        """The same, after the noise was replaced; the key's last number is the action."""
        snapshots.restore(env, saved)
        snapshots.reseed(env, key)  # type: ignore[misc]
        env.step(key[-1])
        return snapshots.save(env)

    def reset(seed: int) -> object:
        """One room or map."""
        return env.reset(seed=seed)

    operations: Operations = {"branch": branch, "reset": reset, "reset, made before": reset}
    return operations if snapshots.reseed is None else operations | {"branch, fresh noise": branch_with_fresh_noise}


def upstream_grid(module: str, settings: Mapping[str, Any]) -> Operations:
    """The same with upstream's environment, which can only be copied."""
    classes = upstream_module(module)
    [env_class] = [c for name, c in vars(classes).items() if name in ("SokobanEnv", "FrozenLakeEnv")]
    [config_class] = [c for name, c in vars(classes).items() if name.endswith("EnvConfig")]
    env = env_class(config_class(**settings))
    env.reset(seed=FIRST_SEED)
    saved = copy.deepcopy(env)

    def branch(action: int) -> object:
        child = copy.deepcopy(saved)
        child.step(action)
        return child

    return {"branch": branch, "reset": lambda seed: env.reset(seed=seed)}


def grid_inputs(number: int) -> dict[str, Sequence[Any]]:
    """Inputs of a round: all actions in turn, and seeds that no other round has."""
    actions = (1, 2, 3, 4) * 250
    seeds = range(FIRST_SEED + 1 + 40 * number, FIRST_SEED + 1 + 40 * (number + 1))
    fresh = [(number, place, action) for place, action in enumerate(actions)]
    return {"branch": actions, "branch, fresh noise": fresh, "reset": seeds, "reset, made before": seeds}


def grid(title: str, env_type: str, settings: Mapping[str, Any], **comparison: Mapping[str, float]) -> Task:
    """A task with numbered actions."""
    return Task(
        title,
        ours=lambda: our_grid(env_type, settings),
        upstream=lambda: upstream_grid(f"{env_type}.env", settings),
        inputs=grid_inputs,
        upstream_calls=40,
        **comparison,
    )


def sokoban() -> Task:
    """The 6x6 one-box settings."""
    return grid(
        "Sokoban, 6x6, one box",
        "sokoban",
        {"dim_x": 6, "dim_y": 6, "num_boxes": 1, "max_steps": 100},
        targets={"branch": 100.0, "reset": 5.0},
        recorded={"branch": 1.57e-3 + 0.12e-3, "reset": 1.43e-3},
    )


def frozen_lake() -> Task:
    """The paper's slippery 4x4 maps."""
    return grid(
        "FrozenLake, 4x4, slippery",
        "frozen_lake",
        {"size": 4, "success_rate": 1 / 3},
        targets={"branch": 30.0},
        recorded={"branch": 22e-6 + 680e-6, "reset": 440e-6},
    )


WEBSHOP_KINDS = ("search", "next", "product", "option", "sub-page", "previous", "buy")


def webshop_session() -> WebShopEnv:
    """A session among the real products if their folder is given, else among the project's own."""
    folder = os.environ.get("WEBSHOP_FOLDER")
    return WebShopEnv(WebShopEnvConfig(dataset="small", folder=folder) if folder else WebShopEnvConfig())


def our_webshop() -> Operations:
    """The operations on sessions of one shop, as the search does them."""
    mixed, sorted_ = step_in(webshop_session()), step_in(webshop_session())
    env = webshop_session()

    def reset(seed: int) -> object:
        """One goal, and what the model is first shown."""
        env.reset(seed=seed)
        return env.render()

    by_kind = {f"step: {kind}": sorted_ for kind in WEBSHOP_KINDS}
    return {"step": mixed, **by_kind, "reset": reset, "reset, made before": reset}


def step_in(env: WebShopEnv) -> Callable[[tuple[WebShopState, str]], object]:
    """A step of this session, which keeps pages of its own."""
    env.pages = Pages(env.pages.shop)
    snapshots = snapshot_for(env)

    def step(case: tuple[WebShopState, str]) -> object:
        """One action in a saved state."""
        snapshots.restore(env, case[0])
        env.step(case[1])
        env.render()
        return snapshots.save(env)

    return step


def webshop_inputs(number: int) -> dict[str, Sequence[Any]]:
    """Inputs of a round: the steps of scripted episodes towards goals that no other round has, and as many seeds."""
    seeds = range(20 * number, 20 * (number + 1))
    mixed: list[tuple[WebShopState, str]] = []
    by_kind: dict[str, list[tuple[WebShopState, str]]] = {f"step: {kind}": [] for kind in WEBSHOP_KINDS}
    env = webshop_session()
    env.pages = Pages(env.pages.shop)
    for seed in seeds:
        env.reset(seed=seed)
        for kind, action in webshop_script(env):
            # words that are in no product make queries that were never asked before, of the same result
            mixed.append((env.state, with_word(action, f"mixed{number}")))
            by_kind[f"step: {kind}"].append((env.state, with_word(action, f"kind{number}")))
            env.step(action)
    return {"step": mixed, **by_kind, "reset": seeds, "reset, made before": seeds}


def with_word(action: str, word: str) -> str:
    """A search for one word more; other actions as they are."""
    return action.replace("]", f" {word}]") if action.startswith("search") else action


def webshop_script(env: WebShopEnv) -> Iterator[tuple[str, str]]:
    """The actions of an episode, each chosen after the one before was carried out."""
    yield "search", f"search[{env.goal.query} {' '.join(env.goal.attributes)}]"
    yield "next", "click[next >]"
    yield "previous", "click[< prev]"
    product = env.pages.shop.catalogue[env.pages.shop.search(env.state.words)[0]]
    yield "product", f"click[{product.asin}]"
    for values in product.options.values():
        yield "option", f"click[{values[0]}]"
    for sub_page in ("description", "features"):
        yield "sub-page", f"click[{sub_page}]"
        yield "previous", "click[< prev]"
    yield "buy", "click[buy now]"


def webshop_upstream() -> Operations:
    """It needs Java and a package that is on no index; timing it is not written."""
    raise ImportError("WebShop is not timed beside upstream's, which needs webshop_minimal and Java")


def webshop() -> Task:
    """Sessions in a shop of 1,000 products."""
    return Task(
        "WebShop, 1,000 products",
        our_webshop,
        webshop_upstream,
        webshop_inputs,
        upstream_calls=0,
        targets={"step": 100.0, "reset": 20.0},
        recorded={"step": 32e-3, "reset": 5e-3},
    )


TASKS: dict[str, Callable[[], Task]] = {"sokoban": sokoban, "frozen_lake": frozen_lake, "webshop": webshop}


def measure(task: Task, rounds: int, theirs: Operations) -> tuple[Timings, Timings]:
    """Time ours and, if any, upstream's, turn about."""
    ours = task.ours()
    mine: Timings = {name: [] for name in ours}
    others: Timings = {name: [] for name in theirs}
    for number in range(rounds):
        inputs = task.inputs(number)
        for name, operation in ours.items():
            mine[name].append(seconds_each(operation, inputs[name]))
        for name, operation in theirs.items():
            others[name].append(seconds_each(operation, inputs[name][: task.upstream_calls]))
    return mine, others


def report(task: Task, mine: Timings, theirs: Timings, why_recorded: str) -> bool:
    """Print the table; whether every target is met."""
    recorded = {name: [seconds] * len(mine[name]) for name, seconds in task.recorded.items()}
    compared = recorded if why_recorded else theirs
    source = "upstream, recorded" if why_recorded else "upstream, this run"
    print(f"{task.title:<26}{'ours':>12}{source:>22}{'ratio':>9}{'target':>9}")
    met = True
    for name, seconds in mine.items():
        line = f"{name:<26}{statistics.median(seconds) * 1e6:>9.1f} us"
        if name in compared:
            ratio = statistics.median(u / o for u, o in zip(compared[name], seconds, strict=True))
            line += f"{statistics.median(compared[name]) * 1e6:>19.1f} us{ratio:>8.0f}x"
            if name in task.targets:
                line += f"{task.targets[name]:>8.0f}x"
                met &= ratio >= task.targets[name]
        print(line)
    if why_recorded:
        print(f"Upstream was not timed: {why_recorded}. Its figures are recorded ones, from another machine.")
    return met


def run(task: Task, rounds: int) -> bool:
    """Time one task and print the outcome; whether every target is met."""
    try:
        theirs, why_recorded = task.upstream(), ""
    except ImportError as error:
        theirs, why_recorded = {}, str(error)
    return report(task, *measure(task, rounds, theirs), why_recorded)


def main() -> int:
    """Run the command line; the exit status says whether every target is met."""
    parser = argparse.ArgumentParser(description="Time branching and reset of the environments, here and upstream.")
    parser.add_argument("--env", type=lambda text: text.split(","), default=list(TASKS), help=", ".join(TASKS))
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    if unknown := sorted(set(options.env) - set(TASKS)):
        parser.error(f"--env {', '.join(unknown)}: allowed are {', '.join(TASKS)}")
    met = [run(TASKS[name](), options.rounds) for name in options.env]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
