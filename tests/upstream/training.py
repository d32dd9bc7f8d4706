"""``python tests/upstream/training.py CHECKOUT [ENV/METHOD ...] [overrides] [--without-ray]``: upstream trains here.

CHECKOUT is a clone of mll-lab-nu/RAGEN at the pin; it is left as it is. For each task and method, ``ragen_tsr.train``
runs two steps with the tiny policy, as ``RAGEN_HOME=CHECKOUT bash train.sh ENV METHOD`` does, in small sizes. Shown is
that the managers, the proxy's base, the trainer, the workers and the filter are upstream's, that training changed the
weights, and that the run folder says where RAGEN came from. After a run with ``none``, rollouts of upstream's own proxy
and of ours are collected from the same worker state and compared: what the worker is given call by call, and the batch
that results. With ``--without-ray`` the workers are of this process, not Ray's; everything else is the same.

Exit status 0 if all of it holds, 1 otherwise.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

RUNS = ("sokoban/none", "sokoban/beam", "frozen_lake/none", "frozen_lake/beam")
WITHOUT_RAY = "--without-ray"
ROLLOUTS = 2
SIZES = (
    "scale=cpu",
    "trainer.total_training_steps=2",
    "trainer.test_freq=2",
    "trainer.save_freq=2",
    "es_manager.train.env_groups=2",
    "es_manager.train.group_size=4",
    "es_manager.val.env_groups=4",
    "ppo_mini_batch_size=4",
    "micro_batch_size_per_gpu=4",
)

console = Console(highlight=False)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    overrides = [argument for argument in arguments[1:] if "=" in argument]
    runs = [argument for argument in arguments[1:] if argument not in (*overrides, WITHOUT_RAY)]
    if not arguments or any(run not in RUNS for run in runs):
        usage = f"usage: python tests/upstream/training.py CHECKOUT [{' '.join(RUNS)}] [overrides] [{WITHOUT_RAY}]"
        console.print(usage, markup=False)
        return 2
    os.environ["RAGEN_HOME"] = str(Path(arguments[0]).resolve())
    if WITHOUT_RAY in arguments:
        import in_process

        from ragen_tsr import train

        train.started_trainer = in_process.started_trainer
    with tempfile.TemporaryDirectory() as folder:
        try:
            for run in runs or RUNS:
                env, method = run.split("/")
                prove(env, method, Path(folder) / env / method, overrides)
        except AssertionError as error:
            console.print(f"FAILED: {error}", markup=False, style="red")
            return 1
    return 0


def prove(env: str, method: str, outputs: Path, overrides: list[str]) -> None:
    """Train two steps in a folder below ``outputs`` and look at what is left.

    Raises:
        AssertionError: Something does not hold; says what.
    """
    from ragen_tsr import train

    weights: list[dict[str, str]] = []
    compared: list[str] = []
    started_trainer = train.started_trainer

    @contextlib.contextmanager
    def watched(config: Any, display: Any = None) -> Iterator[Any]:
        with started_trainer(config, display) as trainer:
            check_classes(trainer)
            weights.append(trainer.actor_rollout_wg.weight_fingerprint()[0])
            yield trainer
            weights.append(trainer.actor_rollout_wg.weight_fingerprint()[0])
            if method == "none":
                compared.append(compare(trainer, outputs))

    train.started_trainer = watched
    try:
        status = train.main([env, method, *SIZES, f"trainer.local_log_dir={outputs}", *overrides])
    finally:
        train.started_trainer = started_trainer
    (folder,) = outputs.glob(f"{env}-{method}-*")
    assert status == 0, f"{env} {method}: exit status {status}\n{(folder / 'run.log').read_text()[-4000:]}"
    check_folder(folder, f"{env} {method}")
    assert weights[0]["actor"] != weights[1]["actor"], f"{env} {method}: training changed no weight"
    console.print("; ".join([f"{env} {method}: two steps, weights changed", *compared]), markup=False, soft_wrap=True)


def check_classes(trainer: Any) -> None:
    """The parts of the run are upstream's classes."""
    from ragen.llm_agent.agent_proxy import LLMAgentProxy
    from ragen.llm_agent.ctx_manager import ContextManager
    from ragen.llm_agent.es_manager import EnvStateManager
    from ragen.trainer.agent_trainer import RayAgentTrainer
    from ragen.workers import fsdp_workers

    from ragen_tsr.upstream import workers

    proxy = trainer.agent_proxy
    for part, expected in (
        (trainer, RayAgentTrainer),
        (proxy, LLMAgentProxy),
        (proxy.train_es_manager, EnvStateManager),
        (proxy.train_ctx_manager, ContextManager),
    ):
        assert isinstance(part, expected), f"{type(part)} is no {expected}"
    assert type(trainer.rollout_filter).__module__ == "ragen.trainer.rollout_filter", type(trainer.rollout_filter)
    assert issubclass(workers.ActorRolloutRefWorker, fsdp_workers.ActorRolloutRefWorker)
    assert issubclass(workers.CriticWorker, fsdp_workers.CriticWorker)


