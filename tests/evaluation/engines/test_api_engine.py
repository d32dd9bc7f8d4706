"""The client of a server: what it asks, what it does when the server fails, and that nobody sees the key."""

from __future__ import annotations

import email.utils
import logging
import socket
import time
import traceback
from typing import Any

import engine_support as support
import pytest
from engine_support import Reply, Words, completion, prompts, serving

from ragen_tsr.evaluation.engines import EngineError, build_engine
from ragen_tsr.evaluation.engines.api import APIWorkers


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(support.KEY_VARIABLE, support.KEY)


def engine(url: str, **given: Any) -> APIWorkers:
    settings = {"model": "m", "base_url": url, "api_key_variable": support.KEY_VARIABLE, "longest_wait": 0.05}
    return build_engine(support.engine_config("api", **{**settings, **given}), Words())


def failing(first: Reply, times: int = 1) -> Any:
    """Behaviour: ``first`` for the first requests, then answers."""
    return lambda number, _: first if number < times else Reply()


def test_answers_stand_where_their_prompts_do_and_are_counted_by_the_server() -> None:
    def behaviour(number: int, body: dict[str, Any]) -> Reply:
        return Reply(delay=0.05 if body["messages"][-1]["content"] == "one" else 0)

    with serving(behaviour) as server:
        workers = engine(server.url)
        answers = workers.generate_sequences(prompts(["one", "two", "three"]))
    assert answers.batch is None
    assert answers.non_tensor_batch["response_texts"].tolist() == ["one", "two", "three"]
    assert answers.non_tensor_batch["response_tokens"].tolist() == [7, 7, 7]
    assert answers.non_tensor_batch["prompt_tokens"].tolist() == [11, 11, 11]
    assert answers.non_tensor_batch["env_ids"].tolist() == [0, 1, 2]
    assert (workers.usage.requests, workers.usage.answers, workers.usage.response_tokens) == (3, 3, 21)
    assert workers.usage.counted_here == 0


def test_a_request_says_what_the_configuration_says() -> None:
    with serving(failing(Reply(), 0)) as server:
        engine(server.url, extra={"top_k": 5}).generate_sequences(prompts(["one"]))
    (request,) = server.requests
    assert request["messages"][-1] == {"role": "user", "content": "one"}
    assert (request["model"], request["temperature"], request["max_tokens"], request["top_k"]) == ("m", 0.5, 24, 5)
    assert "top_p" not in request
    assert server.authorisations == [f"Bearer {support.KEY}"]


def test_greedy_is_temperature_0_and_training_has_its_own() -> None:
    with serving(failing(Reply(), 0)) as server:
        workers = engine(server.url, length_key="max_completion_tokens", seed=False)
        workers.generate_sequences(prompts(["one"], do_sample=False))
        workers.generate_sequences(prompts(["one"], validate=False))
    assert [request["temperature"] for request in server.requests] == [0.0, 1.0]
    assert all("seed" not in request and request["max_completion_tokens"] == 24 for request in server.requests)


def test_seeds_follow_from_place_and_call() -> None:
    def seeds(rows: list[int], *modes: str) -> list[list[int]]:
        with serving(failing(Reply(), 0)) as server:
            workers = engine(server.url, concurrency=1)
            for mode in modes:
                batch = prompts([str(row) for row in rows], mode=mode, noise_rollout=4)
                batch.non_tensor_batch["noise_rows"] = batch.non_tensor_batch["env_ids"] * 0 + rows
                workers.generate_sequences(batch)
        found = [request["seed"] for request in server.requests]
        return [found[index : index + len(rows)] for index in range(0, len(found), len(rows))]

    start, middle = seeds([0, 1, 2], "multiturn-start", "multiturn-middle")
    assert len({*start, *middle}) == 6
    assert all(0 <= seed < 2**31 for seed in start)
    assert seeds([2, 0], "multiturn-start") == [[start[2], start[0]]]


def test_prefill_lets_the_reply_start_with_the_opening_tag() -> None:
    with serving(failing(Reply(), 0)) as server:
        answers = engine(server.url, prefill=True).generate_sequences(prompts(["one"]))
    (request,) = server.requests
    assert request["messages"][-1] == {"role": "assistant", "content": "<think>"}
    assert request["continue_final_message"] is True
    assert request["add_generation_prompt"] is False
    assert answers.non_tensor_batch["response_texts"].tolist() == [""]  # the server says <think>, which stands there


def test_an_opening_tag_in_the_answer_is_not_doubled() -> None:
    with serving(lambda *_: Reply(body=completion("\n<think>a</think><answer>Up</answer>"))) as server:
        answers = engine(server.url).generate_sequences(prompts(["one"]))
    assert answers.non_tensor_batch["response_texts"].tolist() == ["a</think><answer>Up</answer>"]


def test_tokens_are_counted_here_where_the_server_does_not() -> None:
    with serving(lambda *_: Reply(body=completion("three words here", usage=False))) as server:
        workers = engine(server.url)
        answers = workers.generate_sequences(prompts(["one"]))
    assert answers.non_tensor_batch["response_tokens"].tolist() == [3]
    assert answers.non_tensor_batch["prompt_tokens"].tolist() == [5]
    assert workers.usage.counted_here == 1


def test_a_refused_answer_is_an_empty_one() -> None:
    with serving(lambda *_: Reply(body=completion(None))) as server:
        answers = engine(server.url).generate_sequences(prompts(["one"]))
    assert answers.non_tensor_batch["response_texts"].tolist() == [""]


def test_a_closing_call_asks_nothing() -> None:
    workers = engine("http://127.0.0.1:9/v1")
    batch = prompts(["one"], skip_generation=True)
    assert workers.generate_sequences(batch) is batch


