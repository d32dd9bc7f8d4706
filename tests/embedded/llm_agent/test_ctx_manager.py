import logging

import numpy as np
import pytest
import torch
from corridor import reply, turn
from verl import DataProto

from ragen_tsr.embedded.llm_agent.ctx_manager import ContextManager
from ragen_tsr.embedded.llm_agent.es_manager import EnvStateManager


def played(config, *rounds):
    """Rollout states after rounds of turns, and the context manager of the same configuration."""
    manager = EnvStateManager(config)
    manager.reset()
    for inputs in rounds:
        manager.step(inputs)
    return manager.get_rollout_states()


def texts(tokenizer, rows):
    return [
        tokenizer.decode(ids[mask.bool()])
        for ids, mask in zip(rows.batch["input_ids"], rows.batch["attention_mask"], strict=True)
    ]


def pieces(tokenizer, rows, row, mask):
    """The texts of the runs of target tokens under a mask of a row."""
    targets = rows.batch["input_ids"][row, 1:].tolist()
    found, current = [], []
    for token, on in zip([*targets, 0], [*mask[row].tolist(), 0], strict=True):
        if on:
            current.append(token)
        elif current:
            found.append(tokenizer.decode(current))
            current = []
    return found


def test_a_prompt_has_the_task_the_past_and_the_opening_tag(make_config, chatml):
    config = make_config(groups=1, size=1)
    manager = EnvStateManager(config)
    manager.reset()
    outputs = manager.step([turn(0, "Go", "Jump")])
    (text,) = texts(chatml, ContextManager(config, chatml).get_lm_inputs(outputs, prepare_for_update=False))
    assert text == (
        "<|im_start|>system\nReach the end.\nActions: Go, Stay."
        "\nYou have 4 of them in all; write || between two.<|im_end|>\n"
        "<|im_start|>user\nTurn 1\nat 0 of 100\n4 actions left. "
        "Reply as <think>plan</think><answer>actions</answer>, at most 50 tokens.\n<|im_end|>\n"
        "<|im_start|>assistant\n<think>hm</think><answer>Go || Jump</answer><|im_end|>\n"
        "<|im_start|>user\nReward: 1.5\nTurn 2\nat 1 of 100\n3 actions left. "
        "Reply as <think>plan</think><answer>actions</answer>, at most 50 tokens.\n<|im_end|>\n"
        "<|im_start|>assistant\n<think>"
    )


def test_warnings_are_in_prompts_and_not_in_training_rows(make_config, chatml):
    config = make_config(groups=1, size=1)
    manager = EnvStateManager(config)
    manager.reset()
    outputs = manager.step([turn(0)])
    contexts = ContextManager(config, chatml)
    (prompt,) = texts(chatml, contexts.get_lm_inputs(outputs, prepare_for_update=False))
    manager.step([turn(0, "Go")])
    (row,) = texts(chatml, contexts.formulate_rollouts(manager.get_rollout_states()))
    assert config.wording.warning in prompt
    assert config.wording.warning not in row
    assert f"Reward: 0\nTurn 2\nat 0 of 100\n{config.wording.warning}4 actions left." in prompt


def test_repeated_rows_are_tokenised_once_and_equal(make_config, chatml, monkeypatch):
    config = make_config(groups=2, size=1)
    outputs = EnvStateManager(config).reset()
    contexts = ContextManager(config, chatml)
    tokenised = []
    call = type(chatml).__call__
    monkeypatch.setattr(
        type(chatml), "__call__", lambda self, text, **kw: tokenised.append(text) or call(self, text, **kw)
    )
    rows = contexts.get_lm_inputs([outputs[0], outputs[1], outputs[0], dict(outputs[0])], False)
    assert sum(len(text) for text in tokenised) == 2
    ids = rows.batch["input_ids"]
    assert torch.equal(ids[0], ids[2])
    assert torch.equal(ids[0], ids[3])
    assert rows.non_tensor_batch["env_ids"].tolist() == [0, 1, 0, 0]


def test_rows_are_padded_on_the_left(make_config, chatml):
    config = make_config(groups=1, size=2)
    manager = EnvStateManager(config)
    outputs = manager.reset()
    manager.step([turn(1, "Go")])
    batch = ContextManager(config, chatml).get_lm_inputs(outputs, prepare_for_update=False).batch
    width = batch["input_ids"].shape[1]
    padding = width - int(batch["attention_mask"][0].sum())
    assert padding > 0
    assert (batch["input_ids"][0, :padding] == chatml.pad_token_id).all()
    assert batch["position_ids"][0].tolist() == [0] * padding + list(range(width - padding))
    assert torch.equal(batch["responses"], batch["input_ids"][:, 1:])


