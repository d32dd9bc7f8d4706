"""Checks ``context.jsonl``: prompts, training rows, masks and scores.

The context manager is given the recorded histories, so that its cases need no environment. An environment type that
this project does not have (``search``) is stood in for by a configuration without settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import make_dataclass
from typing import Any

import numpy as np
import torch

from checks import Context, Departed, close, exact
from checks.es_manager import manager_config
from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS
from ragen_tsr.embedded.llm_agent.ctx_manager import ContextManager

DEPARTURES = {
    "states are kept when a long row is cut": (
        "upstream cuts the state of the first turn it keeps (or everything), and its masks then train on "
        "the environment's text; here whole turns are left out. Rows that are not cut are compared."
    ),
    "the symbols that are drawn are explained": (
        "upstream explains the default symbols although env_config.grid_vocab says what the environment "
        "draws. Everything else is compared, with that key taken away."
    ),
}
_CUT, _SYMBOLS = DEPARTURES

SCORES = 1e-6
METRICS = 1e-9


_STAND_IN = make_dataclass("_StandIn", [])


def check(case: dict[str, Any], context: Context) -> list[str]:
    """Texts, ids and masks exactly, scores within 1e-6, metrics within 1e-9."""
    config = manager_config(case["config"])
    config.wording = context.wording
    departure = None
    if case.get("upstream_bug"):
        for env in config.custom_envs.values():
            if (env.get("env_config") or {}).pop("grid_vocab", None) is not None:
                departure = _SYMBOLS
    with _registered({env.env_type for env in config.custom_envs.values()}):
        manager = ContextManager(config, context.tokenizer(case["config"]["tokenizer"]), mode=config.mode)
    if case["kind"] == "scores":
        return _check_scores(case, manager)
    found = []
    for turn in case["generation"]:
        differences, cut = _check_prompts(case, turn, manager)
        found += differences
        departure = _CUT if cut else departure
    differences, cut = _check_update(case, manager)
    found += differences
    if (cut or departure) and not found:
        raise Departed(_CUT if cut else departure)
    return found


@contextmanager
def _registered(env_types: set[str]) -> Iterator[None]:
    """Stand-in configurations for those of ``env_types`` that are not registered, for as long as the context lasts."""
    added = dict.fromkeys(env_types - set(REGISTERED_ENV_CONFIGS), _STAND_IN)
    REGISTERED_ENV_CONFIGS.update(added)
    try:
        yield
    finally:
        for name in added:
            del REGISTERED_ENV_CONFIGS[name]


def _check_prompts(case: dict[str, Any], turn: dict[str, Any], manager: ContextManager) -> tuple[list[str], bool]:
    """Compare a turn's prompts; also whether the recorded ones were cut with the fault of upstream."""
    where = f"turn {turn['turn']}"
    outputs = turn.get("env_outputs") or _outputs_at(case["rollout_states"], turn["turn"])
    inputs = manager.get_lm_inputs(outputs, prepare_for_update=False)
    found = exact(f"{where}.env_ids", inputs.non_tensor_batch["env_ids"], turn["env_ids"])
    found += exact(f"{where}.group_ids", inputs.non_tensor_batch["group_ids"], turn["group_ids"])
    cut = _cut(case, turn["roles"], manager, lambda whole: whole.get_lm_inputs(outputs, prepare_for_update=False))
    for row in range(len(turn["prompts"])):
        if cut[row]:
            continue
        ids = _unpadded(inputs, row)
        text = manager.tokenizer.decode(ids)
        found += exact(f"{where}.prompts[{row}]", text, turn["prompts"][row])
        found += exact(f"{where}.n_tokens[{row}]", len(ids), turn["n_tokens"][row])
        found += exact(f"{where}.roles[{row}]", _roles(inputs, row), turn["roles"][row])
    if not any(cut):
        found += exact(f"{where}.seq_len", inputs.batch["input_ids"].shape[1], turn["seq_len"])
    if "env_inputs" in turn:
        inputs.batch = None
        inputs.non_tensor_batch["response_texts"] = turn["response_texts"]
        found += exact(f"{where}.env_inputs", manager.get_env_inputs(inputs), turn["env_inputs"])
    return found, any(cut)


