"""A headless Chromium, driven over its debugging pipe: no driver program, no further package."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECONDS = 60


class Browser:
    """One browser with one page.

    Attributes:
        events: What the page reported since the last :meth:`open`: ``(method, params)``.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        from_us, self._send = os.pipe()
        self._receive, to_us = os.pipe()
        flags = f"--headless --no-sandbox --disable-gpu --remote-debugging-pipe --user-data-dir={profile}"
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {CHROMIUM} {flags} 3<&{from_us} 4>&{to_us}"],
            pass_fds=(from_us, to_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=1500, height=950, deviceScaleFactor=1, mobile=False)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._send)
        os.close(self._receive)

    def open(self, address: str) -> None:
        """Go to an address and wait until the page has drawn a tree."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=address)
        self.wait("document.querySelectorAll('#tree .node').length > 0 && document.querySelector('#node h2')")

    def wait(self, condition: str) -> None:
        end = time.monotonic() + SECONDS
        while not self.run(f"!!({condition})"):
            assert time.monotonic() < end, f"{condition}: not within {SECONDS} s; {self.problems()}"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def key(self, name: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name)

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        box = self.run(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
                       f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")  # fmt: skip
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def asked(self) -> list[str]:
        """Addresses that the page asked for."""
        return [params["request"]["url"] for method, params in self.events if method == "Network.requestWillBeSent"]

    def problems(self) -> list[Any]:
        """Errors and what the security policy has stopped."""
        kinds: dict[str, Callable[[dict[str, Any]], bool]] = {
            "Runtime.exceptionThrown": lambda params: True,
            "Log.entryAdded": lambda params: params["entry"]["level"] == "error",
            "Runtime.consoleAPICalled": lambda params: params["type"] == "error",
        }
        return [params for method, params in self.events if method in kinds and kinds[method](params)]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and read until its answer is there."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            got = self._read()
            if got.get("id") == self._number:
                assert "error" not in got, (method, got["error"])
                return got["result"]
            if "method" in got:
                self.events.append((got["method"], got["params"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receive], [], [], SECONDS)
            assert ready, f"{CHROMIUM} says nothing for {SECONDS} s"
            data = os.read(self._receive, 1 << 20)
            assert data, f"{CHROMIUM} has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)
