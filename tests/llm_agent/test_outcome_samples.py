"""Scores over fresh outcomes of a turn: luck leaves the ranking, what happened stays what is committed."""

from __future__ import annotations

from typing import Any

import pytest

from ragen_tsr import config_checks
from ragen_tsr.config import ConfigError
from ragen_tsr.embedded.env.frozen_lake.lake import Lake
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy
from ragen_tsr.llm_agent.es_manager import SearchEnvStateManager
from ragen_tsr.llm_agent.noise import NOISE_RULES, Purpose
from ragen_tsr.llm_agent.search_rollout import Choice, SearchRollout
from ragen_tsr.scorers import resolve
from ragen_tsr.search import Expansion, build

DRAW = 4
"""Where the number of the draw stands in an outcome's noise."""
WALK, LEAP = 1, 2


def kind_but_for_every_second_outcome(entropy: tuple[int, ...]) -> bool:
    return len(entropy) == 1 or entropy[0] != Purpose.OUTCOME or entropy[DRAW] % 2 == 0


def committed_actions(played: Any) -> list[int]:
    return [cache["history"][0]["actions"][0] for cache in played.proxy.train_es_manager.rollout_cache]


@pytest.mark.parametrize("noise", NOISE_RULES)
@pytest.mark.parametrize("method", ["beam", "lookahead"])
def test_a_risky_turn_ranks_below_a_safe_one_of_equal_luck(ledge, method, noise):
    """A walk and a leap that both came a step further; the leap would have been a fall every other time."""
    overrides = ["search.M=2", "search.B=1", "es_manager.train.env_groups=8", f"env_noise={noise}"]
    as_it_happened = ledge([["Walk", "Leap"]], kind_but_for_every_second_outcome, method, *overrides)
    assert set(committed_actions(as_it_happened)) == {WALK, LEAP}, "equal luck: a draw decides"
    fairly = ledge(
        [["Walk", "Leap"]], kind_but_for_every_second_outcome, method, *overrides, "search.outcome_samples=4"
    )
    assert set(committed_actions(fairly)) == {WALK}
    scores = {(node["actions"][0], node["score"]) for record in fairly.records for node in record["nodes"]}
    assert scores == {(WALK, 1.0), (LEAP, (1 - 10 + 1 - 10) / 4)}
    assert {node["state"] for record in fairly.records for node in record["nodes"]} == {"step 1"}


def test_success_that_happened_still_comes_first(ledge):
    overrides = ["search.M=2", "search.B=1", "search.outcome_samples=2"]
    played = ledge([["Walk", "Leap || Home"]], kind_but_for_every_second_outcome, "beam", *overrides)
    assert played.metric("success/committed") == 1
    assert set(committed_actions(played)) == {LEAP}


def test_outcomes_cost_environment_steps_and_no_generation(ledge):
    overrides = ["search.M=2", "search.B=1", "search.rerolls=0"]
    plain = ledge([["Walk", "Leap"], ["Walk"]], lambda entropy: True, "beam", *overrides)
    fairly = ledge([["Walk", "Leap"], ["Walk"]], lambda entropy: True, "beam", *overrides, "search.outcome_samples=3")
    for name in ("generation_calls", "prompt_tokens", "generated_tokens", "nodes_expanded"):
        assert plain.metric(name) == fairly.metric(name)
    assert fairly.metric("env_steps") == (1 + 3) * plain.metric("env_steps")
    for record in fairly.records:
        assert sum(ledger["env_steps"] for ledger in record["ledgers"]) * 3 == fairly.metric("env_steps")


def test_a_turn_cut_short_by_bad_luck_is_scored_as_it_was_answered(ledge):
    """Falls at once, in the search; in the outcomes it goes on to its second and third step."""
    overrides = ["search.M=1", "search.B=1", "search.outcome_samples=2"]
    played = ledge([["Leap || Walk || Walk"]], lambda entropy: entropy[0] == Purpose.OUTCOME, "beam", *overrides)
    nodes = [node for record in played.records for node in record["nodes"]]
    assert {node["score"] for node in nodes} == {3.0}
    assert {node["state"] for node in nodes} == {"fallen"}


