"""Demonstrations are legal turns, and their prompts are the ones a run renders, whatever the environment."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from omegaconf import OmegaConf
from verl import DataProto

from ragen_tsr import backend
from ragen_tsr.models.demonstrations import Demonstrator, demonstration_config, frame, play_chats
from ragen_tsr.models.sft import chat_rows, segment_rows


def player(each, config, share):
    return Demonstrator(each.task, each.play, config, share, random.Random(0))


def positions(each, count):
    walk = each.task.walk(each.config, each.play.first_seed, random.Random(0), player(each, each.config, 0.5).turn)
    return list(islice(walk, count))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_demonstrated_turns_are_parsed_and_legal(each, share):
    plays = demonstration_config(each.config, each.play, groups=8)
    manager = backend.ContextManager(plays, each.tokenizer)
    demonstrator = player(each, plays, share)
    for position in positions(each, 50):
        _, actions = manager._parse_response("<think>" + demonstrator.turn(position, 10).reply)
        assert 1 <= len(actions) <= each.play.max_actions
        assert each.task.legal(position, actions) == actions


def test_what_is_not_on_offer_is_not_legal(each):
    (position,) = positions(each, 1)
    assert each.task.legal(position, ["Jump", "click[nothing of the kind]"]) == []


def test_the_solver_says_so_and_never_exceeds_what_is_left(each):
    plays = demonstration_config(each.config, each.play, groups=8)
    for share, thought in ((1.0, each.play.thought_solver), (0.0, each.play.thought_random)):
        demonstrator = player(each, plays, share)
        for position in positions(each, 20):
            turn = demonstrator.turn(position, 1)
            assert turn.reply.startswith(thought)
            assert len(turn.actions) == 1


def test_walks_meet_many_different_positions(each):
    assert len({position.text for position in positions(each, 100)}) > 50


def test_a_segment_is_the_end_of_the_runtimes_prompt(each):
    """Rendered through manager and environment, a first turn ends with exactly what segments are made of."""
    plays = demonstration_config(each.config, each.play, groups=8)
    environments = backend.EnvStateManager(plays, "train")
    manager = backend.ContextManager(plays, each.tokenizer)
    inputs = manager.get_lm_inputs(environments.reset(), prepare_for_update=False)
    around = frame(plays, each.tokenizer)
    for entry, ids in zip(environments.envs, inputs.batch["input_ids"], strict=True):
        prompt = around.prompt(each.task.position(entry["env"]), max(around.tails))
        segment = each.tokenizer(prompt)["input_ids"]
        assert ids.tolist()[-len(segment) :] == segment


def test_a_segment_may_begin_with_the_response_before(each):
    """The second turn's prompt ends with the first response, what follows it, and the position."""
    plays = demonstration_config(each.config, each.play, groups=1)
    environments = backend.EnvStateManager(plays, "train")
    manager = backend.ContextManager(plays, each.tokenizer)
    live, around = environments.reset(), frame(plays, each.tokenizer)
    env = environments.envs[0]["env"]
    turn = player(each, plays, 1.0).turn(each.task.position(env), 1)
    answer = {"response_texts": np.array([turn.reply], object), "env_ids": np.array([0])}
    live = environments.step(manager.get_env_inputs(DataProto(non_tensor_batch=answer)))
    ids = manager.get_lm_inputs(live, prepare_for_update=False).batch["input_ids"][0].tolist()
    position = replace(each.task.position(env), last_reply=turn.reply)
    before, after = live[0]["history"]
    prompt = around.prompt(position, after["actions_left"]).replace("Reward: 0.0", f"Reward: {before['reward']}")
    segment = each.tokenizer(prompt)["input_ids"]
    assert ids[-len(segment) :] == segment


def test_chats_are_what_the_policy_would_have_seen(each):
    """An episode's prompt, cut before its last response, is the context manager's prompt token for token."""
    plays = demonstration_config(each.config, each.play, groups=8)
    length = each.config.actor_rollout_ref.rollout.max_model_len
    plays = OmegaConf.merge(plays, {"actor_rollout_ref": {"rollout": {"max_model_len": length}}})
    chats = list(play_chats(plays, each.tokenizer, each.task, player(each, plays, 0.0), rounds=1))
    assert len(chats) == 8
    for chat in chats:
        text = each.tokenizer.decode(chat.prompt)
        assert tuple(each.tokenizer(text)["input_ids"]) == chat.prompt
        assert text.endswith("<|im_start|>assistant\n<think>")
        assert each.tokenizer.decode(chat.response).startswith(each.play.thought_random)


def test_only_responses_are_learnt(each):
    rows = chat_rows(each.config, each.tokenizer, each.task, each.recipe, random.Random(0))
    for row in islice(rows, 8):
        text = each.tokenizer.decode(row.tokens)
        learnt = each.tokenizer.decode([t for t, mine in zip(row.tokens, row.learnt, strict=True) if mine])
        replies = [part.partition("<|im_end|>")[0] for part in text.split("<|im_start|>assistant\n<think>")[1:]]
        assert learnt == "".join(reply + "<|im_end|>" for reply in replies)


def test_segments_learn_the_response_alone(each):
    rows = segment_rows(each.config, each.tokenizer, each.task, each.recipe, random.Random(0))
    for row in islice(rows, 8):
        first = row.learnt.index(True)
        assert all(row.learnt[first:])
        assert each.tokenizer.decode(row.tokens[:first]).endswith("<think>")
        assert each.tokenizer.decode(row.tokens[first:]).endswith("</answer><|im_end|>")


def test_without_thoughts_the_answer_stands_alone(each):
    config = OmegaConf.merge(each.config, {"agent_proxy": {"enable_think": False}})
    for rows in (segment_rows, chat_rows):
        row = next(rows(config, each.tokenizer, each.task, each.recipe, random.Random(0)))
        text = each.tokenizer.decode(row.tokens)
        assert "</think>" not in text.rpartition("assistant")[2]
        assert any(row.learnt)


def test_a_configuration_without_the_task_is_refused(each):
    config = OmegaConf.create({**each.config, "custom_envs": {}})
    with pytest.raises(ValueError, match=each.play.tag):
        demonstration_config(config, each.play, groups=1)
