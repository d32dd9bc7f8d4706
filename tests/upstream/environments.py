"""Upstream's own environments under this project's search: nothing that a search does leaves a trace in them.

    python tests/upstream/environments.py CHECKOUT [--seed N] [--cases N] [--only PART,...]

CHECKOUT is an upstream checkout at the pin. Everything is drawn from the seed (printed; a new one each time unless
given). Parts:

* ``snapshots``: random branches of upstream's Sokoban and FrozenLake (``ragen_tsr/snapshots/exactness.py``);
* ``searches``: whole rollouts through upstream's managers with ``env_engine=upstream``, a scripted policy in place of a
  model; every committed trajectory is played again on a new environment that never branched, and compared;
* ``engines``: the same rollouts with ``env_engine=fast`` and ``upstream``, compared tensor by tensor;
* ``webshop``: the first two on upstream's WebShop adapter and ``webshop_minimal`` with its catalogue, where these can
  be imported; elsewhere it says what is missing.

The exit status is 0 only if nothing differs; a WebShop that is not installed does not count.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from functools import cache, reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

PARTS = ("snapshots", "searches", "engines", "webshop")
METHODS = {
    "beam": ("search.M=3", "search.B=2"),
    "lookahead": ("search.M=2", "search.D=2"),
    "best_of_n": ("search.N=4",),
}
MOVES = {"sokoban": ("Up", "Down", "Left", "Right"), "frozen_lake": ("Left", "Down", "Right", "Up")}
SEARCHES = ("rain jacket", "shoes for men", "desk lamp", "snack gluten free", "zeppelin")
OFFERED = re.compile(r"search\[<content>\]|click\[[^\]]+\]")

Policy = Callable[[np.random.Generator, str], str]

console = Console(highlight=False, soft_wrap=True)


class Differs(AssertionError):
    """Something is not as it would be without a search."""


def wanderer(moves: tuple[str, ...]) -> Policy:
    """One to three random moves; now and then nonsense."""

    def answer(draws: np.random.Generator, prompt: str) -> str:
        if draws.random() < 0.1:
            return "no idea"
        return f"go</think><answer>{' || '.join(draws.choice(moves, size=draws.integers(1, 4)))}</answer>"

    return answer


def shopper(draws: np.random.Generator, prompt: str) -> str:
    """One of the actions on offer; sometimes a search where none is offered, or nonsense."""
    offered = OFFERED.findall(prompt.rpartition("actions:")[2])
    chosen = str(draws.choice(offered)) if offered and draws.random() < 0.9 else "click[nothing]"
    if "<content>" in chosen or draws.random() < 0.05:
        chosen = f"search[{draws.choice(SEARCHES)}]"
    return f"go</think><answer>{chosen}</answer>"


@cache
def tokenizer() -> Any:
    """One whose words are those of the tasks; made here, since nothing may be downloaded."""
    from ragen_tsr.models.tokenizer import build_tokenizer

    words = [*MOVES["sokoban"], "<think>", "</think>", "<answer>", "</answer>", " || ", "no idea", "go"]
    return build_tokenizer(words * 3, vocab_size=400, min_frequency=2, model_max_length=60_000)


def scripted(policy: Policy, seed: int) -> Any:
    """A policy in the place of upstream's vLLM wrapper; each row's draws follow from the seed, the call and the row."""
    from ragen.llm_agent.agent_proxy import VllmWrapperWg
    from verl import DataProto

    class Scripted(VllmWrapperWg):
        calls = 0

        def __init__(self) -> None:
            pass

        def generate_sequences(self, prompts: DataProto) -> DataProto:
            if prompts.meta_info.get("skip_generation", False):
                return prompts
            self.calls += 1
            texts = tokenizer().batch_decode(prompts.batch["input_ids"], skip_special_tokens=False)
            answers = [policy(np.random.default_rng([seed, self.calls, row]), text) for row, text in enumerate(texts)]
            rows = [tokenizer().encode(answer + "<|im_end|>", add_special_tokens=False) for answer in answers]
            longest = max(map(len, rows))
            responses = torch.full((len(rows), longest), tokenizer().pad_token_id)
            mask = torch.zeros_like(responses)
            for row, ids in enumerate(rows):
                responses[row, : len(ids)], mask[row, : len(ids)] = torch.tensor(ids), 1
            tensors = {
                "responses": responses,  # (rows, longest)
                "attention_mask": torch.cat([prompts.batch["attention_mask"], mask], dim=1),
                "rollout_log_probs": torch.full(responses.shape, -0.5),
            }
            return DataProto.from_dict(tensors, dict(prompts.non_tensor_batch), meta_info=prompts.meta_info)

    return Scripted()


def settings(env: str, method: str, *overrides: str) -> Any:
    """The configuration of a small rollout: two groups of two slots."""
    from ragen_tsr import config as configuration

    slots = ["es_manager.train.env_groups=2", "es_manager.train.group_size=2", "es_manager.val.env_groups=1"]
    words = [env, method, "scale=cpu", *slots, *METHODS[method], *overrides]
    composed = configuration.compose(configuration.parse(words))
    OmegaConf.resolve(composed)
    return composed


def searched(config: Any, policy: Policy, seed: int) -> tuple[Any, Any]:
    """The managers after one rollout of a search, and the batch."""
    from verl import DataProto

    from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy

    proxy = SearchAgentProxy(config, scripted(policy, seed), tokenizer())
    rollouts = proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True}))
    return proxy.train_es_manager, rollouts


def replayed(manager: Any) -> int:
    """Play every committed trajectory on a new environment; the number of turns that were the same.

    Raises:
        Differs: One was not.
    """
    turns = 0
    for entry, cache_ in zip(manager.envs, manager.rollout_cache, strict=True):
        env = type(entry["env"])(entry["config"])
        env.reset(seed=entry["status"].seed, mode="train")
        history = cache_["history"]
        for number, (turn, after) in enumerate(pairwise(history)):
            where = f"slot {entry['env_id']}, turn {number} of {[t['actions'] for t in history[:-1]]}"
            if env.render() != turn["state"]:
                raise Differs(f"{where}: shown {env.render()!r}, in the search {turn['state']!r}")
            played = [env.step(action) for action in turn["actions"]]
            if reduce(add, [reward for _, reward, _, _ in played], 0) != turn["reward"]:  # sum() rounds in its own way
                raise Differs(f"{where}: rewards {[step[1] for step in played]}, in the search {turn['reward']}")
            told = {key: value for key, value in (played[-1][3] if played else {}).items() if key != "raw_reward"}
            if any(turn["info"][key] != value for key, value in told.items()):
                raise Differs(f"{where}: {told}, in the search {turn['info']}")
            if env.render() != after["state"]:
                raise Differs(f"{where}: then {env.render()!r}, in the search {after['state']!r}")
            turns += 1
        if entry["env"].render() != history[-1]["state"]:
            raise Differs(f"slot {entry['env_id']} was left at {entry['env'].render()!r}, not {history[-1]['state']!r}")
    return turns


def branches(case: Any, draw: random.Random, count: int) -> int:
    """``count`` random branches of one environment class, none of which may leave a trace."""

    def line() -> list[Any]:
        return [draw.choice(case.actions) for _ in range(draw.randrange(case.max_length + 1))]

    for _ in range(count):
        elsewhere = draw.choice([None, draw.randrange(case.max_seed)])
        case.check_one(draw.randrange(case.max_seed), line(), line(), line(), elsewhere)
    return count


def exactness(module: str, prefix: str, actions: tuple[Any, ...], unread: tuple[str, ...], **options: Any) -> Any:
    """The exactness test of an environment class of upstream's; ``unread`` are attributes that no step reads."""
    from ragen_tsr.snapshots.exactness import SnapshotExactness

    code = importlib.import_module(f"ragen.env.{module}")
    env_class, config_class = getattr(code, f"{prefix}Env"), getattr(code, f"{prefix}EnvConfig")

    class Case(SnapshotExactness):
        def make_env(self) -> Any:
            return env_class(config_class(**options))

        def state_of(self, env: Any) -> Any:
            return {key: value for key, value in vars(env).items() if key not in unread}

    case = Case()
    case.actions = actions  # type: ignore[misc]
    return case


