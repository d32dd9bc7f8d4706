"""What counts as a turn that executed no action."""

from __future__ import annotations

import pytest

from ragen_tsr.llm_agent.es_manager import SearchEnvStateManager


@pytest.fixture(scope="module")
def play():
    from ragen_tsr.config import Command, compose

    small = ("scale=cpu", "es_manager.train.env_groups=1", "es_manager.train.group_size=1")
    managers = {env: SearchEnvStateManager(compose(Command(env, "beam", small))) for env in ("webshop", "sokoban")}

    def played(env, *turns):
        """The branches after each turn, a list of actions each."""
        manager = managers[env]
        manager.reset()
        (branch,) = manager.roots()
        branches = []
        for actions in turns:
            answer = {"env_id": 0, "actions": actions, "llm_response": "", "llm_raw_response": ""}
            (branch,) = manager.extend([branch], [answer])
            branches.append(branch)
        return branches

    return played


def test_a_text_that_webshop_ignores_is_no_action(play):
    assert [branch.executed for branch in play("webshop", ["buy it"], ["click[buy now]"])] == [False, False]


def test_an_invisible_or_unoffered_action_that_webshop_carries_out_is_one(play):
    searched = play("webshop", ["search[chair]"], ["search[table]"])
    assert [branch.executed for branch in searched] == [True, True]
    backpack = play("webshop", ["search[backpack]"])[-1]
    first = backpack.state.split("click[next >], ")[1].split(",")[0]
    *_, shown, chosen = play("webshop", ["search[backpack]"], [first], ["click[blue]"])
    assert "click[blue]" in shown.state
    assert chosen.executed
    assert not chosen.last_turn["info"]["action_is_effective"]


def test_a_move_against_a_wall_is_an_action_and_a_word_is_none(play):
    assert [branch.executed for branch in play("sokoban", ["Up"] * 3, ["Up"], ["Jump"], [])] == [
        True,
        True,
        False,
        False,
    ]
