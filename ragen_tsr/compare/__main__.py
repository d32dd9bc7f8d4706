"""``python -m ragen_tsr.compare ENV --methods none,beam ...``: search methods compared, with an exit status for CI.

Hands a command that was read to whoever carries it out; ``--help`` lists the flags.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from rich.console import Console

from ragen_tsr.compare import command
from ragen_tsr.config import ConfigError

REFUSED, INTERRUPTED = 2, 130
"""Exit statuses where a word cannot work, and after Ctrl-C; as in ``ragen_tsr.train``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    console = Console(file=sys.stdout, highlight=False)
    errors = Console(stderr=True, highlight=False)
    try:
        asked, folder = command.read(list(sys.argv[1:] if arguments is None else arguments))
    except ConfigError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    try:
        if asked.rollouts_only:
            from ragen_tsr.compare import rollouts

            return rollouts.main(asked, folder, console)
        from ragen_tsr.compare import training

        return training.main(asked, folder, console)
    except ConfigError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    except KeyboardInterrupt:
        again = f"python -m ragen_tsr.compare resume={shlex.quote(str(folder))}"
        errors.print(f"interrupted; go on with {again}", style="red", markup=False, soft_wrap=True)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
