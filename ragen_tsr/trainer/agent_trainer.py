"""RAGEN's trainer with the searching agent proxy in it; loop, objective, losses and updates are the base
class's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ragen_tsr import backend
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy

ROLLOUTS_FOLDER = "rollouts"


class TSRAgentTrainer(backend.RayAgentTrainer):
    """RAGEN's ``RayAgentTrainer`` whose rollouts are searched, and which writes the searches to
    ``rollouts/``.

    Constructor arguments are the base class's. Each training rollout leaves ``rollouts/step_<n>.jsonl`` in
    the run
    folder: one recorded search a line (see :func:`ragen_tsr.llm_agent.search_metrics.search_record`).
    """

    def init_agent_proxy(self) -> None:
        """Make the searching proxy; the workers must have been started."""
        self.agent_proxy = SearchAgentProxy(
            config=self.config, actor_rollout_wg=self.actor_rollout_wg, tokenizer=self.tokenizer
        )
        self.agent_proxy.on_search = self._write_searches

    def _write_searches(self, records: list[dict[str, Any]]) -> None:
        """Write one rollout's searches; a step that is played again after a resume replaces its file."""
        folder = Path(self.config.trainer.local_log_dir) / ROLLOUTS_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"step_{self.global_steps:06d}.jsonl"
        partial = target.with_name(target.name + ".partial")
        partial.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        os.replace(partial, target)
