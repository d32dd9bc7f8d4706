"""Which scorer is found, how everything else is refused, and Sokoban's."""

import dataclasses
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from ragen_tsr.scorers import SCORERS, EnvView, SokobanScorer, Turn, register, resolve
from ragen_tsr.scorers import registry as scorer_registry

VIEW = EnvView(env_type="sokoban", state="#P_", snapshot=None, done=False, success=False)


def turn(reward, penalty):
    return Turn(actions=(1,), reward=reward, penalty=penalty, info={}, response="<answer>Up</answer>")


@dataclasses.dataclass(frozen=True)
class Scaled:
    """A scorer with an option."""

    scale: float = 1.0
    rank_by: ClassVar[str] = "last"

    def __call__(self, before, turn, after):
        return self.scale * turn.reward


def without_rank_by(before, turn, after):
    return 0.0


def ready_made(before, turn, after):
    return 7.0


ready_made.rank_by = "accumulated"


@pytest.fixture
def entry_point(monkeypatch):
    """Make an object of this module look as if another package offered it."""

    def offer(name, value):
        points = [EntryPoint(name=name, value=f"{__name__}:{value}", group=scorer_registry.ENTRY_POINTS)]
        monkeypatch.setattr(scorer_registry, "entry_points", lambda group: points)

    return offer


def test_sokoban_scores_the_reward_plus_the_penalty_of_the_turn():
    scorer = resolve(None, "sokoban")
    assert scorer(VIEW, turn(0.7, -0.1), VIEW) == pytest.approx(0.6)
    assert scorer(VIEW, turn(-0.3, 0.0), VIEW) == pytest.approx(-0.3)
    assert scorer.rank_by == "accumulated"


def test_a_scorer_is_found_by_name_and_by_import_path():
    assert resolve("sokoban", "another_environment") == SokobanScorer()
    assert resolve(f"{__name__}:Scaled", "sokoban") == Scaled()
    assert resolve({"name": f"{__name__}:Scaled", "scale": 3.0}, "sokoban") == Scaled(3.0)
    assert resolve(f"{__name__}:ready_made", "sokoban") is ready_made
    assert resolve({}, "sokoban") == SokobanScorer()


def test_another_package_may_add_and_replace(entry_point):
    entry_point("mine", "Scaled")
    assert resolve("mine", "sokoban") == Scaled()
    assert resolve({"name": "mine", "scale": 2.0}, "sokoban") == Scaled(2.0)
    assert resolve(None, "mine") == Scaled()
    assert resolve(None, "sokoban") == SokobanScorer()
    entry_point("sokoban", "Scaled")
    assert resolve(None, "sokoban") == Scaled()


def test_registering_makes_it_the_environments_own_once(monkeypatch):
    monkeypatch.setattr(scorer_registry, "SCORERS", dict(SCORERS))
    assert register("toy")(Scaled) is Scaled
    assert resolve(None, "toy") == Scaled()
    with pytest.raises(ValueError, match=r"already.*'toy'"):
        register("toy")(SokobanScorer)


@pytest.mark.parametrize(
    ("config", "env_type", "says"),
    [
        (None, "chess", r"'chess' has no scorer.*sokoban"),
        ("sokobann", "sokoban", r"search\.scorer='sokobann'.*sokoban"),
        ("no_such_package.x:y", "sokoban", r"search\.scorer='no_such_package\.x:y' cannot be imported"),
        (f"{__name__}:absent", "sokoban", r"cannot be imported.*absent"),
        (f"{__name__}:without_rank_by", "sokoban", r"rank_by.*accumulated, last"),
        (f"{__name__}:VIEW", "sokoban", r"callable"),
        ({"name": "sokoban", "scale": 2}, "sokoban", r"search\.scorer\.scale=2.*'sokoban'.*none"),
        ({"name": f"{__name__}:Scaled", "size": 2}, "sokoban", r"search\.scorer\.size=2.*scale"),
        ({"name": f"{__name__}:ready_made", "scale": 2}, "sokoban", r"search\.scorer\.scale=2"),
    ],
)
def test_refuses_what_is_no_scorer_and_says_what_exists(config, env_type, says):
    with pytest.raises(ValueError, match=says):
        resolve(config, env_type)