def test_responses_go_on_from_the_opening_tag(make_config, chatml):
    contexts = ContextManager(make_config(), chatml)
    ids = [chatml(reply("Go", "Stay", "Go"))["input_ids"] + [chatml.convert_tokens_to_ids("<|im_end|>")]]
    outputs = DataProto.from_dict(
        tensors={"responses": torch.tensor(ids * 2)}, non_tensors={"env_ids": np.array([3, 3])}
    )
    (first, second) = contexts.get_env_inputs(outputs)
    assert (
        first
        == second
        == {
            "env_id": 3,
            "llm_raw_response": "<think>" + reply("Go", "Stay", "Go"),
            "llm_response": "<think>hm</think><answer>Go || Stay</answer>",
            "actions": ["Go", "Stay"],
        }
    )


def test_ids_beyond_the_slots_are_refused(make_config, chatml):
    config = make_config(groups=1, size=2)
    contexts = ContextManager(config, chatml)
    output = EnvStateManager(config).reset()[0] | {"env_id": 2}
    with pytest.raises(ValueError, match="slots 0 to 1"):
        contexts.get_lm_inputs([output], prepare_for_update=False)
    outputs = DataProto()
    outputs.non_tensor_batch = {"env_ids": np.array([-1]), "response_texts": ["x"]}
    with pytest.raises(ValueError, match="slots 0 to 1"):
        contexts.get_env_inputs(outputs)


def test_in_chatml_a_turn_is_trained_up_to_the_next_opening_marker(make_config, chatml):
    config = make_config(groups=1, size=1)
    states = played(config, [turn(0, "Go")], [turn(0, "Go", "Go")])
    rows = ContextManager(config, chatml).formulate_rollouts(states)
    assert pieces(chatml, rows, 0, rows.batch["loss_mask"]) == [
        "assistant\n<think>hm</think><answer>Go</answer><|im_end|>\n<|im_start|>",
        "assistant\n<think>hm</think><answer>Go || Go</answer><|im_end|>\n",
    ]
    everything = ContextManager(make_config(groups=1, size=1, enable_response_mask=False), chatml)
    rows = everything.formulate_rollouts(states)
    (trained,) = pieces(chatml, rows, 0, rows.batch["loss_mask"])
    assert trained.startswith("user\nTurn 1")
    assert "Reward: 1.5" in trained


def test_rewards_stand_at_the_end_of_the_row_or_of_their_turns(make_config, chatml, llama):
    config = make_config(groups=1, size=1, agent_proxy__use_turn_scores=True)
    states = played(config, [turn(0, "Go", "Jump")], [turn(0, "Go", "Go")])
    for tokenizer, last in ((chatml, "<|im_end|>\n"), (llama, "<|eot_id|>")):
        rows = ContextManager(config, tokenizer).formulate_rollouts(states)
        scores, targets = rows.batch["rm_scores"][0], rows.batch["input_ids"][0, 1:]
        at = scores.nonzero().flatten().tolist()
        assert scores[at].tolist() == [1.5, 3.0]
        for position in at:
            assert tokenizer.decode(targets[: position + 1]).endswith("</answer>" + last)
        assert at[-1] == scores.shape[0] - 1
        summed = ContextManager(make_config(groups=1, size=1), tokenizer).formulate_rollouts(states)
        scores = summed.batch["rm_scores"][0]
        assert scores.nonzero().flatten().tolist() == [scores.shape[0] - 1]
        assert scores[-1] == pytest.approx(4.5 - 0.1)


def test_a_shorter_episode_keeps_its_last_turn_score(make_config, llama):
    config = make_config(groups=1, size=2, agent_proxy__use_turn_scores=True)
    states = played(config, [turn(0, "Go", "Go", "Go"), turn(1, "Go")], [turn(1, "Go", "Go")])
    rows = ContextManager(config, llama).formulate_rollouts(states)
    assert rows.batch["rm_scores"].sum(-1).tolist() == [4.5, 4.5]


def test_limited_modes_make_a_row_per_turn_and_train_its_response_only(make_config, chatml):
    for mode, window, shown in (
        ("limited_multi_turn", 2, 2),
        ("limited_multi_turn", 1, 1),
        ("single_turn", 2, 1),
    ):
        config = make_config(
            groups=1, size=2, agent_proxy__context_window_mode=mode, agent_proxy__max_context_window=window
        )
        states = played(config, [turn(0, "Go"), turn(1, "Go", "Go", "Go")], [turn(0, "Stay")], [turn(0, "Go", "Go")])
        rows = ContextManager(config, chatml).formulate_rollouts(states)
        assert rows.non_tensor_batch["episode_ids"].tolist() == [0, 0, 0, 1]
        assert rows.non_tensor_batch["uid"].tolist() == [0, 0, 0, 1]
        assert rows.batch["rm_scores"][:, -1].tolist() == [4.5] * 4
        (trained,) = pieces(chatml, rows, 2, rows.batch["loss_mask"])
        assert trained == "<|im_start|>assistant\n<think>hm</think><answer>Go || Go</answer><|im_end|>\n"
        row = texts(chatml, rows)[2]
        assert row.count("<|im_start|>assistant") == shown
        assert ("Turn 2" in row) == (window == 2)
        assert "Turn 1" not in row


