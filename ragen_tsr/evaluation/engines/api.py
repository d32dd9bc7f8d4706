"""``engine=api``: a server that speaks OpenAI's chat completions.

Decides how many requests are under way, which failures are tried again and when, and that the key is seen by nobody: it
is read from the environment for each call and handed to the client; texts of a server that repeat it are cleaned before
they are logged or raised. HTTP is the ``openai`` package's. How episodes are resumed is left to the evaluation.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import openai
from omegaconf import DictConfig
from verl import DataProto

from ragen_tsr.embedded.llm_agent.parsing import ResponseParser
from ragen_tsr.evaluation.engines import EngineError
from ragen_tsr.evaluation.engines.answers import from_texts
from ragen_tsr.evaluation.engines.sampling import Draws
from ragen_tsr.evaluation.engines.settings import APISettings

logger = logging.getLogger(__name__)

TRIED_AGAIN = (408, 409, 429)
"""Statuses below 500 that are tried again; all from 500 on are."""
HOPELESS_CODES = ("insufficient_quota",)
"""Codes of errors that waiting does not mend, whatever their status."""
FIRST_WAIT = 0.5
"""Seconds before the second attempt; doubled each time."""
UNANSWERED_RETRIES = 2
"""Retries of a connection to a server that has not answered once: more likely a wrong address than a bad moment."""


@dataclass
class Usage:
    """What a server was asked for so far."""

    requests: int = 0
    """Attempts, failed ones included."""
    answers: int = 0
    prompt_tokens: int = 0
    response_tokens: int = 0
    counted_here: int = 0
    """Answers whose tokens the server did not count."""


@dataclass(frozen=True)
class Answer:
    """One response; tokens are None where the server does not count them."""

    text: str
    prompt_tokens: int | None
    response_tokens: int | None


class _Failure(Exception):
    """An attempt that failed: why, in words that hold no key; the server's wish for a pause, in seconds."""

    def __init__(self, why: str, *, again: bool, wait: float | None = None, connected: bool = True) -> None:
        super().__init__(why)
        self.again, self.wait, self.connected = again, wait, connected


