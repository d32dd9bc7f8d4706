"""verl finds in transformers 5 what it imports."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ragen_tsr.platform.transformers_names import RENAMED, provide_old_names


def test_a_name_that_is_gone_means_the_new_one():
    five = SimpleNamespace(AutoModelForImageTextToText="new")
    provide_old_names(five)
    assert five.AutoModelForVision2Seq == "new"


def test_names_that_are_there_stay():
    four = SimpleNamespace(AutoModelForVision2Seq="old", AutoModelForImageTextToText="new")
    provide_old_names(four)
    assert four.AutoModelForVision2Seq == "old"


def test_a_transformers_without_either_is_an_error():
    with pytest.raises(AttributeError, match=next(iter(RENAMED.values()))):
        provide_old_names(SimpleNamespace())
