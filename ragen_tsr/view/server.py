"""Serves the page of a run to this machine's browser: the document, and each step's searches when asked for."""

from __future__ import annotations

import json
import logging
import re
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ragen_tsr.view.page import index, served_page
from ragen_tsr.view.searches import RecordedRun, step_page

HOST = "127.0.0.1"
STEP = re.compile(r"/steps/(\d{1,9})\.json")
KEPT_STEPS = 16
logger = logging.getLogger(__name__)


def make_server(run: RecordedRun, beside: RecordedRun | None, port: int) -> ThreadingHTTPServer:
    """A server on this machine only; ``serve_forever`` starts it. Port 0 takes a free one (``server_port``).

    Raises:
        OSError: The port is taken.
    """

    @lru_cache(KEPT_STEPS)
    def step_json(step: int) -> bytes:
        return json.dumps(step_page(run, step, beside), ensure_ascii=False, allow_nan=False).encode("utf-8")

    class Handler(BaseHTTPRequestHandler):
        """``/``, ``/index.json`` (a run may go on) and ``/steps/<n>.json``; anything else is not found."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked = STEP.fullmatch(path)
            if path == "/":
                self._answer("text/html", served_page(run, beside).encode("utf-8"))
            elif path == "/index.json":
                self._answer(
                    "application/json", json.dumps(index(run, run.steps(), beside, served=True)).encode("utf-8")
                )
            elif asked and int(asked[1]) in run.steps():
                self._answer("application/json", step_json(int(asked[1])))
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            logger.debug(format, *args)

    return ThreadingHTTPServer((HOST, port), Handler)
