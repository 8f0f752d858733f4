"""The command `detect`, and servers that are no Forgejo or dead: what is said of what can be read how."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from command import Place
from small import Small


@pytest.mark.clause("C7")
def test_detect_says_what_is_offered_and_what_works(place: Place) -> None:
    place.small.add()
    before = len(place.small.double.requests)
    result = place.run("detect", "o/r", "--json")
    report = json.loads(result.stdout)
    major = place.small.double.face.major
    assert result.exit_code == 0
    assert report["server"] == place.small.url and report["version"].startswith(f"{major}.")
    assert report["requests"] == len(place.small.double.requests) - before
    by_run_id = "none" if major == 11 else "web"
    from_web = ["web", *[by_run_id] * 3, *["web"] * 4, by_run_id, "none", "none"]
    assert [offer["backend"] for offer in report["operations"]] == (["native"] * 11 if major == 16 else from_web)
    capability = "present" if major == 16 else "absent"
    assert {offer["capability"] for offer in report["operations"]} == {capability}
    assert [(trial["credential"], trial["purpose"], trial["works"]) for trial in report["credentials"]] == [
        ("token", "version", True),
        ("token", "account", True),
        ("token", "the Actions of o/r", True),
        ("web account o", "sign-in", True),
        ("web account o", "the Actions of o/r", True),
    ]
    text = place.run("detect", "o/r").stdout
    assert place.small.url in text and "a job's log" in text and "signed in" in text


@pytest.mark.clause("C7")
def test_detect_says_what_does_not_work(web: Place) -> None:
    web.small.add()
    no_web = {"FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_PASSWORD": None}
    for environment, words, code, failing in (
        ({"FORGEJO_TOKEN": "0" * 40}, ["o/r"], 4, {"version", "account", "the Actions of o/r"}),
        ({"FORGEJO_SHIM_WEB_PASSWORD": "wrong"}, ["o/r"], 4, {"sign-in"}),
        (no_web, ["o/r"], 4, {"the Actions of o/r"}),
        (no_web, [], 0, set()),
        ({"FORGEJO_TOKEN": None}, ["o/r"], 5, {"the Actions of o/r"}),
        ({}, ["o/unknown"], 5, {"the Actions of o/unknown"}),
    ):
        result = web.run("--json", "detect", *words, **environment)
        report = json.loads(result.stdout)
        assert result.exit_code == code
        assert {trial["purpose"] for trial in report["credentials"] if not trial["works"]} >= failing
    signed_in = [seen for seen in web.small.double.requests if (seen.method, seen.path) == ("POST", "/user/login")]
    assert len(signed_in) <= 4  # once a command


@pytest.mark.clause("C7")
def test_detect_needs_no_web_account_where_everything_is_native(tmp_path: Path) -> None:
    with Small("16") as small:
        small.add()
        result = Place(small, tmp_path).run("--json", "detect", "o/r", FORGEJO_SHIM_WEB_PASSWORD="wrong")
    assert result.exit_code == 0
    assert [t["purpose"] for t in json.loads(result.stdout)["credentials"] if not t["works"]] == ["sign-in"]


@pytest.mark.clause("C7")
def test_detect_where_the_server_does_not_tell(tmp_path: Path) -> None:
    with Small("15", swagger=False) as small:
        report = json.loads(Place(small, tmp_path).run("detect", "--json").stdout)
    assert {offer["capability"] for offer in report["operations"]} == {"unknown"}
    backends = [offer["backend"] for offer in report["operations"]]
    assert backends == ["native, else web"] * 9 + ["native, else none"] * 2


@pytest.mark.clause("C6")
@pytest.mark.parametrize(
    "words",
    [
        ["detect"],
        ["detect", "o/r"],
        ["runs", "o/r"],
        ["jobs", "o/r"],
        ["watch", "o/r"],
        ["attempts", "o/r", "1"],
        ["open", "o/r"],
        ["logs", "o/r", "1"],
        ["artifacts", "o/r"],
        ["download", "o/r"],
        ["cancel", "o/r", "1"],
        ["rerun", "o/r", "1"],
    ],
)
def test_a_server_that_is_no_forgejo_and_one_that_is_dead(web: Place, words: list[str]) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    assert web.failure(*words, FORGEJO_URL=url)[0] == 8
    server.shutdown()
    server.server_close()
    assert web.failure(*words, FORGEJO_URL=url)[0] == 8
