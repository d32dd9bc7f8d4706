"""Whose environments a registry of upstream's has, by ``env_engine``; needs no checkout."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from ragen_tsr import backend, config_checks
from ragen_tsr.embedded.env import REGISTERED_ENVS
from ragen_tsr.upstream import envs

OURS = {"dataset": "small", "folder": None, "init_seed": 0}


@pytest.fixture
def registry(monkeypatch):
    """A registry like upstream's, in which ``webshop`` may be missing."""
    registry = SimpleNamespace(
        REGISTERED_ENVS={name: f"their {name}" for name in ("sokoban", "frozen_lake", "webshop", "bandit")},
        REGISTERED_ENV_CONFIGS={name: f"config of {name}" for name in ("sokoban", "frozen_lake", "webshop", "bandit")},
        ENV_ENGINES=backend.ENV_ENGINES,
    )
    monkeypatch.setattr(envs, "backend", registry)
    monkeypatch.setattr(envs, "_theirs", {})
    return registry


def config(engine, env_type="sokoban", env_config=None):
    tags = {"env_configs": {"tags": ["Tag"]}}
    custom = {"Tag": {"env_type": env_type, "env_config": env_config}}
    made = OmegaConf.create({"env_engine": engine, "es_manager": {"train": tags, "val": tags}, "custom_envs": custom})
    OmegaConf.set_struct(made, True)
    return made


def test_fast_puts_this_projects_sokoban_and_frozen_lake_in_and_upstream_takes_them_out(registry):
    before = dict(registry.REGISTERED_ENVS)
    for _ in range(2):
        envs.install_for(config("fast"))
        now = registry.REGISTERED_ENVS
        assert now == before | {k: REGISTERED_ENVS[k] for k in ("sokoban", "frozen_lake")}
    envs.install_for(config("upstream"))
    assert now == before
    assert registry.REGISTERED_ENV_CONFIGS["sokoban"] == "config of sokoban"


def test_a_type_that_is_observed_as_images_stays_upstreams(registry):
    envs.install_for(config("fast"))
    envs.install_for(config("fast", "sokoban", {"render_mode": "rgb_array"}))
    assert registry.REGISTERED_ENVS["sokoban"] == "their sokoban"
    assert registry.REGISTERED_ENVS["frozen_lake"] is REGISTERED_ENVS["frozen_lake"]


def test_another_engine_is_refused(registry):
    with pytest.raises(ValueError, match="env_engine='quick': must be one of fast, upstream"):
        envs.install_for(config("quick"))


def test_webshop_is_this_projects_where_its_settings_are(registry):
    envs.install_for(config("fast", "webshop", OURS))
    assert registry.REGISTERED_ENVS["webshop"] is REGISTERED_ENVS["webshop"]
    envs.install_for(config("fast", "webshop", {"dataset": "small"}))
    assert registry.REGISTERED_ENVS["webshop"] == "their webshop"


def test_upstreams_webshop_gets_the_settings_that_it_takes(registry):
    composed = config("upstream", "webshop", OURS)
    envs.install_for(composed)
    assert composed.custom_envs.Tag.env_config == {"dataset": "small"}
    envs.install_for(composed)
    assert composed.custom_envs.Tag.env_config == {"dataset": "small"}


def test_upstreams_webshop_has_no_synthetic_catalogue(registry):
    with pytest.raises(ValueError, match=r"custom_envs\.Tag\.env_config\.dataset='synthetic': .* one of small, full"):
        envs.install_for(config("upstream", "webshop", OURS | {"dataset": "synthetic"}))


def test_where_upstream_has_no_webshop_it_says_what_is_missing_and_fast_does_without(registry):
    del registry.REGISTERED_ENVS["webshop"], registry.REGISTERED_ENV_CONFIGS["webshop"]
    with pytest.raises(ValueError, match=r"custom_envs\.Tag\.env_type='webshop'.*webshop_minimal"):
        envs.install_for(config("upstream", "webshop", OURS))
    envs.install_for(config("fast", "webshop", OURS))
    assert registry.REGISTERED_ENVS["webshop"] is REGISTERED_ENVS["webshop"]
    envs.install_for(config("upstream"))
    assert "webshop" not in registry.REGISTERED_ENVS


@pytest.mark.parametrize(
    ("engine", "says"),
    [("upstream", "must be fast unless RAGEN_HOME names a checkout"), ("quick", "must be one of fast, upstream")],
)
def test_without_a_checkout_there_are_only_this_projects(engine, says, monkeypatch):
    monkeypatch.delenv(backend.HOME_VARIABLE, raising=False)
    monkeypatch.delenv(backend.CHOICE_VARIABLE, raising=False)
    (fault,) = config_checks._environments(OmegaConf.create({"env_engine": engine}))
    assert fault.startswith(f"env_engine='{engine}': ")
    assert says in fault
    assert not list(config_checks._environments(OmegaConf.create({"env_engine": "fast"})))
