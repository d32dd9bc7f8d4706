"""A server that does what it is told, request by request, and prompts to send to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from tensordict import TensorDict
from verl import DataProto

from ragen_tsr.config import CONFIG_DIR

KEY = "sk-TopSecret0123456789"
KEY_VARIABLE = "TEST_SERVER_KEY"


def completion(text: str | None, usage: bool = True) -> dict[str, Any]:
    """A chat completion as servers send it."""
    body: dict[str, Any] = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
    }
    if usage:
        body["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return body


@dataclass(frozen=True)
class Reply:
    """What the server does with one request."""

    status: int = 200
    body: Any = None
    """JSON, or bytes that are sent as they are; None: a completion that repeats the last message."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before anything is sent."""
    drip: float = 0.0
    """Seconds between two bytes of the body."""


@dataclass
class Server:
    """What a running server was asked."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    authorisations: list[str | None] = field(default_factory=list)
    at_once: int = 0
    """Most requests that were under way at a time."""


@contextmanager
def serving(behaviour: Callable[[int, dict[str, Any]], Reply]) -> Iterator[Server]:
    """A server that answers request number n (from 0) with ``behaviour(n, body)``."""
    lock = threading.Lock()
    under_way = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal under_way
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(server.requests)
                server.requests.append(body)
                server.times.append(time.monotonic())
                server.authorisations.append(self.headers.get("Authorization"))
                under_way += 1
                server.at_once = max(server.at_once, under_way)
            try:
                self._send(behaviour(number, body), body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client gave up, as some tests want it to
            finally:
                with lock:
                    under_way -= 1

        def _send(self, reply: Reply, body: dict[str, Any]) -> None:
            time.sleep(reply.delay)
            content = completion(body["messages"][-1]["content"]) if reply.body is None else reply.body
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if not reply.drip:
                self.wfile.write(data)
                return
            for index in range(len(data)):
                self.wfile.write(data[index : index + 1])
                self.wfile.flush()
                time.sleep(reply.drip)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.block_on_close = False
        server = Server(f"http://127.0.0.1:{running.server_address[1]}/v1")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            running.shutdown()
            thread.join()


def engine_config(engine: str, **given: Any) -> DictConfig:
    """What engines read of the configuration; ``given`` are keys of the engine."""
    of_engine = OmegaConf.merge(OmegaConf.load(CONFIG_DIR / "engine" / f"{engine}.yaml"), given)
    return OmegaConf.create(
        {
            "run_seed": 3,
            "model_path": "somewhere",
            "agent_proxy": {"enable_think": True, "action_sep": "||"},
            "actor_rollout_ref": {
                "rollout": {
                    "response_length": 24,
                    "dtype": "float32",
                    "temperature": 1.0,
                    "top_p": 1.0,
                    "top_k": -1,
                    "do_sample": True,
                    "max_model_len": 256,
                    "val_kwargs": {"temperature": 0.5, "top_p": 1.0, "top_k": -1, "do_sample": True},
                }
            },
            "engine": of_engine,
        }
    )


def prompts(texts: list[str], **meta: Any) -> DataProto:
    """One prompt of five tokens a text."""
    messages = np.empty(len(texts), dtype=object)
    messages[:] = [[{"role": "system", "content": "Play."}, {"role": "user", "content": text}] for text in texts]
    ids = torch.ones(len(texts), 5, dtype=torch.int64)
    data = DataProto(
        batch=TensorDict(
            {"input_ids": ids, "attention_mask": ids.clone(), "position_ids": torch.arange(5).expand_as(ids)},
            batch_size=len(texts),
        )
    )
    data.non_tensor_batch = {"messages_list": messages, "env_ids": np.arange(len(texts))}
    data.meta_info = {"mode": "multiturn-start", "validate": True, **meta}
    return data


class Words:
    """A tokenizer that counts words."""

    eos_token_id = 0
    pad_token_id = 0

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """A token for each word."""
        assert not add_special_tokens
        return [1] * len(text.split())