def test_single_turn_tells_the_past_in_one_message(make_config, chatml):
    config = make_config(
        groups=1, size=1, agent_proxy__context_window_mode="single_turn", agent_proxy__max_context_window=2
    )
    manager = EnvStateManager(config)
    manager.reset()
    for _ in range(2):
        outputs = manager.step([turn(0, "Stay")])
    rows = ContextManager(config, chatml).get_lm_inputs(outputs, prepare_for_update=False)
    (messages,) = rows.non_tensor_batch["messages_list"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert messages[1]["content"] == (
        "2 turns are over; the last 1 of them:\nTurn 2\nat 0 of 100\n"
        "Reply: <think>hm</think><answer>Stay</answer>\nReward: 0\n\n"
        "\nNow: Turn 3\nat 0 of 100\n2 actions left. "
        "Reply as <think>plan</think><answer>actions</answer>, at most 50 tokens.\n"
    )


@pytest.mark.parametrize("mode", ["full", "limited_multi_turn", "single_turn"])
def test_a_row_that_is_too_long_loses_its_oldest_turns_whole(make_config, chatml, mode, caplog):
    def contexts(limit):
        return ContextManager(
            make_config(
                groups=1,
                size=1,
                agent_proxy__context_window_mode=mode,
                actor_rollout_ref__rollout__max_model_len=limit,
            ),
            chatml,
        )

    manager = EnvStateManager(make_config(groups=1, size=1))
    manager.reset()
    for _ in range(3):
        outputs = manager.step([turn(0, "Stay")])
    states = manager.get_rollout_states()
    for build in (
        lambda c: c.get_lm_inputs(outputs, prepare_for_update=False),
        lambda c: c.formulate_rollouts(states),
    ):
        whole = build(contexts(None))
        lengths = whole.batch["attention_mask"].sum(-1)
        assert "Turn 1" in texts(chatml, whole)[-1]
        limit = int(lengths[-1]) - (0 if whole.batch.keys() >= {"loss_mask"} else 20)
        rows = build(contexts(limit - 1))
        assert int(rows.batch["attention_mask"].sum(-1).max()) <= limit + 20
        text = texts(chatml, rows)[-1]
        assert "Turn 1" not in text
        assert "Turn 2\nat 0" in text
        roles = [message["role"] for message in rows.non_tensor_batch["messages_list"][-1]]
        assert roles[:2] == ["system", "user"]
        if "loss_mask" in rows.batch.keys():  # noqa: SIM118
            for trained in pieces(chatml, rows, -1, rows.batch["loss_mask"]):
                assert "at 0 of" not in trained
    with caplog.at_level(logging.WARNING):
        (text,) = texts(chatml, contexts(5).get_lm_inputs(outputs, prepare_for_update=False))
    assert "Turn 4" in text
    assert "Turn 3" not in text
    assert "max_model_len=5" in caplog.text


def test_turn_scores_of_turns_that_were_cut_are_left_out(make_config, chatml):
    config = make_config(groups=1, size=1, agent_proxy__use_turn_scores=True)
    states = played(config, [turn(0, "Stay")], [turn(0, "Go")], [turn(0, "Go")])
    length = ContextManager(config, chatml).formulate_rollouts(states).batch["input_ids"].shape[1]
    config.actor_rollout_ref.rollout.max_model_len = length - 1
    rows = ContextManager(config, chatml).formulate_rollouts(states)
    scores = rows.batch["rm_scores"][0]
    assert scores[scores.nonzero().flatten()].tolist() == [1.5, 1.5]
    assert scores[-1] == 1.5


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("identity", [0.0, 3.0, 1.0, 1.0]),
        ("mean", [-1.5, 1.5, 0.0, 0.0]),
        ("mean_std", [-(0.5**0.5), 0.5**0.5, 0.0, 0.0]),
        ("asym_clip", [-(0.5**0.5), 0.5**0.5, 0.0, 0.0]),
    ],
)
def test_returns_are_normalised_within_groups(make_config, chatml, method, expected):
    config = make_config(agent_proxy__reward_normalization__method=method)
    states = [
        {
            "env_id": slot,
            "group_id": slot // 2,
            "tag": "Corridor",
            "penalty": penalty,
            "history": [{"state": "s", "actions_left": 1, "llm_response": "r", "reward": reward}],
        }
        for slot, (reward, penalty) in enumerate([(0, 0), (3, 0), (1, 0), (2, -1)])
    ]
    rows = ContextManager(config, chatml).formulate_rollouts(states)
    assert rows.batch["rm_scores"][:, -1].tolist() == pytest.approx(expected, abs=1e-5)
    assert torch.equal(rows.batch["rm_scores"], rows.batch["original_rm_scores"])


