"""One JSON object a step, whole lines only, no step twice."""

import json
import math

import numpy as np
import torch

from ragen_tsr.trainer.metrics_log import MetricsLog, is_timing


def lines(log):
    return [json.loads(line) for line in log.path.read_text().splitlines()]


def test_numbers_of_all_kinds_are_written_and_tables_are_not(tmp_path):
    log = MetricsLog(tmp_path / "run" / "metrics.jsonl")
    log.write(3, {"a": torch.tensor(0.5), "b": np.float32(2), "c": 1, "d": math.nan, "e": torch.zeros(2), "f": "x"})
    assert lines(log) == [{"step": 3, "a": 0.5, "b": 2.0, "c": 1, "d": None}]


def test_truncating_drops_later_steps_and_a_line_cut_short(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for step in range(4):
        log.write(step, {"a": step})
    with open(log.path, "a") as file:
        file.write('{"step": 4, "a"')
    assert log.truncate(2) == 2
    assert [line["step"] for line in lines(log)] == [0, 1, 2]
    assert log.truncate(7) == 2
    assert log.truncate(-1) is None
    assert lines(log) == []


def test_truncating_nothing_is_no_error(tmp_path):
    assert MetricsLog(tmp_path / "metrics.jsonl").truncate(5) is None


def test_what_counts_as_timing():
    assert is_timing("timing_s/gen")
    assert is_timing("perf/throughput")
    assert is_timing("train/search/seconds_scoring")
    assert not is_timing("perf/total_num_tokens")
    assert not is_timing("actor/entropy")