def _check_update(case: dict[str, Any], manager: ContextManager) -> tuple[list[str], bool]:
    recorded = case["update"]
    if "error" in recorded:
        try:
            manager.formulate_rollouts(case["rollout_states"], include_collapse_data=False)
        except Exception as error:  # noqa: BLE001 (whatever is raised is compared with what was recorded)
            return exact("update.error", type(error).__name__, recorded["error"]), False
        return [f"update: no error, recorded {recorded['error']}: {recorded['error_message']}"], False
    rows = manager.formulate_rollouts(case["rollout_states"], include_collapse_data=False)
    cut = _cut(
        case,
        recorded["roles"],
        manager,
        lambda whole: whole.formulate_rollouts(case["rollout_states"], False),
    )
    found = exact("update.env_ids", rows.non_tensor_batch["env_ids"], recorded["env_ids"])
    for key in ("group_ids", "episode_ids", "uid"):
        if key in recorded:
            found += exact(f"update.{key}", rows.non_tensor_batch[key], recorded[key])
    found += exact("update.batch_keys", sorted(rows.batch.keys()), sorted(recorded["batch_keys"]))
    found += exact("update.non_tensor_keys", sorted(rows.non_tensor_batch), sorted(recorded["non_tensor_keys"]))
    found += _check_metrics(rows.meta_info["metrics"], recorded["metrics"], any(cut))
    length = rows.batch["input_ids"].shape[1]
    if not any(cut):
        found += exact("update.seq_len", length, recorded["seq_len"])
    shift = length - recorded["seq_len"]
    for row in range(len(recorded["texts"])):
        if not cut[row]:
            found += _check_row(rows, row, recorded, manager, shift)
    found += _check_derived(rows)
    if "collapse" in case:
        with_data = manager.formulate_rollouts(case["rollout_states"], include_collapse_data=True)
        for key, value in case["collapse"].items():
            found += exact(f"collapse.{key}", with_data.non_tensor_batch[key], value)
        extra = set(with_data.non_tensor_batch) - set(rows.non_tensor_batch)
        found += exact("collapse.keys", sorted(extra), sorted(case["collapse"]))
    return found, any(cut)


def _check_row(rows: Any, row: int, recorded: dict[str, Any], manager: ContextManager, shift: int) -> list[str]:
    """Compare one row. Columns are counted from the right, as other rows may make ours ``shift`` longer."""
    ids = _unpadded(rows, row)
    found = exact(f"update.texts[{row}]", manager.tokenizer.decode(ids), recorded["texts"][row])
    found += exact(f"update.roles[{row}]", _roles(rows, row), recorded["roles"][row])
    found += exact(
        f"update.pad_left[{row}]",
        rows.batch["input_ids"].shape[1] - len(ids) - shift,
        recorded["pad_left"][row],
    )
    if "input_ids" in recorded:
        found += exact(f"update.input_ids[{row}]", ids, recorded["input_ids"][row])
    loss = rows.batch["loss_mask"][row]
    found += exact(f"update.loss_mask[{row}]", _spans(loss, shift), recorded["loss_mask_spans"][row])
    if "response_mask_spans" in recorded:
        _, responses = _response_mask(rows, manager)
        found += exact(
            f"update.response_mask[{row}]",
            _spans(responses[row], shift),
            recorded["response_mask_spans"][row],
        )
    for key in ("rm_scores", "original_rm_scores"):
        ours = [[int(at) - shift, float(rows.batch[key][row, at])] for at in rows.batch[key][row].nonzero().flatten()]
        found += exact(f"update.{key}[{row}] positions", [at for at, _ in ours], [at for at, _ in recorded[key][row]])
        found += close(
            f"update.{key}[{row}]", [v for _, v in ours], [v for _, v in recorded[key][row]], absolute=SCORES
        )
    return found