def check_folder(folder: Path, run: str) -> None:
    """What a run leaves: two steps with updates, searches, a checkpoint, and where RAGEN came from."""
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["facts"]["RAGEN"].startswith("upstream"), f"{run}: {summary['facts']['RAGEN']}"
    steps = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [0, 1, 2], f"{run}: steps {[step['step'] for step in steps]}"
    for step in steps[1:]:
        assert step["actor/grad_norm"] is not None, f"{run}: step {step['step']} made no update"
        assert step["train/search/generation_calls"] > 0, f"{run}: step {step['step']} has no ledger"
    for name in ("rollouts/step_000002.jsonl", "validation/step_000002.jsonl", "report.html"):
        assert (folder / name).is_file(), f"{run}: no {name}"
    assert (folder / "checkpoints" / "latest_checkpointed_iteration.txt").read_text() == "2"


def compare(trainer: Any, outputs: Path) -> str:
    """Rollouts of upstream's proxy and of ours, from the same worker state.

    Raises:
        AssertionError: Something differs; says what.
    """
    from ragen.llm_agent.agent_proxy import LLMAgentProxy

    from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy

    state = str(outputs / "state")
    workers = trainer.actor_rollout_wg
    workers.save_checkpoint(state, None, 0)
    seen = []
    for proxy_class in (LLMAgentProxy, SearchAgentProxy):
        workers.load_checkpoint(state)
        proxy = proxy_class(trainer.config, workers, trainer.tokenizer)
        seen.append(rollouts(proxy))
    theirs, ours = seen
    assert len(theirs) == len(ours), f"{len(theirs)} records of upstream's, {len(ours)} of ours"
    for index, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        same(their, our, f"record {index}")
    calls = sum(record["kind"] == "call" for record in theirs)
    return f"{ROLLOUTS} rollouts equal upstream's own, {calls} calls token for token"


def rollouts(proxy: Any) -> list[dict[str, Any]]:
    """What the worker was given in each call and what it answered, and the batch of each rollout."""
    from verl import DataProto

    records: list[dict[str, Any]] = []
    generate = proxy.generate_sequences

    def recorded(lm_inputs: Any) -> Any:
        given = {"kind": "call", "inputs": contents(lm_inputs), "meta_info": dict(lm_inputs.meta_info)}
        lm_outputs = generate(lm_inputs)
        records.append({**given, "outputs": contents(lm_outputs)})
        return lm_outputs

    proxy.generate_sequences = recorded
    for _ in range(ROLLOUTS):
        batch = proxy.rollout(DataProto(meta_info={"compute_collapse": False}), val=False)
        metrics = {k: v for k, v in batch.meta_info["metrics"].items() if not k.startswith("search/")}
        records.append({"kind": "batch", "contents": contents(batch), "metrics": metrics})
    return records


def contents(data: Any) -> dict[str, Any]:
    """Tensors as lists, and what is not in tensors, by name."""
    tensors = {} if data.batch is None else {name: data.batch[name].tolist() for name in data.batch.keys()}  # noqa: SIM118
    return tensors | {name: list(values) for name, values in data.non_tensor_batch.items()}


def same(a: Any, b: Any, where: str) -> None:
    """Equal to the last digit.

    Raises:
        AssertionError: They differ; says where.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        assert a.keys() == b.keys(), f"{where}: {sorted(a.keys() ^ b.keys(), key=str)} on one side only"
        for key in a:
            same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        assert len(a) == len(b), f"{where}: {len(a)} and {len(b)} entries"
        for index, pair in enumerate(zip(a, b, strict=True)):
            same(*pair, f"{where}[{index}]")
    elif hasattr(a, "tolist"):
        same(a.tolist(), b.tolist() if hasattr(b, "tolist") else b, where)
    else:
        assert a == b or (a != a and b != b), f"{where}: {a!r} and {b!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
