"""RAGEN's trainer with the searching agent proxy in it; loop, objective, losses and updates are the base
class's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragen_tsr import backend
from ragen_tsr.files import write_json_lines
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.episodes import Record
from ragen_tsr.trainer.steps import ROLLOUTS_FOLDER, VALIDATION_FOLDER, step_file
from ragen_tsr.trainer.token_budget import TokenBudget


class TSRAgentTrainer(TokenBudget, backend.RunTrainer):
    """RAGEN's ``RayAgentTrainer`` whose rollouts are searched, and which writes the searches to
    ``rollouts/``.

    Constructor arguments are the base class's. Each training rollout leaves ``rollouts/step_<n>.jsonl`` in
    the run
    folder: one recorded search a line (see :func:`ragen_tsr.llm_agent.search_metrics.search_record`). Each validation
    leaves ``validation/step_<n>.jsonl``: one episode a line (see :mod:`ragen_tsr.llm_agent.episodes`).
    """

    agent_proxy_cls = SearchAgentProxy

    def init_agent_proxy(self) -> None:
        """Make the searching proxy; the workers must have been started."""
        super().init_agent_proxy()
        self.agent_proxy.on_search = self._write_searches

    def _validate(self) -> dict[str, Any]:
        """The base class's validation, whose noise is a function of the run's seed and of the step alone."""
        episodes: list[Record] = []
        self.agent_proxy.next_validation = self.global_steps * self.config.trainer.validation_steps
        self.agent_proxy.on_validation = episodes.extend
        metrics = super()._validate()
        write_json_lines(self._folder(VALIDATION_FOLDER) / step_file(self.global_steps), episodes)
        return metrics

    def _write_searches(self, records: list[dict[str, Any]]) -> None:
        """Write one rollout's searches; a step that is played again after a resume replaces its file."""
        write_json_lines(self._folder(ROLLOUTS_FOLDER) / step_file(self.global_steps), records)

    def _folder(self, name: str) -> Path:
        return Path(self.config.trainer.local_log_dir) / name
