"""A whole evaluation through a server, one that gives up in the middle and is asked again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_support import KEY, KEY_VARIABLE, Reply, completion, serving

from ragen_tsr import eval as command

PROMPTS = 6


def chatty(number: int, body: dict[str, Any]) -> Reply:
    """No move ever, so that every episode goes on to its last turn."""
    return Reply(body=completion("<think>hm</think>no idea"))


def refusing_after(count: int) -> Any:
    return lambda number, body: chatty(number, body) if number < count else Reply(401, {"error": {"message": KEY}})


@pytest.fixture
def words(tmp_path: Path, tiny_policy: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    settings = [f"engine.api_key_variable={KEY_VARIABLE}", f"engine.tokenizer={tiny_policy}", "engine.concurrency=2"]
    settings += [f"evaluation.prompts={PROMPTS}", "evaluation.batch=3", f"trainer.local_log_dir={tmp_path}"]
    return ["sokoban", "api:chat", "scale=cpu", "agent_proxy.max_turn=2", *settings]


def test_what_the_server_answered_before_it_refused_is_kept(words, tmp_path, capsys):
    with serving(refusing_after(8)) as server:  # two turns of three episodes, two answers of the next
        assert command.main([*words, f"engine.base_url={server.url}"]) == command.FAILED
    [folder] = tmp_path.iterdir()
    kept = (folder / "episodes.jsonl").read_text()
    assert [json.loads(line)["index"] for line in kept.splitlines()] == [0, 1, 2]
    assert f"bash eval.sh resume={folder}" in capsys.readouterr().out

    with serving(chatty) as server:
        assert command.main([f"resume={folder}", f"engine.base_url={server.url}"]) == command.OK
    assert len(server.requests) == 6
    episodes = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    assert sorted(episode["index"] for episode in episodes) == list(range(PROMPTS))
    for episode in episodes:
        assert (episode["turns"], episode["actions"], episode["valid_turns"]) == (2, 0, 0)
        assert (episode["prompt_tokens"], episode["response_tokens"]) == (22, 14)  # as the server counts them
        assert episode["neg_log_prob"] is None
        assert episode["history"][0]["response"] == "<think>hm</think>no idea"
    written = json.loads((folder / "evaluation.json").read_text())
    assert written["parts"]["all"]["entropy"] is None
    assert written["cost"]["generated_tokens"] == 14 * PROMPTS

    said = capsys.readouterr()
    for text in (said.out, said.err, *(path.read_text() for path in folder.iterdir() if path.is_file())):
        assert KEY not in text