SOKOBAN_UNREAD = ("reward_last", "new_box_position", "old_box_position")
LAKE_UNREAD = ("config", "_np_random_seed")


def snapshots(draw: random.Random, count: int) -> Iterator[str]:
    """Upstream's Sokoban and FrozenLake."""
    pushes, ways = tuple(range(9)), (1, 2, 3, 4)
    cases = {
        "Sokoban, one box": ("sokoban", "Sokoban", pushes, SOKOBAN_UNREAD, {"dim_x": 6, "dim_y": 6, "num_boxes": 1}),
        "Sokoban, larger": (
            "sokoban",
            "Sokoban",
            pushes,
            SOKOBAN_UNREAD,
            {"dim_x": 8, "dim_y": 8, "num_boxes": 2, "search_depth": 10, "observation_format": "grid_coord"},
        ),
        "FrozenLake": ("frozen_lake", "FrozenLake", ways, LAKE_UNREAD, {"success_rate": 1 / 3}),
        "FrozenLake, larger": (
            "frozen_lake",
            "FrozenLake",
            ways,
            LAKE_UNREAD,
            {"size": 7, "success_rate": 0.8, "observation_format": "coord"},
        ),
    }
    for title, (module, prefix, actions, unread, options) in cases.items():
        done = branches(exactness(module, prefix, actions, unread, **options), draw, count)
        yield f"{title}: {done} branches leave no trace"


