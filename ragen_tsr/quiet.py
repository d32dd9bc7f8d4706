"""What libraries print and log goes to a file, so that a person sees what this package says."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console


class _ConsoleHandler(logging.Handler):
    """Warnings of this package, shown above the progress line."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        self.console.print(record.getMessage(), style="yellow", markup=False, soft_wrap=True)


def _talkative() -> list[str]:
    """Loggers that write to the terminal themselves."""
    known = logging.root.manager.loggerDict.values()
    return [
        one.name
        for one in known
        if isinstance(one, logging.Logger)
        and any(isinstance(h, logging.StreamHandler) and h.stream in (sys.stdout, sys.stderr) for h in one.handlers)
    ]


@contextlib.contextmanager
def quiet_libraries(log: Path, console: Console) -> Iterator[None]:
    """Send what libraries print and log to ``log``; this package's warnings go to the console as well."""
    with log.open("a", encoding="utf-8", buffering=1) as stream:
        to_file = logging.StreamHandler(stream)
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        loggers = {name: logging.getLogger(name) for name in ("", "ray", "ragen_tsr", *_talkative())}
        before = {name: (list(one.handlers), one.level) for name, one in loggers.items()}
        for name, one in loggers.items():
            one.handlers.clear()  # made at import, they hold the terminal
            if name:
                one.addHandler(to_file if not one.propagate else logging.NullHandler())
        loggers[""].addHandler(to_file)
        loggers[""].setLevel(logging.INFO)
        loggers["ragen_tsr"].addHandler(_ConsoleHandler(console))
        loggers["ragen_tsr"].setLevel(logging.DEBUG)
        try:
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                yield
        finally:
            for name, (handlers, level) in before.items():
                loggers[name].handlers[:] = handlers
                loggers[name].setLevel(level)