@pytest.mark.parametrize("noise", NOISE_RULES)
def test_outcomes_do_not_depend_on_how_the_batch_is_cut(make_config, noise):
    def outcomes(together: bool) -> dict[tuple[int, ...], list[Any]]:
        config = make_config("beam", f"env_noise={noise}", env="frozen_lake")
        manager = SearchEnvStateManager(config, mode="train")
        manager.reset()
        turn = {"actions": ["Right", "Down", "Left"], "llm_response": "", "llm_raw_response": ""}
        parents = manager.roots() * 2
        children = manager.extend(parents, [turn | {"env_id": parent.env_id} for parent in parents])
        pairs = list(zip(parents, children, strict=True))
        if together:
            drawn = manager.outcomes(parents, children, 3)
        else:
            drawn = [manager.outcomes([parent], [child], 3)[0] for parent, child in reversed(pairs)][::-1]
        return {
            (child.env_id, *child.path): [(branch.state, branch.actions(), branch.status) for branch in family]
            for child, family in zip(children, drawn, strict=True)
        }

    at_once, one_by_one = outcomes(True), outcomes(False)
    assert at_once == one_by_one
    assert any(family[0] != family[1] for family in at_once.values())
    siblings_meet_the_same = all(at_once[slot, 0] == at_once[slot, 1] for slot in range(6))
    assert siblings_meet_the_same == (noise != "independent")


LAKE = "SFFFFHFFG"
"""3x3: from the middle, Up may slip right into the hole; Left slips up or down."""


def lake_rollout(make_config: Any, outcome_samples: int) -> tuple[SearchRollout, list[str]]:
    """A rollout whose players stand in the middle of LAKE, and whose policy answers Up and Left in turn."""
    size = "custom_envs.FrozenLake.env_config={size: 3}"
    config = make_config("beam", "search.M=2", "search.B=1", "env_noise=independent", size, env="frozen_lake")
    manager = SearchEnvStateManager(config, mode="train")
    manager.reset()
    for entry in manager.envs:
        env = entry["env"]
        env.state = env.state._replace(lake=Lake(env.rules, LAKE), cell=4)
    scorer = resolve(None, "frozen_lake")
    strategy = build(config.search, rank_by=scorer.rank_by)
    rollout = SearchRollout(
        generate=lambda inputs: inputs,
        ctx_manager=None,
        es_manager=manager,
        choices={"FrozenLake": Choice(strategy, scorer, outcome_samples)},
        meta_info={},
        horizon=1,
        count_tokens=len,
        rerolls=0,
    )
    return rollout, ["Up", "Left"]


def test_on_frozen_lake_going_along_a_hole_ranks_below_turning_away_from_it(make_config, monkeypatch):
    """Both moves came to the cell on the left: Left as meant, Up by a slip that might have been one into the hole."""
    rollout, moves = lake_rollout(make_config, outcome_samples=64)
    scored: dict[str, list[tuple[Any, float]]] = {move: [] for move in moves}

    class Reader:
        def get_env_inputs(self, outputs: Any) -> list[dict[str, Any]]:
            return [
                {"env_id": slot, "actions": [moves[row % 2]], "llm_response": "", "llm_raw_response": ""}
                for row, slot in enumerate(outputs)
            ]

    rollout.ctx_manager = Reader()
    monkeypatch.setattr(rollout, "_generate", lambda branches: (None, [branch.env_id for branch in branches]))
    monkeypatch.setattr(rollout, "_count_tokens", lambda rows, inputs, outputs: [(0, 0, None)] * len(rows))
    requests = [(group, Expansion(root, 16, 0)) for group, root in enumerate(rollout.roots)]
    for family in rollout.expand(requests):
        for row, node in enumerate(family):
            scored[moves[row % 2]].append((node.payload.snapshot.cell, node.score))
    risky = [score for cell, score in scored["Up"] if cell == 3]
    safe = [score for cell, score in scored["Left"] if cell == 3]
    assert risky
    assert safe
    assert max(risky) < min(safe)


@pytest.mark.parametrize(("method", "key"), [("beam", "outcome_samples=2"), ("lookahead", "redraw=true")])
def test_drawing_again_is_refused_where_there_is_no_noise(make_config, workers, method, key):
    config = make_config(method, f"search.{key}")
    says = rf"search\.{key.split('=')[0]}=.*'sokoban' has no noise"
    with pytest.raises(ValueError, match=says):
        SearchAgentProxy(config, (scripted := workers()), scripted.tokenizer)
    with pytest.raises(ConfigError, match=says):
        config_checks.check(config)
    enough = ("es_manager.train.env_groups=8", "es_manager.train.group_size=4")
    config_checks.check(make_config(method, f"search.{key}", *enough, env="frozen_lake"))
