"""A model is built once, completely or not at all."""

from __future__ import annotations

import threading
import time

import pytest

from ragen_tsr.cache import build_once, cache_folder


def writer(text):
    return lambda folder: (folder / "file").write_text(text)


def test_the_folder_follows_the_users_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ragen_tsr"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "ragen_tsr"


def test_what_is_there_is_not_built_again(tmp_path):
    target = build_once(tmp_path / "a" / "model", writer("first"))
    build_once(target, writer("second"))
    assert (target / "file").read_text() == "first"
    build_once(target, writer("third"), force=True)
    assert (target / "file").read_text() == "third"
    assert [path.name for path in target.parent.iterdir() if not path.name.endswith(".lock")] == ["model"]


def test_a_failed_build_leaves_nothing(tmp_path):
    target = tmp_path / "model"

    def fail(folder):
        writer("half")(folder)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        build_once(target, fail)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_what_a_killed_build_left_is_cleaned_up_by_the_next(tmp_path):
    target = tmp_path / "model"
    (tmp_path / ".model.unfinished-killed").mkdir()
    (tmp_path / ".model.unfinished-killed" / "file").write_text("half")
    build_once(target, writer("whole"))
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == ["model"]


@pytest.mark.parametrize("force", [False, True])
def test_those_who_come_meanwhile_wait_and_share_the_result(tmp_path, force):
    builds = []

    def slow(folder):
        builds.append(folder)
        time.sleep(0.3)
        writer("once")(folder)

    threads = [threading.Thread(target=build_once, args=(tmp_path / "model", slow, force)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert (tmp_path / "model" / "file").read_text() == "once"
