"""WebShop's configuration and wording: what is taken, and how everything else is refused."""

import json

import pytest
import yaml
from omegaconf import OmegaConf

from ragen_tsr import config as configuration
from ragen_tsr.embedded.env.webshop import WebShopEnv, WebShopEnvConfig
from ragen_tsr.embedded.env.webshop.wording import DEFAULT_FILE, WebShopWordingError, load_webshop_wording

WORDING = {
    "hints": ["Be {quick}.", "Be kind."],
    "hints_joiner": " / ",
    "render": "{observation}|{hints}|{actions}",
    "actions_joiner": "; ",
    "done_page": ["Bought {asin}", " ", "{options} {reward}"],
}


def test_the_default_is_the_file_of_the_configuration():
    content = yaml.safe_load(DEFAULT_FILE.read_text(encoding="utf-8"))
    assert load_webshop_wording(None) == load_webshop_wording(content) == WebShopEnvConfig().sentences


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_sentences_come_from_a_mapping_or_a_file(tmp_path, suffix):
    file = tmp_path / f"wording{suffix}"
    file.write_text(json.dumps(WORDING))  # JSON is YAML too
    for source in (WORDING, file, str(file), {"path": str(file)}):
        assert load_webshop_wording(source) == load_webshop_wording(WORDING)


def test_they_are_what_the_model_is_shown():
    env = WebShopEnv(WebShopEnvConfig(wording=WORDING))
    env.reset(seed=0)
    assert env.render() == f"Instruction: {env.goal.instruction}|Be {{quick}}. / Be kind.|search[<content>]"
    env.step(f"search[{env.goal.title}]")
    env.step(f"click[{env.goal.asin}]")
    observation, *_, info = env.step("click[buy now]")
    assert observation == f"Bought {env.goal.asin} [SEP]  [SEP] {{}} {info['raw_reward']}"
    assert env.render() == f"{observation}|Be {{quick}}. / Be kind.|"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"render": "{observation}"}, r"render='\{observation\}' must contain \['actions'\]"),
        ({"render": "{observation} {actions} {state}"}, r"render=.*allowed placeholders"),
        ({"render": "{observation!r} {actions}"}, r"render=.*without a format"),
        ({"render": "{observation"}, r"render=.*not a template"),
        ({"done_page": ["{price}"]}, r"done_page\[0\]='\{price\}'.*asin.*options.*reward"),
        ({"hints": "be quick"}, r"hints='be quick' must be a list"),
        ({"hints": [1]}, r"hints\[0\]=1 must be text"),
        ({"hint": []}, r"unknown keys \['hint'\]"),
        ({"render": None}, r"render=None must be text"),
    ],
)
def test_a_wording_that_cannot_work_is_refused(change, says):
    with pytest.raises(WebShopWordingError, match=says):
        load_webshop_wording(WORDING | change)


def test_missing_keys_and_files_are_named(tmp_path):
    with pytest.raises(WebShopWordingError, match=r"missing keys \['render'\]"):
        load_webshop_wording({key: value for key, value in WORDING.items() if key != "render"})
    with pytest.raises(WebShopWordingError, match=r"absent\.json'.*no such file"):
        load_webshop_wording(tmp_path / "absent.json")
    with pytest.raises(WebShopWordingError, match=r"wording\.txt'.*\.json, \.yaml, \.yml"):
        load_webshop_wording(tmp_path / "wording.txt")
    (tmp_path / "cut.json").write_text('{"hints": [')
    with pytest.raises(WebShopWordingError, match=r"cut\.json'.*cannot be read"):
        load_webshop_wording(tmp_path / "cut.json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"dataset": "medium"}, r"data='medium': allowed are synthetic, small, full"),
        ({"dataset": "small"}, r"folder=None: data=small needs the folder"),
        ({"dataset": "small", "folder": "/no/such/folder"}, r"/no/such/folder: there is no such folder"),
        ({"folder": "somewhere"}, r"folder='somewhere': data=synthetic has none"),
        ({"products": 10}, r"products=10: allowed are whole numbers"),
        ({"init_seed": -1}, r"init_seed=-1"),
        ({"shuffle_seed": "x"}, r"shuffle_seed='x'"),
        ({"search_backend": "grep"}, r"search_backend='grep': allowed are numpy, pyserini"),
        ({"human_goals": True}, r"human_goals=True: allowed is False"),
        ({"observation_mode": "html"}, r"observation_mode='html': allowed is 'text'"),
        ({"show_attrs": True}, r"show_attrs=True: allowed is False"),
        ({"wording": {"hints": []}}, r"webshop\.wording: missing keys"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        WebShopEnvConfig(**arguments)


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="limit_goals"):
        WebShopEnvConfig(limit_goals=10)


def composed(*overrides):
    """``env_config`` of each tag, as a command line gives it."""
    config = configuration.compose(configuration.parse(["webshop", "beam", "scale=cpu", *overrides]))
    return {
        tag: OmegaConf.to_container(env.env_config, resolve=True)
        for tag, env in config.custom_envs.items()
        if env.env_type == "webshop"
    }


def test_a_run_has_the_defaults_of_the_environment_and_its_own_sentences():
    settings = WebShopEnvConfig(**composed()["WebShop"])
    assert settings == WebShopEnvConfig(wording=settings.wording)
    assert settings.sentences == load_webshop_wording()


def test_a_run_passes_on_what_webshop_says(tmp_path):
    file = tmp_path / "wording.json"
    file.write_text(json.dumps(WORDING))
    given = composed(
        *("webshop.init_seed=3", "webshop.shuffle_seed=42", "webshop.search_backend=pyserini"),
        *("webshop.products=1200", "wording/webshop@webshop.wording=file", f"webshop.wording.path={file}"),
    )
    small = WebShopEnvConfig(**given["WebShop"])
    assert small.shop == WebShopEnvConfig(init_seed=3, shuffle_seed=42, search_backend="pyserini", products=1200).shop
    assert small.sentences == load_webshop_wording(WORDING)
    for tag, data in (("WebShop", "small"), ("WebShopFull", "full")):
        given = composed("webshop.data=small", f"webshop.folder={tmp_path}")[tag]
        assert (given["dataset"], given["folder"]) == (data, str(tmp_path))
