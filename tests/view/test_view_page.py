"""The page as a file and as served: nothing in it is markup by accident, and it asks for nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import http.client
import json
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_run import NASTY, two_slots, write_run, write_step

from ragen_tsr.view.__main__ import main
from ragen_tsr.view.page import in_script, write_page
from ragen_tsr.view.searches import RecordedRun
from ragen_tsr.view.server import make_server


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run", {1: [two_slots(NASTY)], 5: [two_slots()]})


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_any_value_survives_a_script_element_and_cannot_end_it(value):
    written = str(in_script(value))
    assert json.loads(written) == value
    assert not set("<>&\u2028\u2029") & set(written)


def test_a_file_holds_the_steps_and_no_foreign_address(folder, tmp_path):
    target = write_page(RecordedRun(folder), tmp_path / "new" / "view.html")
    page = target.read_text()
    assert re.findall(r'id="(step-\d+)"', page) == ["step-1", "step-5"]
    assert NASTY not in page
    assert page.lower().count("</script>") == 4  # index, two steps, the script
    assert set(re.findall(r"https?://[^\s\"'\\]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert [path.name for path in target.parent.iterdir()] == ["view.html"]


def test_only_the_pages_own_script_may_run(folder, tmp_path):
    page = html.unescape(write_page(RecordedRun(folder), tmp_path / "view.html", steps=[5]).read_text())
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)[1]
    allowed = re.search(r"script-src '(sha256-[^']+)'", page)[1]
    assert allowed == "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in page
    assert "step-1" not in re.findall(r'id="(step-\d+)"', page)


def test_the_command_writes_the_file(folder, tmp_path, capsys):
    assert main([str(folder), "--html", str(tmp_path / "a.html"), "--steps", "5", "--beside", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.html")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--html", "x.html", "--steps", "2"], "among the recorded ones: 1, 5"),
        (["--html", "x.html", "--steps", "one"], "among the recorded ones: 1, 5"),
        (["--steps", "1"], "goes with --html"),
        (["--beside", "nowhere"], "nowhere has no config.yaml"),
        (["--port", "99999"], "--port=99999"),
    ],
)
def test_what_cannot_work_is_refused(folder, arguments, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main([str(folder), *arguments]) == 2
    assert said in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "x.html").exists()


@pytest.fixture
def ask(folder):
    server = make_server(RecordedRun(folder), None, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def get(path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    yield get
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_server_answers_page_index_and_steps(ask, folder):
    status, page = ask("/")
    assert (status, 'id="step-1"' in page) == (200, False)
    assert len(json.loads(ask("/steps/5.json")[1])["searches"]) == 1
    write_step(folder, 6, [two_slots()])
    assert json.loads(ask("/index.json")[1])["steps"] == [1, 5, 6]
    assert ask("/steps/6.json")[0] == 200


@pytest.mark.parametrize(
    "path", ["/steps/2.json", "/config.yaml", "/../config.yaml", "/steps/../config.yaml", "/steps/"]
)
def test_the_server_gives_nothing_else(ask, path):
    assert ask(path)[0] == 404


def test_the_server_is_for_this_machine_only(folder):
    with make_server(RecordedRun(folder), None, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
