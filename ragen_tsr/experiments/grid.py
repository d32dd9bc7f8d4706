"""Which runs stand behind each table and figure of the paper, and which figures of the paper belong to each.

Decides rows, columns and the words of every run. What a run costs is :mod:`.cost`'s, what came of it
:mod:`.results`'.

At the scale ``cpu`` the grid stays (tasks, methods, search budgets), the sizes do not: ``scale=cpu`` with the tiny
policy in place of the table's smallest one, whose figures of the paper stand beside.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from ragen_tsr.compare.tables import method_name
from ragen_tsr.compare.training import SEED_DISTANCE
from ragen_tsr.experiments import paper

SCALES = ("paper", "cpu")
TINY, STAND_IN = "tiny", "smollm2"
"""At the scale ``cpu``: the policy that is trained, and the larger one that it is compared with in table 3."""

COMMON = ("trainer.test_freq=5",)
"""Of every run: validated often enough to say when it has converged."""
OF_SCALE = {"paper": (), "cpu": ("es_manager.val.env_groups=256",)}
"""Of every run at a scale: the paper's 256 prompts, which ``scale=paper`` has."""

DEFAULT_BUDGET = (4, 2)
"""M and B of ``config/search/beam.yaml``: these runs are tables 1 and 2's."""

QUANTITIES = {
    "success": "Success Rate (%)",
    "length": "Resp. Len",
    "turns": "Turns",
    "hours": "Wall Time (h)",
    "steps_to_80": "Steps to 80%",
    "hours_to_80": "Time to 80% (h)",
    "steps_to_convergence": "Steps to Convergence",
    "hours_to_convergence": "Time to Convergence (h)",
    "reward": "Reward, last steps",
    "entropy": "Entropy, last steps",
    "grad_norm": "Gradient norm, mean",
    "grad_norm_max": "Gradient norm, maximum",
}
"""What a table may show of a row, and its heading."""


@dataclass(frozen=True)
class Training:
    """Training runs that differ in their seed only."""

    env: str
    model: str
    """A file of ``config/model/``."""
    method: str
    """A file of ``config/search/``."""
    budget: tuple[int, int] | None = None
    """M and B of beam search; None: as in ``config/search/``."""

    @property
    def name(self) -> str:
        """For folders; settings of different tables that are the same have the same."""
        budget = f"-M{self.budget[0]}B{self.budget[1]}" if self.budget else ""
        return f"{self.env}-{self.model}-{self.method}{budget}"

    def words(self, scale: str, overrides: Iterable[str] = ()) -> tuple[str, ...]:
        """What ``train.sh`` is called with, but for :func:`seed_words`."""
        budget = (f"search.M={self.budget[0]}", f"search.B={self.budget[1]}") if self.budget else ()
        own = (f"scale={scale}", f"model={self.model}", *budget, *COMMON, *OF_SCALE[scale])
        return (self.env, self.method, *own, *overrides)


@dataclass(frozen=True)
class BeforeTraining:
    """A policy that is not trained: what a training run validates before its first step."""

    training: Training


@dataclass(frozen=True)
class Evaluated:
    """A policy that is not trained here at all, evaluated by ``eval.sh``."""

    env: str
    model: str
    """As ``eval.sh`` takes it."""
    needs: str = ""
    """What has to be there first."""

    @property
    def name(self) -> str:
        """For folders."""
        return f"eval-{self.env}-{self.model.replace(':', '-').replace('/', '-')}"

    @property
    def words(self) -> tuple[str, ...]:
        """What ``eval.sh`` is called with."""
        return (self.env, self.model)


@dataclass(frozen=True)
class Row:
    """A line of a table under one model."""

    task: str
    """A file of ``config/env/``."""
    model: str
    """What the paper calls the column's model by; ours may be another (:attr:`Table.stands_for`)."""
    label: str
    source: Training | BeforeTraining | Evaluated
    paper: Mapping[str, float] = field(default_factory=dict)
    """What the paper reports, by quantity."""


@dataclass(frozen=True)
class Table:
    """A table or figure of the paper."""

    name: str
    title: str
    quantities: tuple[str, ...]
    rows: tuple[Row, ...]
    remark: str = ""

    @property
    def trainings(self) -> list[Training]:
        """What has to be trained, each once."""
        found = []
        for row in self.rows:
            if isinstance(row.source, Training):
                found.append(row.source)
            elif isinstance(row.source, BeforeTraining):
                found.append(row.source.training)
        return list(dict.fromkeys(found))

    @property
    def evaluations(self) -> list[Evaluated]:
        """What has to be evaluated by itself, each once."""
        return list(dict.fromkeys(row.source for row in self.rows if isinstance(row.source, Evaluated)))

    def at(self, scale: str) -> Table:
        """The table at a scale: ``paper`` as it is, ``cpu`` with each task's smallest model alone, made tiny."""
        if scale == "paper":
            return self
        smallest = {row.task: row.model for row in reversed(self.rows)}
        smallest |= {row.task: row.model for row in self.rows if row.model == paper.SMALL}
        rows = [_small(row) for row in self.rows if row.model in (smallest[row.task], "")]
        return replace(self, rows=tuple({(row.task, row.label): row for row in rows}.values()))


def seed_words(seed: int, first_start: int) -> tuple[str, ...]:
    """What tells the runs of a setting apart: every seed has training starts of its own, seed 0 upstream's."""
    return (f"run_seed={seed}", f"seed.train={first_start + SEED_DISTANCE * seed}")


def shell_lines(words: tuple[str, ...], seeds: int, first_start: int) -> str:
    """The runs of a setting, to be typed: a loop where there are several seeds."""
    command = f"bash train.sh {shlex.join(words)}"
    if seeds == 1:
        return f"{command} {shlex.join(seed_words(0, first_start))}"
    start = f"$(({first_start} + {SEED_DISTANCE} * seed))"
    return f"for seed in {' '.join(map(str, range(seeds)))}; do {command} run_seed=$seed seed.train={start}; done"


