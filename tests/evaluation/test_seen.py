"""Which validation starts a training run has played, at the paper's scale."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ragen_tsr import backend
from ragen_tsr.config import compose, parse
from ragen_tsr.evaluation.seen import is_seen, training_starts

STEPS = 200


@pytest.mark.parametrize(
    ("env", "seen", "distinct"), [("sokoban", 78, 239), ("frozen_lake", 66, 251)], ids=["sokoban", "frozen_lake"]
)
def test_the_papers_scale(env, seen, distinct):
    config = compose(parse([env, "none", "scale=paper"]))
    validation = backend.EnvStateManager(config, mode="val")
    records = [{"start": cache["history"][0]["state"]} for cache in validation.reset()]
    trained = training_starts(config, STEPS)
    assert len(records) == 256
    assert len({record["start"] for record in records}) == distinct
    assert len({record["start"] for record in records if is_seen(record, trained)}) == seen


def test_starts_follow_the_runs_own_stream():
    config = compose(parse(["frozen_lake", "none", "scale=cpu", "es_manager.train.env_groups=3"]))
    manager = backend.EnvStateManager(config, mode="train")
    played = set()
    for _ in range(2):
        played |= {cache["history"][0]["state"] for cache in manager.reset()}
    assert training_starts(config, 0) == frozenset()
    assert training_starts(config, 2) == played
    assert training_starts(config, 1) < played


def test_a_run_without_a_seed_has_no_known_starts():
    config = compose(parse(["frozen_lake", "none", "scale=cpu"]))
    OmegaConf.update(config, "seed.train", None)
    with pytest.raises(ValueError, match=r"seed\.train=null"):
        training_starts(config, 1)
