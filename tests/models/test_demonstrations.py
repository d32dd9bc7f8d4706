"""Demonstrations are legal turns, and their prompts are the ones a run renders."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from omegaconf import OmegaConf

from ragen_tsr import backend
from ragen_tsr.models.demonstrations import Demonstrator, demonstration_config, play_chats, prompt_tails, walk
from ragen_tsr.models.recipe import Recipe
from ragen_tsr.models.sft import chat_rows, segment_rows

PLAY = Recipe().play


@pytest.fixture
def plays(config):
    return demonstration_config(config, PLAY, groups=8)


def positions(config, count):
    return list(islice(walk(config, PLAY, random.Random(0), per_room=4, steps=20), count))


def test_walks_meet_unsolved_solvable_states(config):
    met = positions(config, 100)
    assert all(position.room.distance[position.state] > 0 for position in met)
    assert len({position.text for position in met}) > 50


def test_the_solvers_turns_are_optimal_and_parsed(plays, tokenizer):
    manager = backend.ContextManager(plays, tokenizer)
    solver = Demonstrator(PLAY, plays, 1.0, random.Random(0))
    names = {"Up": 1, "Down": 2, "Left": 3, "Right": 4}
    for position in positions(plays, 50):
        _, actions = manager._parse_response("<think>" + solver.turn(position.room, position.state, 10))
        assert 1 <= len(actions) <= PLAY.max_actions
        state = position.state
        for action in actions:
            assert names[action] in position.room.optimal_actions(state)
            state = position.room.step(state, names[action])


def test_random_turns_never_exceed_what_is_left(plays):
    player = Demonstrator(PLAY, plays, 0.0, random.Random(0))
    (position,) = positions(plays, 1)
    lengths = {player.turn(position.room, position.state, 2).count("||") + 1 for _ in range(50)}
    assert lengths == {2}


def test_a_segment_is_the_end_of_the_runtimes_prompt(config, tokenizer, small_recipe):
    """Rendered through manager and environment, a first turn ends with exactly what segments are made of."""
    plays = demonstration_config(config, PLAY, groups=8)
    environments = backend.EnvStateManager(plays, "train")
    inputs = backend.ContextManager(plays, tokenizer).get_lm_inputs(environments.reset(), prepare_for_update=False)
    tails = prompt_tails(plays, tokenizer, 10)
    for entry, ids in zip(environments.envs, inputs.batch["input_ids"], strict=True):
        segment = tokenizer("\n" + entry["env"].render() + tails[10])["input_ids"]
        assert ids.tolist()[-len(segment) :] == segment


def test_chats_are_what_the_policy_would_have_seen(config, tokenizer, plays):
    """An episode's prompt, cut before its last response, is the context manager's prompt token for token."""
    config = OmegaConf.merge(plays, {"actor_rollout_ref": {"rollout": {"max_model_len": 1024}}})
    chats = list(play_chats(config, tokenizer, Demonstrator(PLAY, plays, 0.0, random.Random(0)), rounds=1))
    assert len(chats) == 8
    for chat in chats:
        text = tokenizer.decode(chat.prompt)
        assert tuple(tokenizer(text)["input_ids"]) == chat.prompt
        assert text.endswith("<|im_start|>assistant\n<think>")
        assert tokenizer.decode(chat.response).startswith(f"{PLAY.thought_random}</think><answer>")


def test_only_responses_are_learnt(config, tokenizer, small_recipe):
    for row in islice(chat_rows(config, tokenizer, small_recipe, random.Random(0)), 8):
        text = tokenizer.decode(row.tokens)
        learnt = tokenizer.decode([t for t, mine in zip(row.tokens, row.learnt, strict=True) if mine])
        replies = [part.partition("<|im_end|>")[0] for part in text.split("<|im_start|>assistant\n<think>")[1:]]
        assert learnt == "".join(reply + "<|im_end|>" for reply in replies)


def test_segments_learn_the_response_alone(config, tokenizer, small_recipe):
    for row in islice(segment_rows(config, tokenizer, small_recipe, random.Random(0)), 8):
        first = row.learnt.index(True)
        assert all(row.learnt[first:])
        assert tokenizer.decode(row.tokens[:first]).endswith("<think>")
        assert tokenizer.decode(row.tokens[first:]).endswith("</answer><|im_end|>")


def test_without_thoughts_the_answer_stands_alone(config, tokenizer, small_recipe):
    config = OmegaConf.merge(config, {"agent_proxy": {"enable_think": False}})
    for rows in (segment_rows, chat_rows):
        row = next(rows(config, tokenizer, small_recipe, random.Random(0)))
        text = tokenizer.decode(row.tokens)
        assert "</think>" not in text.rpartition("assistant")[2]
        assert any(row.learnt)


def test_a_configuration_without_the_task_is_refused(config):
    config = OmegaConf.create({**config, "custom_envs": {}})
    with pytest.raises(ValueError, match="SimpleSokoban"):
        demonstration_config(config, PLAY, groups=1)
