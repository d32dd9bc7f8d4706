"""Packages that are not installed, while upstream's modules are imported; needs no checkout."""

import json
import sys

import pytest

from ragen_tsr.upstream.stand_ins import MissingPackageError, stand_ins

ABSENT = {"no_such_package": ("LLM",), "no_such_package.below": ("pad", "unpad")}


def test_what_was_bound_raises_when_it_is_used_and_says_what_to_install() -> None:
    with stand_ins(ABSENT) as made:
        from no_such_package import LLM
        from no_such_package.below import pad
    assert made == list(ABSENT)
    with pytest.raises(MissingPackageError, match="pip install no_such_package"):
        LLM("model", dtype="auto")
    with pytest.raises(MissingPackageError, match=r"no_such_package\.below\.pad"):
        pad()


def test_nobody_sees_them_afterwards() -> None:
    with stand_ins(ABSENT):
        import no_such_package  # noqa: F401
    assert not any(name in sys.modules for name in ABSENT)
    with pytest.raises(ModuleNotFoundError), stand_ins(ABSENT):
        raise ModuleNotFoundError
    assert not any(name in sys.modules for name in ABSENT)


def test_what_is_installed_is_left_alone() -> None:
    with stand_ins({"json": ("nothing",)}) as made:
        assert sys.modules["json"] is json
    assert made == []
    assert sys.modules["json"] is json
    assert not hasattr(json, "nothing")