def test_metrics_are_divided_by_a_tags_slots(make_config, chatml):
    config = make_config(groups=1, size=4)
    states = played(config, [turn(0, "Go", "Go", "Go"), turn(1), turn(2), turn(3)])
    metrics = ContextManager(config, chatml).formulate_rollouts(states).meta_info["metrics"]
    assert metrics["Corridor/success"] == 0.25
    assert metrics["Corridor/non-zero/num_actions"] == 3
    assert metrics["Corridor/num_actions"] == 0.75
    assert metrics["response_length"] > 0
    half = ContextManager(config, chatml).formulate_rollouts(states[:2]).meta_info["metrics"]
    assert half["Corridor/success"] == 0.25


def test_validation_rows_carry_histories(make_config, chatml):
    config = make_config(groups=1, size=2, agent_proxy__context_window_mode="single_turn")
    states = played(config, [turn(0, "Go"), turn(1, "Go")], [turn(0, "Go", "Go")])
    rows = ContextManager(config, chatml, mode="val").formulate_rollouts(states)
    assert [len(history) for history in rows.non_tensor_batch["history"]] == [3, 3, 2]
    assert rows.non_tensor_batch["metrics"][2] == states[1]["metrics"]


def test_collapse_data_are_prompts_and_thoughts(make_config, chatml):
    config = make_config(groups=1, size=1)
    config.collapse_detection = {"first_turn_enabled": True, "multi_turn_enabled": True}
    states = played(config, [turn(0, "Go")], [turn(0) | {"llm_response": "no thought"}], [turn(0, "Go")])
    contexts = ContextManager(config, chatml)
    data = contexts.formulate_rollouts(states).non_tensor_batch
    assert chatml.decode(data["first_turn_reasoning_ids"][0]) == "hm"
    assert chatml.decode(data["first_turn_prompt_ids"][0]).endswith("<|im_start|>assistant\n<think>")
    assert (data["turn_counts"].tolist(), data["turn_counts_total"].tolist()) == ([2], [3])
    assert "no thought" in chatml.decode(data["all_turns_prompt_ids"][0][1])
    assert "turn_counts" not in contexts.formulate_rollouts(states, False).non_tensor_batch


def test_the_symbols_that_are_drawn_are_explained(make_config, chatml):
    vocabularies = {"env_config": {"grid_vocab": {"A": "inside"}}}
    config = make_config(groups=1, size=1)
    config.custom_envs.Corridor = dict(config.custom_envs.Corridor, env_type="sokoban") | vocabularies
    instruction = ContextManager(config, chatml)._prompts.instructions["Corridor"]
    assert "Symbols: A inside." in instruction
    config.custom_envs.Corridor.grid_vocab = {"B": "beside"}
    instruction = ContextManager(config, chatml)._prompts.instructions["Corridor"]
    assert "Symbols: B beside." in instruction
    config.custom_envs.Corridor.observation_format = "coord"
    instruction = ContextManager(config, chatml)._prompts.instructions["Corridor"]
    assert "Symbols" not in instruction
    assert "(row, column)" in instruction


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("agent_proxy__context_window_mode", "half", "full, limited_multi_turn, single_turn"),
        ("agent_proxy__max_context_window", 0, "max_context_window=0"),
        ("agent_proxy__reward_normalization__grouping", "env", "state, inductive, batch"),
        ("agent_proxy__reward_normalization__method", "z", "identity, mean, mean_std, asym_clip"),
        ("es_manager__train__env_configs__tags", ["Nowhere"], "Nowhere"),
        ("custom_envs__Corridor__env_type", "nowhere", "nowhere"),
        ("wording", None, "wording"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(make_config, chatml, key, value, named):
    with pytest.raises(ValueError, match=named):
        ContextManager(make_config(**{key: value}), chatml)


def test_two_closing_markers_in_a_response_have_no_turn_end(make_config, chatml):
    config = make_config(groups=1, size=1, agent_proxy__use_turn_scores=True)
    states = played(config, [turn(0, "Go") | {"llm_response": "a<|im_end|>b"}])
    with pytest.raises(RuntimeError, match="2 markers"):
        ContextManager(config, chatml).formulate_rollouts(states)