def searches(draw: random.Random, count: int) -> Iterator[str]:
    """Rollouts on upstream's environments, played again."""
    for env, moves in MOVES.items():
        for method in METHODS:
            turns = 0
            for _ in range(max(1, count // 10)):
                config = settings(env, method, "env_engine=upstream", f"seed.train={draw.randrange(2**31)}")
                manager, _rollouts = searched(config, wanderer(moves), draw.randrange(2**31))
                _expect_upstreams(manager)
                turns += replayed(manager)
            yield f"{env} {method}: {turns} committed turns are those of an environment that never branched"


def engines(draw: random.Random, count: int) -> Iterator[str]:
    """Rollouts with each engine."""
    for env, moves in MOVES.items():
        for noise in ("upstream", "independent", "common"):
            turns = 0
            for _ in range(max(1, count // 10)):
                seeds, sampling = f"seed.train={draw.randrange(2**31)}", draw.randrange(2**31)
                of = {}
                for engine in ("fast", "upstream"):
                    config = settings(env, "beam", f"env_engine={engine}", f"env_noise={noise}", seeds)
                    of[engine] = searched(config, wanderer(moves), sampling)
                turns += _same(of["fast"], of["upstream"])
            yield f"{env}, env_noise={noise}: {turns} turns are the same with both engines, and every tensor"


def webshop(draw: random.Random, count: int) -> Iterator[str]:
    """Upstream's adapter over ``webshop_minimal``."""
    from ragen_tsr import backend

    if backend.REGISTERED_ENVS.get("webshop") is None:
        try:
            importlib.import_module("ragen.env.webshop.env")
        except ImportError as error:
            yield f"not run, since upstream's adapter cannot be imported: {error} (docs/webshop.md says what it needs)"
            return
    case = _sessions()
    yield f"sessions: {branches(case, draw, count)} branches leave no trace"
    for method in METHODS:
        config = settings(
            "webshop", method, "env_engine=upstream", "webshop.data=small", f"seed.train={draw.randrange(2**31)}"
        )
        manager, _rollouts = searched(config, shopper, draw.randrange(2**31))
        _expect_upstreams(manager)
        bought = sum(cache_["history"][-2]["info"].get("success_purchase", 0) for cache_ in manager.rollout_cache)
        turns = replayed(manager)
        yield f"{method}: {turns} committed turns ({bought} purchases) are those of a session that never branched"


def _sessions() -> Any:
    """The exactness test of upstream's WebShop; actions by number, so that random ones get far."""
    from ragen.env.webshop.config import WebShopEnvConfig
    from ragen.env.webshop.env import WebShopEnv

    from ragen_tsr.snapshots import snapshot_for
    from ragen_tsr.snapshots.exactness import SnapshotExactness

    class Clicking(WebShopEnv):
        def step(self, action: int) -> Any:
            offered = [text for text in self.get_available_actions() if "<content>" not in text]
            texts = [f"search[{words}]" for words in SEARCHES] + ["nonsense", "click[next >]"]
            choices = texts if action < len(texts) or not offered else offered
            return super().step(choices[action % len(choices)])

    plain = WebShopEnv(WebShopEnvConfig())

    class Sessions(SnapshotExactness):
        actions = tuple(range(40))
        max_length = 6
        max_seed = 2**31

        def make_env(self) -> Any:
            return Clicking(WebShopEnvConfig())

        def snapshotter(self, env: Any) -> Any:
            return snapshot_for(plain)

        def state_of(self, env: Any) -> Any:
            kept = {key: getattr(env, key) for key in ("instruction_text", "render_cache", "prev_obs", "prev_actions")}
            record = dict(env.server.user_sessions[env.session])
            page = env.browser.page_source.replace(env.session, "")
            address = env.browser.current_url.replace(env.session, "")
            return kept | {"record": record, "page": page, "address": address, "observation": env.observation}

    return Sessions()


def _expect_upstreams(manager: Any) -> None:
    for entry in manager.envs:
        if not type(entry["env"]).__module__.startswith("ragen.env."):
            raise Differs(f"slot {entry['env_id']} plays {type(entry['env'])}, not upstream's")


def _same(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
    """The number of turns of two rollouts; ``Differs`` unless they are the same in every tensor and history."""
    (manager, rollouts), (manager_2, rollouts_2) = one, other
    if type(manager.envs[0]["env"]) is type(manager_2.envs[0]["env"]):
        raise Differs(f"both engines play {type(manager.envs[0]['env'])}")
    for mine, theirs in zip(manager.rollout_cache, manager_2.rollout_cache, strict=True):
        if mine != theirs:
            raise Differs(f"slot {mine['env_id']}: {mine!r} with one engine, {theirs!r} with the other")
    keys, keys_2 = sorted(rollouts.batch.keys()), sorted(rollouts_2.batch.keys())
    if keys != keys_2:
        raise Differs(f"{keys} with one engine, {keys_2} with the other")
    for key, tensor in rollouts.batch.items():
        if not torch.equal(tensor, rollouts_2.batch[key]):
            raise Differs(f"tensor {key} differs between the engines")
    return sum(len(cache_["history"]) - 1 for cache_ in manager.rollout_cache)


def main() -> int:
    """Run the parts; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--cases", type=int, default=20, help="branches of each environment class (default 20)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; separated by commas")
    given = parser.parse_args()
    if unknown := set(given.only.split(",")) - set(PARTS):
        parser.error(f"--only {','.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    os.environ["RAGEN_HOME"] = str(given.checkout.resolve())
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    console.print(f"seed {seed}")
    from ragen_tsr import upstream

    upstream.prepare()
    status = 0
    for part in given.only.split(","):
        try:
            for line in globals()[part](random.Random(f"{seed} {part}"), given.cases):
                console.print(f"{part}: {line}", markup=False)
        except (Differs, AssertionError) as error:
            console.print(f"{part}: DIFFERS: {error}", markup=False)
            status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
