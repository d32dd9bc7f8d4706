"""Upstream's trainer with what a run folder needs: metrics, progress, searches, checkpoints that can be gone on from.

The loop, the losses and the updates are upstream's ``fit``, called as it is. What it takes from its module while it
runs (the tracker, the timers, the proxy's class) is replaced for that time by what also tells the run folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from ragen_tsr import backend

_UpstreamTrainer = backend.RayAgentTrainer  # prepares the process, before upstream's trainer is imported

import ragen.trainer.agent_trainer as upstream  # noqa: E402
import verl.utils.tracking  # noqa: E402

from ragen_tsr.platform.seeding import seed_everything  # noqa: E402
from ragen_tsr.replaced import replaced  # noqa: E402
from ragen_tsr.trainer.hooks import NoProgress, Progress  # noqa: E402
from ragen_tsr.trainer.metrics_log import MetricsLog, scalars  # noqa: E402
from ragen_tsr.trainer.rng import rng_state, set_rng_state  # noqa: E402
from ragen_tsr.trainer.steps import METRICS_FILE, STATE_FILE  # noqa: E402

logger = logging.getLogger(__name__)

PARTS_OF_A_PHASE = ("step", "collapse_metrics", "gradient_analysis", "dump_rollout_generations")
"""Upstream's timers that are no phase of their own for a person who waits."""


class NothingLeftError(Exception):
    """The checkpoint is that of the last step; upstream would make one more."""


class RayAgentTrainer(_UpstreamTrainer):  # type: ignore[misc, valid-type]
    """Upstream's ``RayAgentTrainer``; constructor arguments are its."""

    agent_proxy_cls: type = backend.LLMAgentProxy
    """What :meth:`init_agent_proxy` makes, for gradient analysis too."""

    progress: Progress = NoProgress()
    """Told of every phase and step; set it before ``fit``."""

    def __init__(self, config: DictConfig, *arguments: Any, **named: Any) -> None:
        seed_everything(config.run_seed)
        super().__init__(config, *arguments, **named)
        self.metrics_log = MetricsLog(Path(config.trainer.local_log_dir) / METRICS_FILE)
        self.global_steps = 0

    def init_agent_proxy(self) -> None:
        """Make the proxies; the workers must have been started."""
        with replaced(upstream, LLMAgentProxy=self.agent_proxy_cls):
            super().init_agent_proxy()

    def fit(self) -> None:
        """Train from the latest checkpoint, or from the start, to ``trainer.total_training_steps``."""
        os.environ["TENSORBOARD_DIR"] = str(Path(self.config.trainer.local_log_dir) / "tensorboard")
        theirs, marked_timer = verl.utils.tracking.Tracking, upstream.marked_timer

        def tracking(**settings: Any) -> _Tracking:
            return _Tracking(self, theirs(**settings))

        @contextlib.contextmanager
        def timer(name: str, *arguments: Any, **named: Any) -> Iterator[None]:
            if name not in PARTS_OF_A_PHASE:
                self.progress.on_phase(name)
            with marked_timer(name, *arguments, **named):
                yield

        with (
            replaced(verl.utils.tracking, Tracking=tracking),
            replaced(upstream, marked_timer=timer),
            contextlib.suppress(NothingLeftError),
        ):
            super().fit()

    # --- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """What later steps depend on in this process; upstream's checkpoint has none of it."""
        return {
            "train_seed_counter": self.agent_proxy.train_es_manager.seed_counter,
            "consecutive_empty_filtered_steps": self.consecutive_empty_filtered_steps,
            "rng": rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` returned."""
        self.agent_proxy.train_es_manager.seed_counter = state["train_seed_counter"]
        self.consecutive_empty_filtered_steps = state["consecutive_empty_filtered_steps"]
        set_rng_state(state["rng"])

    def _save_checkpoint(self) -> None:
        """Upstream's, which writes the tracker last; this process's state is written before."""
        folder = self._step_folder(self.global_steps)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"state": self.state_dict()}, folder / STATE_FILE)
        super()._save_checkpoint()

    def _load_checkpoint(self) -> None:
        """Upstream's, and this process's state; a run that goes on is not validated again before its first step.

        Raises:
            NothingLeftError: The run has made its last step.
        """
        super()._load_checkpoint()
        self.metrics_log.truncate(self.global_steps if self.global_steps else -1)
        if not self.global_steps:
            return
        saved = torch.load(self._loaded_folder() / STATE_FILE, weights_only=False)
        self.load_state_dict(saved["state"])
        self.config.trainer.val_before_train = False
        if self.global_steps >= self.total_training_steps:
            raise NothingLeftError

    def _step_folder(self, step: int) -> Path:
        return Path(self.config.trainer.default_local_dir) / f"global_step_{step}"

    def _loaded_folder(self) -> Path:
        settings = self.config.trainer
        by_path = settings.resume_mode == "resume_path"
        return Path(settings.resume_from_path) if by_path else self._step_folder(self.global_steps)


class _Tracking:
    """verl's tracker of the run, and beside it ``metrics.jsonl`` and the progress display."""

    def __init__(self, trainer: RayAgentTrainer, tracking: Any) -> None:
        self._trainer = trainer
        self._tracking = tracking

    def log(self, data: Mapping[str, Any], step: int) -> None:
        """Log one step; step 0 is the validation before training."""
        numbers = scalars(data)
        self._trainer.metrics_log.write(step, numbers)
        self._tracking.log(data=data, step=step)
        self._trainer.progress.on_step(step, numbers)
