"""Ten thousand random and malformed actions, given to FrozenLake directly and as what a policy might write: no
exception, no hang, no state outside the rules.
"""

import random

import pytest
from verl import DataProto

from ragen_tsr import config as configuration
from ragen_tsr.embedded.env.frozen_lake import FrozenLakeEnv, FrozenLakeEnvConfig
from ragen_tsr.embedded.llm_agent.ctx_manager import ContextManager
from ragen_tsr.embedded.llm_agent.es_manager import EnvStateManager
from ragen_tsr.models.tokenizer import build_tokenizer

ACTIONS = 10_000
LEGAL = (1, 2, 3, 4)
MALFORMED = (0, 5, -1, 10**30, 2.5, float("nan"), None, "", "Left", "1", b"\xff", "\x00", [], [1], {}, {1: 2}, (1, [2]))
NAMES = ("Left", "Down", "Right", "Up", "left", "UP", "dOwN")
NONSENSE = (
    *("", " ", "Jump", "Lefft", "1", "-1", "None", "||", "|", "Left Down", "Left\n", "\x00", "\ufffd", "≤→", "é" * 50),
    *("<answer>", "</answer>", "<think>", "</think>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "{}", "{turn}"),
    *("%s", "\\", '"', "'; --", "Left" * 200, "[1, 2]", "{'a': 1}", "\u202eleft", "ﬁ", "İ"),
)


def check_state(env, grid):
    """Where the player may be, and what is shown: a map of the configured size with one player."""
    size = env.config.size
    assert 0 <= env.s < size * size
    assert env.desc.shape == (size, size)
    assert sorted(b"".join(env.desc.ravel()).replace(b"F", b"").replace(b"H", b"")) == sorted(b"GS")
    rows = grid.split("\n")
    assert [len(row) for row in rows] == [size] * size
    assert set("".join(rows)) <= set("P_OGX√")
    assert sum(grid.count(symbol) for symbol in "PX√") == 1
    assert grid.count("G") + grid.count("√") == 1


@pytest.mark.parametrize("settings", [{"success_rate": 1 / 3}, {"size": 7, "p": 0.6}, {"is_slippery": False}], ids=str)
def test_actions_given_to_the_environment(settings):
    env, draws = FrozenLakeEnv(FrozenLakeEnvConfig(**settings)), random.Random(0)
    env.reset(seed=0)
    ended = 0
    for number in range(ACTIONS):
        before, over = env.state, env.desc[env.player_pos] in (b"H", b"G")
        action = draws.choice(LEGAL if draws.random() < 0.6 else MALFORMED)
        text, reward, done, info = env.step(action)
        legal = any(action is one for one in LEGAL)
        after, tile = env.state, env.desc[env.player_pos]
        check_state(env, text)
        assert after.lake is before.lake
        assert after.draws == before.draws + legal
        steps = abs(env.player_pos[0] - before.cell // env.config.size) + abs(
            env.player_pos[1] - before.cell % env.config.size
        )
        assert steps == int(info["action_is_effective"]) <= int(legal and not over)
        assert info["action_is_valid"] is legal
        assert (type(reward), reward) == (int, int(tile == b"G" and not over))
        assert (done, info["success"]) == (tile in (b"H", b"G"), tile == b"G")
        ended += done
        if done and draws.random() < 0.5:  # else it goes on acting after the end
            env.reset(seed=number)
    assert ended > 100


def written(draws):
    """A response as a policy continues its prompt's ``<think>``: well formed, broken, or noise."""
    actions = [draws.choice(NAMES if draws.random() < 0.6 else NONSENSE) for _ in range(draws.randint(0, 16))]
    answer = draws.choice([" || ", "||", "|", ", ", "\n"]).join(actions)
    return draws.choice(
        [
            f"go</think><answer>{answer}</answer>",
            f"go</think> <answer>{answer}</answer> and more",
            f"</think><answer></answer><answer>{answer}</answer>",
            f"go</think><answer>{answer}",
            f"<answer>{answer}</answer>",
            answer,
        ]
    ), len(actions)


def test_what_a_policy_writes_given_to_the_managers():
    overrides = ["scale=cpu", "es_manager.train.env_groups=8", "es_manager.train.group_size=2"]
    config = configuration.compose(configuration.parse(["frozen_lake", "none", *overrides]))
    tokenizer = build_tokenizer([*NAMES, "<think>", "<answer>"] * 3, 400, min_frequency=2, model_max_length=4096)
    manager, context = EnvStateManager(config, mode="train"), ContextManager(config, tokenizer, mode="train")
    draws, given, outcomes = random.Random(1), 0, set()
    while given < ACTIONS:
        outputs = manager.reset()
        for _ in range(config.agent_proxy.max_turn):
            prompts = context.get_lm_inputs(outputs, prepare_for_update=False)
            said = [written(draws) for _ in outputs]
            given += sum(count for _, count in said)
            answers = DataProto()
            answers.non_tensor_batch = prompts.non_tensor_batch | {"response_texts": [text for text, _ in said]}
            outputs = manager.step(context.get_env_inputs(answers))
            for entry in manager.envs:
                check_slot(entry, manager.rollout_cache[entry["env_id"]])
            if not outputs:
                break
        outcomes |= {(entry["status"].terminated, entry["status"].truncated) for entry in manager.envs}
        rows = context.formulate_rollouts(manager.get_rollout_states(), include_collapse_data=False)
        assert len(rows) == len(manager.envs)
        assert rows.batch["rm_scores"].isfinite().all()
    assert outcomes == {(True, False), (True, True), (False, False)}


def check_slot(entry, cache):
    """The record of a slot agrees with its environment and with the limits."""
    env, status, history = entry["env"], entry["status"], cache["history"]
    tile = env.desc[env.player_pos]
    check_state(env, history[-1]["state"])
    executed = [action for turn in history[:-1] for action in turn["actions"]]
    assert all(action in LEGAL for action in executed)
    assert status.num_actions == len(executed) <= entry["max_actions_per_traj"] == 10
    assert history[-1]["actions_left"] == 10 - len(executed)
    assert all(len(turn["actions"]) <= 5 for turn in history[:-1])
    assert all(type(turn["reward"]) is int for turn in history[:-1])
    assert sum(status.rewards) == (tile == b"G") == (status.terminated and not status.truncated)
    assert status.terminated == (tile in (b"H", b"G") or len(executed) == 10)
    assert -0.1 * (len(history) - 1) - 1e-9 <= cache["penalty"] <= 0