def _small(row: Row) -> Row:
    if isinstance(row.source, Evaluated):
        label = "SmolLM2-135M (zero-shot)"
        return replace(
            row, label=label, source=Evaluated(row.task, STAND_IN, "pip install 'ragen_tsr[smollm]'"), paper={}
        )
    if isinstance(row.source, BeforeTraining):
        return replace(row, source=BeforeTraining(replace(row.source.training, model=TINY)))
    label = row.label.replace(paper.MODEL_NAMES[paper.SMALL], TINY)
    return replace(row, label=label, source=replace(row.source, model=TINY))


def _evaluation(figures: paper.Evaluation) -> dict[str, float]:
    return {name: value for name, value in asdict(figures).items() if value is not None}


def _main(tasks: Iterable[str]) -> tuple[Row, ...]:
    """Tables 1 and 2."""
    rows = []
    for (task, model, method), figures in paper.MAIN.items():
        if task in tasks:
            trained = Training(task, model, "none" if method == paper.BASE else method)
            source = BeforeTraining(trained) if method == paper.BASE else trained
            rows.append(Row(task, model, method_name(method), source, _evaluation(figures)))
    return tuple(rows)


def _larger() -> tuple[Row, ...]:
    """Table 3."""
    served = {
        "GPT-4o (zero-shot)": ("api:gpt-4o", "engine.base_url and the variable that engine.api_key_variable names"),
        "Qwen2.5-72B (zero-shot)": (
            "api:Qwen/Qwen2.5-72B-Instruct",
            "engine.base_url of a server of it, such as vLLM's",
        ),
    }
    rows = [
        Row(task, "", label, Evaluated(task, *served[label]), {"success": success})
        for (label, task), success in paper.LARGER.items()
    ]
    for row in _main(("sokoban", "frozen_lake")):
        if row.model == paper.SMALL and isinstance(row.source, Training):
            label = f"{paper.MODEL_NAMES[paper.SMALL]} ({row.label.removeprefix('TSR (').removesuffix(')')})"
            rows.append(replace(row, model="", label=label))
    return tuple(sorted(rows, key=lambda row: list(paper.TASK_NAMES).index(row.task)))


def _scaling(wanted: Callable[[str, str, int, int], bool]) -> tuple[Row, ...]:
    """Tables 4 to 7."""
    return tuple(
        Row(task, model, f"M={m}, B={b}", _with_budget(task, model, (m, b)), _evaluation(figures))
        for (task, model, m, b), figures in paper.SCALING.items()
        if wanted(task, model, m, b)
    )


def _with_budget(task: str, model: str, budget: tuple[int, int]) -> Training:
    return Training(task, model, "beam", None if budget == DEFAULT_BUDGET else budget)


def _times(tasks: Iterable[str]) -> tuple[Row, ...]:
    """Tables 8 to 10, and figure 3."""
    return tuple(
        Row(task, model, method_name(method), Training(task, model, method), asdict(figures))
        for (task, model, method), figures in paper.TIMES.items()
        if task in tasks
    )


_EVALUATED = ("success", "length", "turns")
_TIMED = ("success", "hours", "steps_to_80", "hours_to_80", "steps_to_convergence", "hours_to_convergence")
_READING = (
    "The paper's figures of beam search here are those of M=2, B=2 in its tables 5 to 7; its text says M=4, which "
    "these runs take."
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("table1", "Results (Sokoban, FrozenLake)", _EVALUATED, _main(("sokoban", "frozen_lake")), _READING),
        Table("table2", "Results (WebShop)", _EVALUATED, _main(("webshop",)), _READING),
        Table("table3", "Comparison to larger models", ("success",), _larger(), _READING),
        Table(
            "table4",
            "Scaling effects (Sokoban)",
            ("success",),
            _scaling(
                lambda t, model, m, b: (t, model) == ("sokoban", paper.LARGE) and (m, b) in ((2, 1), (2, 2), (6, 2))
            ),
        ),
        Table("table5", "Sokoban: beam search scaling", _EVALUATED, _scaling(lambda t, *_: t == "sokoban")),
        Table("table6", "FrozenLake: beam search scaling", _EVALUATED, _scaling(lambda t, *_: t == "frozen_lake")),
        Table("table7", "WebShop: beam search scaling", _EVALUATED, _scaling(lambda t, *_: t == "webshop")),
        Table("table8", "Wall-clock time and convergence on Sokoban", _TIMED, _times(("sokoban",)), _READING),
        Table("table9", "Wall-clock time and convergence on FrozenLake", _TIMED, _times(("frozen_lake",)), _READING),
        Table("table10", "Wall-clock time and convergence on WebShop", _TIMED, _times(("webshop",)), _READING),
        Table(
            "fig3",
            "Success rate on held-out validation sets over training",
            ("success", "steps_to_80", "steps_to_convergence"),
            _times(("sokoban", "frozen_lake", "webshop")),
            "The paper gives no numbers of its curves; when they reach 80 % and converge stands in its tables 8 to 10.",
        ),
        Table(
            "fig4",
            "Exploitation, exploration and stability (Sokoban)",
            ("reward", "entropy", "grad_norm", "grad_norm_max"),
            tuple(replace(row, paper={}) for row in _times(("sokoban",)) if row.model == paper.LARGE),
            "The paper gives no numbers of its curves. It reports: rewards rise steadily, highest for beam search, "
            "then lookahead, then best-of-N; entropy falls smoothly for all; gradient norms stay in a narrow range.",
        ),
    )
}
"""Tables 1 to 10 and figures 3 and 4."""