def _response_mask(rows: Any, manager: ContextManager) -> tuple[torch.Tensor, torch.Tensor]:
    from ragen_tsr.embedded.llm_agent.scores import conversation_masks

    return conversation_masks(rows.batch["input_ids"], manager.chat, enable_response_mask=True)


def _check_derived(rows: Any) -> list[str]:
    """``position_ids`` and ``responses`` follow from the ids and the attention mask."""
    batch, found = rows.batch, []
    if not torch.equal(batch["position_ids"], (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)):
        found.append("update.position_ids: not the running count of attended tokens")
    if not torch.equal(batch["responses"], batch["input_ids"][:, 1:]):
        found.append("update.responses: not the ids without the first column")
    return found


def _check_metrics(ours: dict[str, Any], recorded: dict[str, Any], cut: bool) -> list[str]:
    found = exact("update.metrics", sorted(ours), sorted(recorded))
    for key in recorded:
        if key in ours and not (cut and key == "response_length"):
            found += close(f"update.metrics.{key}", ours[key], recorded[key], absolute=METRICS)
    return found


def _check_scores(case: dict[str, Any], manager: ContextManager) -> list[str]:
    rows = manager.formulate_rollouts(case["rollout_states"], include_collapse_data=False)
    found = []
    for key in ("rm_scores", "original_rm_scores"):
        found += close(f"{key}_last", rows.batch[key][:, -1].tolist(), case[f"{key}_last"], absolute=SCORES)
        if rows.batch[key][:, :-1].any():
            found.append(f"{key}: not 0 before the last position")
    if "episode_ids" in case:
        found += exact("episode_ids", rows.non_tensor_batch["episode_ids"], case["episode_ids"])
    return found


def _outputs_at(states: list[dict[str, Any]], turn: int) -> list[dict[str, Any]]:
    """What the policy is given in turn ``turn``: histories cut to that length, the last entry to what is
    known then.
    """
    known = ("state", "actions_left", "manager_invalid_action")
    return [
        state
        | {
            "history": [
                *state["history"][: turn - 1],
                {key: state["history"][turn - 1][key] for key in known if key in state["history"][turn - 1]},
            ]
        }
        for state in states
        if len(state["history"]) >= turn
    ]


def _cut(
    case: dict[str, Any],
    roles: list[list[str]],
    manager: ContextManager,
    build: Callable[[ContextManager], Any],
) -> list[bool]:
    """Which recorded rows have fewer messages than they would have without a greatest length (in a marked
    case).
    """
    if not case.get("upstream_bug"):
        return [False] * len(roles)
    config = manager.config.copy()
    config.actor_rollout_ref.rollout.max_model_len = None
    config.agent_proxy.use_turn_scores = False  # a turn that was cut away may be one that cannot be scored
    with _registered({env.env_type for env in config.custom_envs.values()}):
        whole = build(ContextManager(config, manager.tokenizer, mode=manager.mode))
    return [len(recorded) < len(_roles(whole, row)) for row, recorded in enumerate(roles)]


def _roles(rows: Any, row: int) -> list[str]:
    return [message["role"] for message in rows.non_tensor_batch["messages_list"][row]]


def _unpadded(rows: Any, row: int) -> list[int]:
    return rows.batch["input_ids"][row][rows.batch["attention_mask"][row].bool()].tolist()


def _spans(mask: torch.Tensor, shift: int) -> list[list[int]]:
    """[start, end) of the runs of ones."""
    steps = np.diff(np.concatenate([[0], mask.int().numpy(), [0]]))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [[int(start) - shift, int(end) - shift] for start, end in zip(starts, ends, strict=True)]
