"""The command line of a comparison: what it asks for, what it refuses, and how it is gone on with."""

import pytest

from ragen_tsr.compare import command
from ragen_tsr.compare.__main__ import main
from ragen_tsr.compare.command import Variation, load, read, save
from ragen_tsr.config import ConfigError


def asked(*words):
    return read(words)[0]


def test_defaults():
    trained, rollouts = asked("sokoban"), asked("sokoban", "--rollouts-only")
    assert trained.methods == ("none", "best_of_n", "lookahead", "beam")
    assert (trained.seeds, rollouts.seeds) == (3, 1)
    assert trained.variations == [Variation("", ())]


def test_words_of_a_run():
    compared = asked("sokoban", "--methods", "none,beam", "algo=grpo", "beam:search.M=8", "--vary", "search.slots=1,2")
    first, second = compared.variations
    assert compared.words("none", 2, first) == ("sokoban", "none", "run_seed=2", "algo=grpo", "search.slots=1")
    assert compared.words("beam", 0, second)[3:] == ("algo=grpo", "search.M=8", "search.slots=2")


def test_variations_are_combined():
    compared = asked("sokoban", "--vary", "algo=ppo,grpo", "--vary", "env_noise=common,independent")
    assert [variation.name for variation in compared.variations] == [
        f"algo={algo} env_noise={noise}" for algo in ("ppo", "grpo") for noise in ("common", "independent")
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sokobn"], "sokobn"),
        (["sokoban", "--methods", "none,bean"], "'bean' must be one of"),
        (["sokoban", "--methods", "none,none"], "each method once"),
        (["sokoban", "--methods", "instance_filtering,none"], "each method once"),
        (["sokoban", "--methods", "none,random"], "--rollouts-only"),
        (["sokoban", "--methods", "beam,random", "--rollouts-only"], "none"),
        (["sokoban", "--fail-if-worse", "beam"], "must be A:B"),
        (["sokoban", "--fail-if-worse", "beam:beam"], "must be A:B"),
        (["sokoban", "--methods", "none,beam", "--fail-if-worse", "beam:lookahead"], "none, beam"),
        (["sokoban", "--min-effect", "0"], "--min-effect 0.0: must be above 0"),
        (["sokoban", "--starts", "1"], "--starts 1: must be at least 2"),
        (["sokoban", "--seeds", "0"], "--seeds 0"),
        (["sokoban", "--vary", "algo"], "key=value"),
        (["sokoban", "--vary", "algo=ppo,"], "key=value"),
        (["sokoban", "--bean"], "--bean: no flag"),
        (["sokoban", "beam"], "beam: no flag"),
        (["sokoban", "bean:search.M=3"], "'bean' must be one of"),
        (["sokoban", "run_seed=3"], "use --seeds"),
        (["sokoban", "--rollouts-only", "beam:es_manager.train.env_groups=3"], "use --starts"),
        (["resume=nowhere"], r"resume=nowhere.*command\.json"),
    ],
)
def test_refusals(words, says):
    with pytest.raises(ConfigError, match=says):
        read(words)


def test_a_saved_command_is_read_back(tmp_path):
    compared = asked("sokoban", "--vary", "algo=ppo,grpo", "--fail-if-worse", "beam:none", "beam:search.M=8")
    save(compared, tmp_path)
    assert load(tmp_path) == compared
    assert read([f"resume={tmp_path}"]) == (compared, tmp_path)


def test_the_text_of_a_command_asks_for_the_same():
    compared = asked("sokoban", "--rollouts-only", "--vary", "env_noise=common,upstream", "--starts", "9", "algo=grpo")
    assert asked(*compared.text.split()[3:]) == compared


def test_only_the_judgement_may_change_when_a_comparison_goes_on(tmp_path):
    save(asked("sokoban", "--rollouts-only"), tmp_path)
    judged, _ = read([f"resume={tmp_path}", "--fail-if-worse", "beam:none", "--min-effect", "0.3"])
    assert (judged.fail_if_worse, judged.min_effect, judged.rollouts_only) == (("beam", "none"), 0.3, True)
    for refused in ("--starts", "--seeds"):
        with pytest.raises(ConfigError, match="cannot be changed"):
            read([f"resume={tmp_path}", refused, "4"])
    with pytest.raises(ConfigError, match="cannot be changed"):
        read([f"resume={tmp_path}", "algo=grpo"])


def test_one_process_at_a_time_is_at_a_comparison(tmp_path):
    compared = asked("sokoban", "--rollouts-only")
    with save(compared, tmp_path), pytest.raises(ConfigError, match="another process is at this comparison"):
        save(compared, tmp_path)
    with save(compared, tmp_path):
        assert load(tmp_path) == compared


def test_a_folder_goes_on_with_its_own_comparison_only(tmp_path):
    words = ["sokoban", "--rollouts-only", "--folder", str(tmp_path / "here")]
    save(*read(words))
    assert read([*words, "--fail-if-worse", "beam:none"])[1] == tmp_path / "here"
    with pytest.raises(ConfigError, match=r"holds another comparison: .*--starts 128"):
        read([*words, "--starts", "5"])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ConfigError, match="must be empty"):
        read(["sokoban", "--folder", str(tmp_path / "other")])


def test_a_refusal_is_exit_status_2_and_makes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sokoban", "--rollouts-only", "search.M=oops", "--methods", "beam"]) == 2
    assert "search.M" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert command.COMMAND_FILE == "command.json"
