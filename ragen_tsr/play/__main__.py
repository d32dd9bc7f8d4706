"""``python -m ragen_tsr.play ENV [--seed N] [overrides]``: a person plays, and sees what the agent sees.

Decides what is shown, and which words are commands. Leaves the episode to :mod:`ragen_tsr.play.game`, and what ENV and
overrides mean to :mod:`ragen_tsr.config`. Lines may come from a file: the end of the input ends the game.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console

from ragen_tsr.config import ConfigError, compose, parse
from ragen_tsr.play.game import Game

OK, REFUSED = 0, 2
"""Exit statuses."""
HELP = """\
a line of actions plays a turn; one that begins with < is taken as the agent's whole response
:prompt   what the agent would be sent now        :actions  what may be done here
:undo     take the last turn back                 :again    this start from the beginning
:next     the start of the next seed              :quit     end"""
ALONE = ("scale=cpu", "model_path=person", "es_manager.val.env_groups=1", "es_manager.val.group_size=1")
"""One slot, and no model."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ragen_tsr.play", description="Play an environment by hand.")
    parser.add_argument("env", metavar="ENV", help="a file of config/env/, or a Python file with a task of one's own")
    parser.add_argument("--seed", type=int, metavar="N", help="which start; seed.val if it is not given")
    options, overrides = parser.parse_known_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        game = _game(options.env, overrides, options.seed)
    except ConfigError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        return REFUSED
    Table(game, console).run(_lines(console))
    return OK


class Table:
    """Shows a game and carries out lines.

    Args:
        game: at its start.
        console: where everything is shown.
    """

    def __init__(self, game: Game, console: Console) -> None:
        self._game = game
        self._console = console

    def run(self, lines: Iterator[str]) -> None:
        """Play until ``:quit`` or the end of `lines`."""
        self._say(HELP, style="dim")
        self._show()
        for line in lines:
            if line == ":quit":
                break
            if line:
                self._carry_out(line)

    def _carry_out(self, line: str) -> None:
        game = self._game
        match line:
            case ":help":
                self._say(HELP)
            case ":prompt":
                self._say(game.prompt())
            case ":actions":
                self._say(", ".join(game.actions()))
            case ":undo":
                self._show() if game.undo() else self._say("nothing to take back")
            case ":again":
                game.start(game.seed)
                self._show()
            case ":next":
                game.start(game.seed + 1)
                self._show()
            case _ if line.startswith(":"):
                self._say(f"{line}: no such command\n{HELP}")
            case _ if game.over:
                self._say("the episode is over: :undo, :again, :next or :quit")
            case _:
                game.play(line if line.startswith("<") else game.response(game.read(line)))
                self._outcome()
                self._show()

    def _outcome(self) -> None:
        """What the turn did and what it was worth."""
        game, position = self._game, self._game.position
        turn = position.branch.last_turn
        done = ", ".join(game.named(turn["actions"])) or "nothing"
        penalty = f", penalty {position.branch.turn_penalty:g}" if position.branch.turn_penalty else ""
        self._say(
            f"did {done}: reward {turn['reward']:g}{penalty}; score {position.turn_score:.4g}, "
            f"{game.rank_by} {position.total:.4g}",
            style="green" if position.turn_score > 0 else "yellow",
        )

    def _show(self) -> None:
        """The state to act on, or how it ended."""
        game = self._game
        reward, penalty = game.earned
        self._console.rule(
            f"seed {game.seed}, turn {min(game.turns + 1, game.max_turn)} of {game.max_turn}, "
            f"{game.actions_left} actions left, return {reward:g}, penalties {penalty:g}",
            align="left",
        )
        self._say(game.position.branch.state)
        if game.over:
            ending = "success" if game.success else "the episode is over without success"
            self._say(ending, style="bold green" if game.success else "bold red")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False)


def _game(env: str, overrides: Sequence[str], seed: int | None) -> Game:
    """The game of a command line.

    Raises:
        ConfigError: It cannot be played as asked.
    """
    from ragen_tsr.config_checks import check

    config = compose(parse([env, "none", *ALONE, *overrides]))
    check(config, training=False)
    if seed is not None and not 0 <= seed < 2**32:
        raise ConfigError(f"--seed {seed}: must be an integer from 0 to {2**32 - 1}")
    return Game(config, seed)


def _lines(console: Console) -> Iterator[str]:
    """What is typed; what comes from a file is shown as if it had been."""
    while True:
        try:
            line = console.input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if not sys.stdin.isatty():
            console.print(line, markup=False)
        yield line


if __name__ == "__main__":
    sys.exit(main())
