"""``--cfg job`` and ``--dry-run`` on the command line."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ragen_tsr import train
from ragen_tsr.dry_run import asked_for


def test_a_dry_run_is_asked_for_by_name() -> None:
    assert asked_for(["sokoban", "beam", "--cfg", "job"])
    assert asked_for(["sokoban", "beam", "--dry-run"])
    assert not asked_for(["sokoban", "beam", "scale=paper"])


def test_the_configuration_goes_to_standard_output_and_the_rest_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["sokoban", "beam", "scale=paper", "search.M=3", "--cfg", "job"]) == train.OK
    out, said = capsys.readouterr()
    assert OmegaConf.create(out).search.M == 3
    assert "${" in out
    for words in ("6,912", "16 groups x 16 slots x 27", "494.0 M parameters", "12,288 bytes of cache a token", "H100"):
        assert words in said


def test_references_are_resolved_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["sokoban", "none", "scale=paper", "--cfg", "job", "--resolve"]) == train.OK
    assert "${" not in capsys.readouterr().out


def test_the_check_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["frozen_lake", "none", "scale=cpu", "--dry-run"]) == train.OK
    out, said = capsys.readouterr()
    assert out == ""
    assert "memory      not estimated" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--dry-run", "+agent_proxy.max_turns=4"), "agent_proxy.max_turns: neither verl nor"),
        (("--dry-run", "search.M=0"), "M"),
        (("--dry-run", "sercha.M=0"), "no such key"),
    ],
)
def test_faults_end_it(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str) -> None:
    assert train.main(["sokoban", "beam", "scale=paper", *words]) == train.REFUSED
    assert complaint in capsys.readouterr().err


def test_hydras_other_packages_are_not_there() -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(["sokoban", "beam", "--cfg", "hydra"])
    assert ended.value.code == train.REFUSED
