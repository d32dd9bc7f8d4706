import json

import pytest
import yaml
from corridor import WORDING
from omegaconf import OmegaConf

from ragen_tsr.embedded.llm_agent.wording import PLACEHOLDERS, WordingError, load_wording


@pytest.fixture
def words():
    return yaml.safe_load(WORDING.read_text(encoding="utf-8"))


def test_the_default_wording_has_exactly_the_keys(words):
    assert set(load_wording(words)) == set(PLACEHOLDERS)


def test_a_wording_is_read_from_the_configuration_or_from_a_file(words, tmp_path):
    (tmp_path / "w.json").write_text(json.dumps(words), encoding="utf-8")
    (tmp_path / "w.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    expected = load_wording(OmegaConf.create(words))
    assert load_wording({"path": str(tmp_path / "w.json")}) == expected
    assert load_wording(OmegaConf.create({"path": str(tmp_path / "w.yaml")})) == expected
    assert load_wording(tmp_path / "w.json") == expected


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"turn": None}, "turn"),
        ({"turn": "no board {warning}"}, "state"),
        ({"reward": "{rewrad}"}, "rewrad"),
        ({"length": "{max_tokens:5}"}, "max_tokens"),
        ({"actions": "{names"}, "actions"),
        ({"greeting": "hello"}, "greeting"),
    ],
)
def test_what_cannot_work_is_named(words, change, named):
    with pytest.raises(WordingError, match=named):
        load_wording(words | change)


def test_a_missing_key_a_missing_file_and_no_wording_are_named(words, tmp_path):
    del words["warning"]
    with pytest.raises(WordingError, match=r"missing keys \['warning'\]"):
        load_wording(words)
    with pytest.raises(WordingError, match="no such file"):
        load_wording({"path": str(tmp_path / "none.json")})
    with pytest.raises(WordingError, match="must be one of"):
        load_wording({"path": "wording.txt"})
    with pytest.raises(WordingError, match="Hydra group `wording`"):
        load_wording(None)
