"""Episodes of an evaluation: each once, the same whatever is played beside it, on the disk when it is over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from keyed_workers import BrokenDown, KeyedWorkers
from verl import DataProto

from ragen_tsr.evaluation.folder import EpisodeFile
from ragen_tsr.evaluation.play import play
from ragen_tsr.llm_agent.agent_proxy import SearchAgentProxy

PROMPTS = 10


def played(path: Path, config: Any, workers: KeyedWorkers, rollout: int = 3) -> list[dict[str, Any]]:
    with EpisodeFile(path) as episodes:
        play(config, workers.tokenizer, workers, episodes, rollout=rollout, trained_on=None)
        return sorted(episodes.records, key=lambda record: record["index"])


def timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, evaluation, spelling):
    path = tmp_path_factory.mktemp("whole") / "episodes.jsonl"
    return timeless(played(path, evaluation(PROMPTS, 10), KeyedWorkers(spelling)))


def test_an_episode_does_not_depend_on_its_batch_nor_on_how_many_there_are(tmp_path, evaluation, spelling, whole):
    batches = evaluation(PROMPTS, 3)
    assert timeless(played(tmp_path / "batches.jsonl", batches, KeyedWorkers(spelling))) == whole
    fewer = evaluation(4, 4)
    assert timeless(played(tmp_path / "fewer.jsonl", fewer, KeyedWorkers(spelling))) == whole[:4]
    assert [record["index"] for record in whole] == list(range(PROMPTS))
    assert len({record["turns"] for record in whole}) > 1  # else row numbers could not have shifted
    assert timeless(played(tmp_path / "other.jsonl", fewer, KeyedWorkers(spelling), rollout=4)) != whole[:4]


@pytest.mark.parametrize("breaks_at", range(6))
def test_what_is_finished_is_kept_and_not_played_again(tmp_path, evaluation, spelling, whole, breaks_at):
    config = evaluation(PROMPTS, 5)
    path = tmp_path / "episodes.jsonl"
    with pytest.raises(BrokenDown):
        played(path, config, KeyedWorkers(spelling, breaks_at=breaks_at))
    kept = path.read_text()
    with path.open("a") as stream:
        stream.write('{"index": 9, "se')  # killed while it wrote
    again = KeyedWorkers(spelling)
    assert timeless(played(path, config, again)) == whole
    assert path.read_text().startswith(kept)
    finished = [json.loads(line)["index"] for line in kept.splitlines()]
    assert again.asked[0] == min(5, PROMPTS - len(finished))
    assert sum(again.asked) == sum(record["turns"] for record in whole if record["index"] not in finished)


def test_an_episode_is_written_when_it_is_over_while_others_go_on(tmp_path, evaluation, spelling, whole):
    assert {record["turns"] for record in whole} >= {2, 3}
    config = evaluation(PROMPTS, 10)
    path = tmp_path / "episodes.jsonl"
    with pytest.raises(BrokenDown):
        played(path, config, KeyedWorkers(spelling, breaks_at=2))
    finished = {json.loads(line)["index"] for line in path.read_text().splitlines()}
    assert finished == {record["index"] for record in whole if record["turns"] <= 2}


def test_it_is_the_runs_own_validation(tmp_path, evaluation, spelling, whole):
    config = evaluation(PROMPTS, 10)
    proxy = SearchAgentProxy(config, KeyedWorkers(spelling), spelling)
    own: list[dict[str, Any]] = []
    proxy.on_validation = own.extend
    proxy.next_validation = 3
    proxy.rollout(DataProto(meta_info={"compute_collapse": False, "do_sample": True, "validate": True}), val=True)
    assert own == [{key: record[key] for key in own[0]} for record in whole]


@pytest.mark.parametrize(
    "words", [["search=beam"], ["search=best_of_n", "search.N=3"], ["search=lookahead"]], ids=lambda words: words[0]
)
def test_a_searched_episode_does_not_depend_on_its_batch_either(tmp_path, evaluation, spelling, words):
    whole = evaluation(4, 4, *words)
    alone = evaluation(4, 1, *words)
    records = timeless(played(tmp_path / "whole.jsonl", whole, KeyedWorkers(spelling)))
    assert records == timeless(played(tmp_path / "alone.jsonl", alone, KeyedWorkers(spelling)))
    assert all(record["cost"]["generated_tokens"] > record["response_tokens"] for record in records)


def test_a_record_tells_the_whole_episode(whole):
    for record in whole:
        turns = record["history"]
        assert record["turns"] == len(turns)
        assert record["start"] == turns[0]["state"]
        assert record["return"] == pytest.approx(sum(turn["reward"] for turn in turns))
        assert record["score"] == pytest.approx(record["return"] + sum(turn["penalty"] for turn in turns))
        assert record["actions"] == sum(len(turn["actions"]) for turn in turns)
        assert record["valid_turns"] == sum("no idea" not in turn["response"] for turn in turns)
        assert record["response_tokens"] == sum(turn["tokens"] for turn in turns) == record["cost"]["generated_tokens"]
        assert record["neg_log_prob"] == pytest.approx(0.5 * record["log_prob_tokens"])
        assert record["log_prob_tokens"] == record["response_tokens"]
        assert record["prompt_tokens"] == record["cost"]["prompt_tokens"] > 0
        assert record["seed"] == 123 + record["index"]
    assert any(turn["penalty"] < 0 for record in whole for turn in record["history"])
