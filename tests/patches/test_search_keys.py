"""One block with the keys of all methods: those of the chosen one stay, the others may not be set."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

from ragen_tsr.config import CONFIG_DIR, ConfigError, options
from ragen_tsr.upstream.search_keys import block_defaults, keep_methods_own, method_defaults


def _config(**search):
    config = OmegaConf.create({"search": block_defaults() | search, "es_manager": {"train": {"group_size": 16}}})
    OmegaConf.set_struct(config, True)
    return config


@pytest.mark.parametrize("method", options("search"))
def test_a_method_is_left_its_own_keys(method):
    config = _config(name=method)
    keep_methods_own(config)
    own = OmegaConf.load(CONFIG_DIR / "search" / f"{method}.yaml")
    assert set(config.search) == set(own)
    assert OmegaConf.to_container(config.search) == method_defaults(method) | ({"N": 28} if "N" in own else {})


@pytest.mark.parametrize("slots", [None, 8])
def test_what_follows_from_other_keys_is_computed_where_it_is_null(slots):
    config = _config(name="best_of_n", slots=slots)
    keep_methods_own(config)
    seven_quarters = 28 if slots is None else 14
    assert seven_quarters == config.search.N
    config = _config(name="best_of_n", N=20, slots=slots)
    keep_methods_own(config)
    assert config.search.N == 20


def test_what_is_set_stays_and_twice_is_once():
    config = _config(name="beam", M=8, rank_by="last")
    keep_methods_own(config)
    once = OmegaConf.to_container(config)
    assert (config.search.M, config.search.B, config.search.rank_by) == (8, 2, "last")
    keep_methods_own(config)
    assert OmegaConf.to_container(config) == once


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"name": "none", "M": 8}, "search.M=8: no key of none, which has name, scorer"),
        ({"name": "beam", "D": 3}, "search.D=3: no key of beam"),
        ({"name": "beam", "width": 3}, "search.width=3: no key of beam"),
        ({"name": "bream"}, "search.name='bream': must be one of beam, best_of_n, lookahead, none"),
    ],
)
def test_what_the_method_does_not_have_is_refused(search, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        keep_methods_own(_config(**search))


def test_a_key_that_is_not_there_is_named():
    config = OmegaConf.create({"search": {"name": "beam", "M": 4}})
    with pytest.raises(ConfigError, match=r"search\.B is missing"):
        keep_methods_own(config)


def test_a_key_has_one_default_whatever_the_method():
    for method in options("search"):
        for key, value in method_defaults(method).items():
            assert key in ("name", "N") or block_defaults()[key] == value
