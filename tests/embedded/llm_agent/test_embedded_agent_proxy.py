import numpy as np
import pytest
import torch
from corridor import reply
from verl import DataProto

from ragen_tsr.embedded.llm_agent.agent_proxy import LLMAgentProxy, rollout_mode


class ScriptedWorkers:
    """Answers call t of a rollout with ``script[t]``, and remembers what it was handed."""

    def __init__(self, tokenizer, script, world_size=1):
        self.tokenizer, self.script, self.world_size = tokenizer, script, world_size
        self.calls = []

    def generate_sequences(self, prompts):
        meta = dict(prompts.meta_info)
        self.calls.append((meta["mode"], meta.get("skip_generation", False), len(prompts)))
        if meta.get("skip_generation"):
            return prompts
        ids = self.tokenizer(self.script[len(self.calls) - 1])["input_ids"]
        responses = torch.tensor([ids] * len(prompts))
        log_probs = torch.zeros(responses.shape)
        return DataProto.from_dict(
            tensors={"responses": responses, "rollout_log_probs": log_probs},
            non_tensors={"other": np.zeros(len(prompts))},
        )


def rollout(config, tokenizer, script, world_size=1, **meta):
    workers = ScriptedWorkers(tokenizer, script, world_size)
    proxy = LLMAgentProxy(config, workers, tokenizer)
    rows = proxy.rollout(DataProto(batch=None, non_tensor_batch=None, meta_info=meta))
    return proxy, workers, rows


def test_a_full_rollout_is_told_start_middle_and_end(make_config, chatml):
    _, workers, rows = rollout(make_config(groups=2, size=2), chatml, [reply("Stay")] * 3)
    assert workers.calls == [
        ("multiturn-start", False, 4),
        ("multiturn-middle", False, 4),
        ("multiturn-end", False, 4),
    ]
    assert rows.non_tensor_batch["env_ids"].tolist() == [0, 1, 2, 3]


def test_a_rollout_that_ends_early_is_closed_with_a_call_that_generates_nothing(make_config, chatml):
    config = make_config(groups=1, size=2, agent_proxy__max_actions_per_turn=3)
    meta = {"eos_token_id": 5}
    workers = ScriptedWorkers(chatml, [reply("Go", "Go", "Go")])
    proxy = LLMAgentProxy(config, workers, chatml)
    request = DataProto(batch=None, non_tensor_batch=None, meta_info=meta)
    rows = proxy.rollout(request)
    assert workers.calls == [("multiturn-start", False, 2), ("multiturn-end", True, 2)]
    assert rows.batch["rm_scores"][:, -1].tolist() == [4.5, 4.5]
    assert request.meta_info == {"eos_token_id": 5, "mode": "multiturn-end", "skip_generation": True}


def test_one_turn_needs_no_closing(make_config, chatml):
    config = make_config(groups=1, size=1, agent_proxy__max_turn=1)
    _, workers, _ = rollout(config, chatml, [reply("Go")])
    assert workers.calls == [("singleturn", False, 1)]


def test_only_open_slots_are_asked_and_rows_fill_up_to_the_ranks(make_config, chatml):
    config = make_config(groups=3, size=1)
    _, workers, rows = rollout(config, chatml, [reply("Stay")] * 3, world_size=2)
    assert [rows for _, _, rows in workers.calls] == [4, 4, 4]
    assert len(rows) == 3


def test_outputs_have_the_inputs_meta_and_keep_the_workers_tensors(make_config, chatml):
    config = make_config(groups=3, size=1)
    workers = ScriptedWorkers(chatml, [reply("Go")], world_size=2)
    proxy = LLMAgentProxy(config, workers, chatml)
    inputs = proxy.train_ctx_manager.get_lm_inputs(proxy.train_es_manager.reset(), prepare_for_update=False)
    inputs.meta_info = {"mode": "singleturn"}
    outputs = proxy.generate_sequences(inputs)
    assert outputs.meta_info is inputs.meta_info
    assert outputs.non_tensor_batch is inputs.non_tensor_batch
    assert outputs.batch["rollout_log_probs"].shape[0] == 3


def test_validation_plays_its_own_environments(make_config, chatml):
    config = make_config(groups=2, size=1)
    proxy = LLMAgentProxy(config, ScriptedWorkers(chatml, [reply("Stay")] * 3), chatml)
    rows = proxy.rollout(DataProto(batch=None, non_tensor_batch=None, meta_info={}), val=True)
    assert [history[0]["state"] for history in rows.non_tensor_batch["history"]] == ["at 0 of 7", "at 0 of 8"]
    assert proxy.train_es_manager.rollout_cache is None


@pytest.mark.parametrize(
    ("turn", "turns", "mode"),
    [(0, 1, "singleturn"), (0, 2, "multiturn-start"), (1, 2, "multiturn-end"), (1, 3, "multiturn-middle")],
)
def test_modes(turn, turns, mode):
    assert rollout_mode(turn, turns) == mode
