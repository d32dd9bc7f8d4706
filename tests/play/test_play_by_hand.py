"""A person's turns go through the agent's own rules: prompts, limits, penalties, scores; and they can be taken back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ragen_tsr.models.tasks import task_of
from ragen_tsr.play import __main__ as command
from ragen_tsr.play.game import Game

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "examples" / "windy_field.py")


def game(env: str = "sokoban", *overrides: str, seed: int = 5) -> Game:
    return command._game(env, overrides, seed)


def solution(playing: Game) -> list[str]:
    """The shortest path of the room."""
    task = task_of(playing._manager.sys_config)
    return task.solve(task.position(playing._env()), 20, None)


def test_a_solved_room_is_a_success_and_its_score_is_the_return():
    playing = next(one for one in (game(seed=seed) for seed in range(5, 15)) if len(solution(one)) <= 10)
    moves = solution(playing)
    for start in range(0, len(moves), 2):
        playing.play(playing.response(moves[start : start + 2]))
    assert playing.over
    assert playing.success
    assert playing.actions_left == 10 - len(moves)
    assert playing.position.total == pytest.approx(playing.earned[0])
    with pytest.raises(ValueError, match="over"):
        playing.play(playing.response(["Up"]))


def test_undo_goes_back_exactly_and_another_turn_may_follow():
    playing = game("frozen_lake")
    start = playing.prompt()
    first = playing.play(playing.response(["Down", "Right"])).branch
    assert playing.prompt() != start
    assert playing.undo()
    assert playing.prompt() == start
    again = playing.play(playing.response(["Down", "Right"])).branch
    assert (again.state, again.status.rewards) == (first.state, first.status.rewards)
    assert playing.undo()
    assert not playing.undo()


def test_words_are_shortened_separated_and_left_as_they_are_if_unknown():
    playing = game()
    assert playing.read("u, r LEFT") == ["Up", "Right", "Left"]
    assert playing.read("Up || banana") == ["Up", "banana"]
    assert game("webshop").read("search[red shoes]") == ["search[red shoes]"]


def test_a_mistake_costs_the_format_penalty_and_an_answer_may_be_given_as_it_is():
    playing = game()
    position = playing.play(playing.response(["banana"]))
    assert playing.earned == (0.0, -0.1)
    assert position.turn_score == pytest.approx(-0.1)
    playing.play("<think>down it is</think><answer>Down</answer>")
    assert "down it is" in playing.prompt()
    assert playing.turns == 2


def test_the_episode_ends_with_its_turns():
    playing = game("sokoban", "agent_proxy.max_turn=2")
    for _ in range(2):
        assert not playing.over
        playing.play(playing.response(["banana"]))
    assert playing.over
    assert not playing.success


def test_the_shops_actions_are_those_of_the_page_also_after_undo():
    playing = game("webshop")
    start = playing.actions()
    playing.play(playing.response(["search[shoes]"]))
    assert playing.actions() != start
    playing.undo()
    assert playing.actions() == start


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], env: str, *lines: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    assert command.main([env, "--seed", "5"]) == 0
    return capsys.readouterr().out


def test_lines_from_a_file_play(monkeypatch, capsys):
    shown = typed(monkeypatch, capsys, "sokoban", ":undo", "u", ":prompt", ":undo", ":next", ":nonsense", ":quit", "d")
    assert "nothing to take back" in shown
    assert "did Up: reward -0.1; score -0.1, accumulated -0.1" in shown
    assert "<answer>Up</answer><|im_end|>" in shown
    assert "seed 6, turn 1 of 5" in shown
    assert ":nonsense: no such command" in shown
    assert "did Down" not in shown


def test_a_task_of_ones_own_can_be_played(monkeypatch, capsys):
    assert "turn 2 of" in typed(monkeypatch, capsys, EXAMPLE, "east")


def test_what_cannot_be_played_is_refused(capsys):
    for words, named in ((["chess"], "chess"), (["sokoban", "--seed", "-1"], "--seed -1"), (["sokoban", "a=1"], "a=1")):
        assert command.main(words) == 2
        assert named in capsys.readouterr().err