class APIWorkers:
    """A worker group that asks a server; answers are texts.

    Args:
        config: The composed configuration; reads ``agent_proxy``, ``actor_rollout_ref.rollout`` and ``run_seed``.
        tokenizer: Counts tokens where the server does not.
        settings: Of ``engine=api``.
    """

    world_size = 1

    def __init__(self, config: DictConfig, tokenizer: Any, settings: APISettings) -> None:
        self.settings = settings
        self.usage = Usage()
        self._tokenizer = tokenizer
        self._draws = Draws(config)
        self._length = int(config.actor_rollout_ref.rollout.response_length)
        proxy = config.agent_proxy
        self._opening = ResponseParser(bool(proxy.enable_think), proxy.action_sep, 1, ()).opening

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """One answer per row, from ``non_tensor_batch["messages_list"]``. A closing call asks nothing.

        Returns:
            ``non_tensor_batch["response_texts"]``, and ``prompt_tokens`` and ``response_tokens`` per row as the server
            counts them; no ``batch``.

        Raises:
            EngineError: The server refuses, or fails more often than ``engine.retries``.
        """
        if prompts.meta_info.get("skip_generation", False):
            return prompts
        draw = self._draws.of(prompts)
        requests = [
            self._request(messages, draw.temperature, draw.top_p, seed)
            for messages, seed in zip(prompts.non_tensor_batch["messages_list"], draw.seeds, strict=True)
        ]
        answers = asyncio.run(self._ask_all(requests))
        asked = prompts.batch["attention_mask"].sum(-1).tolist()
        prompt_tokens, response_tokens = [], []
        for answer, here in zip(answers, asked, strict=True):
            counted = answer.prompt_tokens is not None and answer.response_tokens is not None
            self.usage.counted_here += not counted
            prompt_tokens.append(here if answer.prompt_tokens is None else answer.prompt_tokens)
            response_tokens.append(
                self._count(answer.text) if answer.response_tokens is None else answer.response_tokens
            )
        self.usage.answers += len(answers)
        self.usage.prompt_tokens += sum(prompt_tokens)
        self.usage.response_tokens += sum(response_tokens)
        texts = [self._without_opening(answer.text) for answer in answers]
        return from_texts(prompts, texts, prompt_tokens, response_tokens)

    def _request(
        self, messages: Sequence[dict[str, str]], temperature: float, top_p: float, seed: int
    ) -> dict[str, Any]:
        """The fields of one request."""
        extra = dict(self.settings.extra)
        said = [dict(message) for message in messages]
        if self.settings.prefill:
            said.append({"role": "assistant", "content": self._opening})
            extra = {"continue_final_message": True, "add_generation_prompt": False, **extra}
        fields: dict[str, Any] = {
            "model": self.settings.model,
            "messages": said,
            "temperature": temperature,
            self.settings.length_key: self._length,
            "extra_body": extra,
        }
        if top_p < 1:
            fields["top_p"] = top_p
        if self.settings.seed:
            fields["seed"] = seed
        return fields

    async def _ask_all(self, requests: Sequence[dict[str, Any]]) -> list[Answer]:
        """All answers in order; the first failure that is final ends the other requests."""
        key = self.settings.key()
        gate = asyncio.Semaphore(self.settings.concurrency)
        # The client's own retries neither bound an attempt's time nor cover answers that cannot be read.
        async with openai.AsyncOpenAI(
            api_key=key or "none", base_url=self.settings.base_url, timeout=self.settings.timeout, max_retries=0
        ) as client:
            tasks = [asyncio.create_task(self._ask(client, gate, request, key)) for request in requests]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(
        self, client: openai.AsyncOpenAI, gate: asyncio.Semaphore, request: dict[str, Any], key: str | None
    ) -> Answer:
        async with gate:
            attempt = 0
            while True:
                try:
                    self.usage.requests += 1
                    return await self._attempt(client, request, key)
                except _Failure as failure:
                    attempt += 1
                    known = failure.connected or self.usage.answers > 0
                    allowed = self.settings.retries if known else min(self.settings.retries, UNANSWERED_RETRIES)
                    if not failure.again or attempt > allowed:
                        tried = f" ({attempt} attempts)" if attempt > 1 else ""
                        raise EngineError(f"{self.settings.base_url}: {failure}{tried}") from None
                    wait = self._wait(attempt, failure.wait)
                    logger.warning(
                        "%s: %s; attempt %d of %d in %.1f s",
                        self.settings.base_url,
                        failure,
                        attempt + 1,
                        allowed + 1,
                        wait,
                    )
                await asyncio.sleep(wait)

    def _wait(self, attempt: int, asked: float | None) -> float:
        """Seconds until the next attempt: as the server asks, else doubled each time, and spread a little."""
        wait = FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.75, 1.25) if asked is None else asked
        return min(wait, self.settings.longest_wait)

    async def _attempt(self, client: openai.AsyncOpenAI, request: dict[str, Any], key: str | None) -> Answer:
        """One request.

        Raises:
            _Failure: There was no readable answer in time.
        """
        try:
            # The client's time-out is for a pause between bytes; this one is for all of them.
            completion = await asyncio.wait_for(client.chat.completions.create(**request), self.settings.timeout)
        except (asyncio.TimeoutError, openai.APITimeoutError):
            raise _Failure(f"no answer within engine.timeout={self.settings.timeout} s", again=True) from None
        except openai.APIStatusError as error:
            raise self._refusal(error, key) from None
        except openai.APIConnectionError as error:
            why = _cleaned(str(error.__cause__ or error), key)
            raise _Failure(f"no connection: {why}", again=True, connected=False) from None
        except (ValueError, openai.APIError) as error:  # ValueError: the body is no JSON
            raise _Failure(f"an answer that cannot be read: {_cleaned(str(error), key)}", again=True) from None
        return _read(completion)

    def _refusal(self, error: openai.APIStatusError, key: str | None) -> _Failure:
        """What a status of 400 or more means."""
        status = error.status_code
        if status in (401, 403):
            where = (
                "engine.api_key_variable is null, and the server wants a key"
                if self.settings.api_key_variable is None
                else f"it refuses the key in the environment variable {self.settings.api_key_variable}"
            )
            return _Failure(f"status {status}: {where}", again=False)
        again = (status in TRIED_AGAIN or status >= 500) and error.code not in HOPELESS_CODES
        said = _cleaned(error.message, key)
        wait = _retry_after(error.response.headers.get("retry-after"))
        return _Failure(f"status {status}: {said}", again=again, wait=wait)

    def _without_opening(self, text: str) -> str:
        """The text as it goes on from the opening tag, which the context manager puts before every response."""
        return text.lstrip().removeprefix(self._opening) if text.lstrip().startswith(self._opening) else text

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))


def _read(completion: Any) -> Answer:
    """The answer in a completion.

    Raises:
        _Failure: It has no choices, or what it says is no text: the client builds its objects unchecked.
    """
    choices = getattr(completion, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if message is None:
        raise _Failure("an answer without choices", again=True)
    text = message.content
    if text is not None and not isinstance(text, str):
        raise _Failure(f"an answer whose content is a {type(text).__name__}", again=True)
    usage = completion.usage
    tokens = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, response_tokens = (value if isinstance(value, int) else None for value in tokens)
    return Answer(text or "", prompt_tokens, response_tokens)  # no text: refused, or all tokens went into a thought


def _retry_after(header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as a number or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _cleaned(text: str, key: str | None) -> str:
    """A server's words, short, on one line and without the key."""
    line = " ".join(text.split())
    if key:
        line = line.replace(key, "[key]")
    return line if len(line) <= 300 else f"{line[:300]}..."
