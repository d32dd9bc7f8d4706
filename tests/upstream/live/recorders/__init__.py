"""What the recorders of upstream's behaviour share: finding upstream, its task settings, and names for cases.

A module ``recorders/NAME.py`` makes fresh cases of ``NAME.jsonl`` in the form of the recorded conformance data, which
``tests/conformance/checks/NAME.py`` compares with this project. It defines

* ``CASES``: how many cases by default;
* ``cases(draw, count, upstream) -> Iterator[dict]``: ``count`` cases drawn from ``draw`` and run through upstream's
  code, without ``id``. Nothing of this project takes part in them but the platform layer and a tokenizer's training;
* ``write_data(upstream, folder)``, optional: writes what the check reads beside the cases.

A case that runs into a fault of upstream which this project corrects on purpose is marked ``upstream_bug``.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

TOKENIZER = "tokenizer-qwen-live"
"""Folder of the tokenizer beside the cases. Upstream knows ChatML models by the "qwen" in a path."""


class NotUpstream(RuntimeError):
    """What was about to be recorded is not the checkout's own code."""


@dataclass(frozen=True)
class Upstream:
    """An upstream checkout whose modules can be imported."""

    checkout: Path
    tokenizer: Any
    """The tokenizer that cases are made with."""
    seed: int = 0
    """What upstream draws unseeded is drawn from this: the prices of WebShop."""

    @cached_property
    def tags(self) -> dict[str, dict[str, Any]]:
        """Upstream's own Sokoban and FrozenLake tasks that are observed as text: their entries in ``custom_envs``."""
        from omegaconf import OmegaConf

        tasks: Any = OmegaConf.to_container(OmegaConf.load(self.checkout / "config" / "envs.yaml"))
        return {
            tag: settings
            for tag, settings in tasks["custom_envs"].items()
            if settings["env_type"] in ("sokoban", "frozen_lake")
            and (settings["env_config"] or {}).get("render_mode", "text") == "text"
        }

    def own(self, thing: Any) -> Any:
        """``thing``, a class or function, if its code lies in the checkout.

        Raises:
            NotUpstream: It does not: it was replaced, so that comparing with it would prove nothing.
        """
        source = Path(inspect.getsourcefile(thing) or "").resolve()
        if self.checkout not in source.parents:
            raise NotUpstream(f"{thing.__module__}.{thing.__qualname__} comes from {source}, not from {self.checkout}")
        return thing

    def seed_without_retry(self, draw: random.Random, settings: list[Mapping[str, Any]], seeds: int) -> int:
        """A seed from which ``seeds`` seeds on give a Sokoban room at the first attempt under all of ``settings``.

        After a failed attempt upstream goes on with ``hash(str)``, which differs from process to process.

        Args:
            settings: Entries of ``custom_envs``; other environments than Sokoban take every seed.
        """
        boards = [entry["env_config"] or {} for entry in settings if entry["env_type"] == "sokoban"]
        while True:
            first = draw.randrange(2**32 - seeds)
            if all(self.first_error(board, first + i) is None for board in boards for i in range(seeds)):
                return first

    def first_error(self, env_config: Mapping[str, Any], seed: int) -> str | None:
        """What upstream's first attempt at a Sokoban room raises (type and message), ``None`` if it succeeds."""
        from gym_sokoban.envs.sokoban_env import SokobanEnv as Base
        from ragen.env.sokoban.config import SokobanEnvConfig
        from ragen.env.sokoban.utils import generate_room
        from ragen.utils import all_seed

        config = SokobanEnvConfig(**env_config)
        base = Base.__new__(Base)
        Base.__init__(base, config.dim_room, config.max_steps, config.num_boxes, reset=False)
        try:
            with all_seed(seed):
                self.own(generate_room)(config.dim_room, 0.35, base.num_gen_steps, config.num_boxes, 4, False,
                                        config.search_depth)  # fmt: skip
        except (RuntimeError, RuntimeWarning) as error:
            return f"{type(error).__name__}: {error}"
        return None