def test_no_more_requests_at_a_time_than_allowed() -> None:
    with serving(lambda *_: Reply(delay=0.03)) as server:
        engine(server.url, concurrency=3).generate_sequences(prompts([str(n) for n in range(12)]))
    assert server.at_once == 3


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=429, body={"error": {"message": "slow down"}}), "status 429: .*slow down"),
        (Reply(status=500, body=b"oops"), "status 500"),
        (Reply(status=503, body={"error": {"message": "loading"}}), "status 503"),
        (Reply(status=408, body=b""), "status 408"),
        (Reply(body=b'{"choices": [{"mess'), "cannot be read"),
        (Reply(body=b"<html>gateway</html>", headers={"Content-Type": "text/html"}), "without choices"),
        (Reply(body={}), "without choices"),
        (Reply(body={"choices": []}), "without choices"),
        (Reply(body=completion({"no": "text"})), "content is a dict"),
        (Reply(delay=5), "no answer within engine.timeout=0.5 s"),
        (Reply(drip=0.05), "no answer within engine.timeout=0.5 s"),
    ],
    ids=["429", "500", "503", "408", "half", "html", "empty", "no choices", "no text", "slow", "dripping"],
)
def test_failures_that_pass_are_tried_again(reply: Reply, why: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving(failing(reply, 2)) as server, caplog.at_level(logging.WARNING, "ragen_tsr"):
        answers = engine(server.url, timeout=0.5).generate_sequences(prompts(["one"]))
    assert answers.non_tensor_batch["response_texts"].tolist() == ["one"]
    assert len(server.requests) == 3
    assert server.requests[0] == server.requests[2]  # the seed too
    assert len(caplog.messages) == 2
    caplog.clear()
    with serving(lambda *_: reply) as server, pytest.raises(EngineError, match=why) as raised:
        engine(server.url, timeout=0.5, retries=1).generate_sequences(prompts(["one"]))
    assert len(server.requests) == 2
    assert "2 attempts" in str(raised.value)


@pytest.mark.parametrize("as_date", [False, True])
def test_the_pause_is_as_long_as_the_server_asks(as_date: bool) -> None:
    asked = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "0.6"
    with serving(failing(Reply(status=429, headers={"Retry-After": asked}))) as server:
        engine(server.url, longest_wait=5).generate_sequences(prompts(["one"]))
    first, second = server.times
    # a date has whole seconds
    assert (0.9 if as_date else 0.6) <= second - first < 3


def test_but_not_longer_than_allowed() -> None:
    with serving(failing(Reply(status=429, headers={"Retry-After": "3600"}))) as server:
        engine(server.url).generate_sequences(prompts(["one"]))
    assert server.times[1] - server.times[0] < 1


def test_pauses_grow() -> None:
    with serving(failing(Reply(status=500), 2)) as server:
        engine(server.url, longest_wait=60).generate_sequences(prompts(["one"]))
    first, second, third = server.times
    assert 0.3 < second - first < third - second < 3


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (401, {"error": {"message": f"wrong key {support.KEY}"}}, f"status 401: .*{support.KEY_VARIABLE}"),
        (403, {}, "status 403"),
        (404, {"error": {"message": "no model m"}}, "status 404: .*no model m"),
        (400, {"error": {"message": f"too long {support.KEY}"}}, r"status 400: .*too long \[key\]"),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, "status 429: .*pay"),
    ],
)
def test_failures_that_stay_end_it_at_once(status: int, body: Any, why: str, caplog: pytest.LogCaptureFixture) -> None:
    def behaviour(number: int, _: dict[str, Any]) -> Reply:
        return Reply(status=status, body=body) if number == 0 else Reply(delay=30)

    started = time.monotonic()
    with serving(behaviour) as server, pytest.raises(EngineError, match=why):
        engine(server.url, concurrency=4).generate_sequences(prompts([str(n) for n in range(20)]))
    assert len(server.requests) <= 8  # those that were under way, and hardly any after
    assert time.monotonic() - started < 10
    assert not caplog.messages


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(EngineError, match=r"no connection.*3 attempts"):
        engine(url).generate_sequences(prompts(["one"]))


def test_a_server_that_has_answered_may_be_away_for_longer() -> None:
    with serving(failing(Reply(), 0)) as server:
        workers = engine(server.url, retries=5)
        workers.generate_sequences(prompts(["one"]))
    with pytest.raises(EngineError, match=r"no connection.*6 attempts"):
        workers.generate_sequences(prompts(["one"]))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(),
        Reply(status=401, body={"error": {"message": f"Incorrect API key provided: {support.KEY}"}}),
        Reply(status=500, body=f"cannot handle Bearer {support.KEY}".encode()),
        Reply(body=f"{support.KEY} is no json".encode()),
        Reply(delay=5),
    ],
    ids=["well", "401", "500", "no json", "slow"],
)
def test_the_key_is_in_no_log_and_no_error(
    reply: Reply, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    written = ""
    with serving(lambda *_: reply) as server:
        workers = engine(server.url, retries=1, timeout=0.5)
        try:
            workers.generate_sequences(prompts(["one"]))
        except EngineError as error:
            written += "".join(traceback.format_exception(error)) + repr(error)
    assert server.authorisations[0] == f"Bearer {support.KEY}"
    written += "".join(f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records)
    written += "".join(capfd.readouterr()) + repr(vars(workers)) + repr(workers.settings)
    assert "127.0.0.1" in written  # there is a log to look at
    assert support.KEY not in written
    assert "TopSecret" not in written
