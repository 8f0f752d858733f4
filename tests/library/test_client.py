"""The typed client against the double: runs, jobs, logs, and what goes wrong on the way."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from double.api import Api
from double.messages import html, json_answer, redirect
from double.objects import moment
from forgejo_shim import Client, Job, Run, WebCookie, WebLogin, client_session
from forgejo_shim.errors import (
    Expired,
    NoLog,
    NotExecuted,
    NotForgejo,
    NothingMatched,
    NotThere,
    PageChanged,
    Refused,
    SearchLimit,
    ShimError,
    Unreachable,
    WebAccount,
)
from small import LOG, Small, row

# Runs and jobs


@pytest.mark.clause("C1")
@pytest.mark.parametrize("limit", [0, 1, 2, 7, 50, 120])
def test_runs_are_the_newest_and_the_newest_first(small: Small, limit: int) -> None:
    for number in range(1, 61):
        small.add({"build": row("x")}, title=f"title {number}")
    with small.client() as client:
        found = client.runs("o/r", limit)
    assert [run.number for run in found] == list(range(60, 0, -1))[:limit]
    assert [run.title for run in found] == [f"title {run.number}" for run in found]
    assert all((run.id is None) == (small.double.face.major == 11) for run in found)


@pytest.mark.clause("C1")
@pytest.mark.parametrize("limit", [1, 2, 31, 50, 70, 100])
def test_runs_of_a_server_that_gives_fewer_a_page(small: Small, limit: int, monkeypatch: Any) -> None:
    one_page = Api.one_page

    def capped(self: Any, request: Any, things: Any) -> Any:
        size, page = int(request.one("limit") or 30), int(request.one("page") or 0)
        at = (page - 1) * min(size, 30)
        return things[at : at + min(size, 30)] if page > 0 else one_page(self, request, things)

    monkeypatch.setattr(Api, "one_page", capped)
    for number in range(1, 76):
        small.add({"build": row("x")}, title=f"title {number}")
    with small.client() as client:
        assert [run.number for run in client.runs("o/r", limit)] == list(range(75, 0, -1))[:limit]


@pytest.mark.clause("S46")
def test_pages_that_bring_nothing_new_are_no_end_of_the_list(small: Small, monkeypatch: Any) -> None:
    monkeypatch.setattr(Api, "one_page", lambda self, request, things: things[:2])
    for _ in range(5):
        small.add({"build": row("x")})
    with small.client() as client:
        if not small.double.face.api_runs:  # 11, where the number of the newest run tells all numbers
            assert [run.number for run in client.runs("o/r", 100)] == [5, 4, 3, 2, 1]
            return
        with pytest.raises(PageChanged):
            client.runs("o/r", 100)
        with pytest.raises((PageChanged, SearchLimit)):
            list(client.iter_runs("o/r", status="success"))
    assert len(small.double.requests) < 30


@pytest.mark.clause("C1")
def test_a_run_is_typed(small: Small) -> None:
    small.add()
    run = small.add({"build": row("x")}, title="second", status="failure")
    with small.client() as client:
        found = client.run("o/r", 2)
        assert found == client.run("o/r", "latest") == client.runs("o/r", 1)[0]
    url = f"{small.url}/o/r/actions/runs/2"
    if small.double.face.major == 11:
        assert found == Run(2, None, "second", "failure", "", "", url)
        return
    made, began, ended = map(moment, (run.created, run.started, run.stopped))
    assert found == Run(
        number=2, id=run.id, title="second", status="failure", event="push", workflow="ci.yml", url=url,
        branch="main", commit=run.sha, actor="o", created=made, started=began, stopped=ended,
        duration=run.stopped - run.started,
    )  # fmt: skip


def task_id(job: Any) -> int:
    """The task of a job of the double."""
    return int(job.task.id)


@pytest.mark.clause("C1")
def test_jobs_are_typed(small: Small) -> None:
    run = small.add({"one": row("x"), "two": row("y")})
    waiting = small.model.add_run(small.repo, ["waits"])
    with small.client() as client:
        found = client.jobs("o/r", 1)
        assert found == client.jobs("o/r", client.run("o/r", 1))
        assert [job.status for job in client.jobs("o/r", "latest")] == ["waiting"]
        assert [job.task_id for job in client.jobs("o/r", waiting.number)] == [0]
    major = small.double.face.major
    attempt, run_id = (1 if major > 12 else None), (run.id if major > 11 else None)
    assert found == [
        Job(job.id, index, name, "success", attempt, task_id(job), run_id, 1)
        for index, (job, name) in enumerate(zip(run.jobs, ("one", "two"), strict=True))
    ]


def test_what_is_not_there_is_said_to_be_missing(small: Small) -> None:
    with small.client() as client:
        assert client.runs("o/r") == []
        with pytest.raises(NothingMatched):
            client.run("o/r", "latest")
        for number in (1, 0, -1):
            with pytest.raises(NotThere):
                client.run("o/r", number)
        small.add()
        with pytest.raises(NotThere, match="o/r has no run 2; list its runs"):
            client.run("o/r", 2)
        with pytest.raises(NotThere):
            client.runs("o/unknown")


def test_the_callers_rights_hold_for_lists_from_the_web(small: Small) -> None:
    small.add()
    outsider = small.model.add_token(small.model.add_user("x"), ("read:repository",)).sha1
    for token, error in ((outsider, NotThere), (None, NotThere), ("0" * 40, Refused)):
        with small.client(token) as client, pytest.raises(error):
            client.runs("o/r")


def test_a_list_from_the_web_is_asked_with_the_sessions_own_settings(monkeypatch: Any) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with Small("11") as small, small.client() as client:
        small.add()
        how: list[dict[str, Any]] = []
        send = client.adapter.inner.send
        client.adapter.inner.send = lambda request, **more: how.append(more) or send(request, **more)  # type: ignore
        client.session.verify = "/some/bundle.pem"
        client.session.proxies = {"ftp": "http://127.0.0.1:1"}
        client.runs("o/r")
        client.jobs("o/r", 1)
        assert how
        for one in how:
            assert one["verify"] == "/some/bundle.pem" and one["proxies"] == client.session.proxies
            assert one["timeout"] == 5


# Logs


@pytest.mark.clause("C2")
def test_a_log_streams_and_its_connection_is_closed(small: Small) -> None:
    job = small.add().jobs[0]
    with small.client() as client:
        with client.log("o/r", job.id) as log:
            chunks = list(log)
        assert b"".join(chunks) == LOG and max(map(len, chunks)) <= 64 * 1024
        assert log.size == len(LOG) and log.start == 0
        assert log.backend == ("native" if small.double.face.major == 16 else "web")
        assert log.task == (None if log.backend == "native" else task_id(job))
        with client.log("o/r", job.id) as log:
            next(iter(log))
        assert log._response.raw.closed


@pytest.mark.clause("C2")
def test_attempts_and_parts_of_a_log(either: Small) -> None:
    job = either.add({"build": row("first")}).jobs[0]
    either.again(job, row("second"))
    with either.client() as client:
        assert client.log("o/r", job.id).read() == row("second")
        assert client.log("o/r", job.id, 1).read() == row("first")
        with client.log("o/r", job.id, part="2-3") as log:
            assert (log.read(), log.start, log.size) == (row("second")[2:4], 2, len(row("second")))
        with pytest.raises(ShimError, match="invalid range") as caught:
            client.log("o/r", job.id, part="99-")
        assert caught.value.exit_code == 1


def test_each_reason_for_no_log_is_its_own_error(either: Small) -> None:
    model = either.model
    waiting = model.add_run(either.repo).jobs[0]
    silent = model.add_run(either.repo).jobs[0]
    model.take(silent)
    old = either.add()
    assert old.jobs[0].task
    model.expire(old.jobs[0].task)
    with either.client() as client:
        for job_id, error in ((waiting.id, NotExecuted), (silent.id, NoLog), (old.jobs[0].id, Expired), (0, NotThere)):
            with pytest.raises(error):
                client.log("o/r", job_id)
    with either.client("0" * 40) as client, pytest.raises(Refused) as refused:
        client.log("o/r", waiting.id)
    assert "0" * 40 not in repr(refused.value)


def test_a_wrong_password_is_tried_once() -> None:
    with Small("15") as small:
        job = small.add().jobs[0]
        with small.client(web=WebLogin("o", "wrong")) as client:
            for _ in range(3):
                with pytest.raises(WebAccount) as caught:
                    client.log("o/r", job.id)
            assert "wrong" not in str(caught.value)
        assert [seen.path for seen in small.double.requests].count("/user/login") == 1


# What goes wrong


@pytest.mark.clause("C6")
def test_a_dead_host_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for address in (url, "http://no-such-host.invalid", "http://" + "a" * 300, url.replace("http", "https")):
        with Client(address, "secret-token", web=WebLogin("u", "secret-password"), timeout=2) as client:
            for ask in (lambda: client.runs("o/r"), lambda: client.log("o/r", 1), lambda: client.try_web("o/r")):  # noqa: B023
                with pytest.raises(Unreachable) as caught:
                    ask()
                assert caught.value.exit_code == 8
                assert "secret" not in str(caught.value) and caught.value.__cause__ is None


class _Stranger(BaseHTTPRequestHandler):
    """A server that is no Forgejo; the path's first part says how it behaves."""

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        status, headers, body = {
            "html": (200, {"Content-Type": "text/html"}, b"<html>hello"),
            "html-404": (404, {"Content-Type": "text/html"}, b"<html>not here"),
            "go-404": (404, {"Content-Type": "text/plain; charset=utf-8"}, b"404 page not found\n"),
            "json": (200, {"Content-Type": "application/json"}, b'{"hello": "world"}'),
            "no-json": (200, {"Content-Type": "application/json"}, b"hello"),
            "list": (200, {"Content-Type": "application/json"}, b"[1, 2]"),
            "away": (302, {"Location": "https://elsewhere.example/sso?next=x"}, b""),
            "sign-in": (303, {"Location": f"/user/login?redirect_to={self.path}"}, b""),
            "circle": (302, {"Location": f"/circle/api/v1/repos/o{len(self.path)}/r"}, b""),
            "https": (301, {"Location": f"https://127.0.0.1{self.path}"}, b""),
            "empty": (200, {}, b""),
            "no-address": (302, {"Location": "http://[::1/api/v1/"}, b""),
            "nested": (200, {"Content-Type": "application/json"}, b"[" * 200_000),
            "nested-404": (404, {"Content-Type": "application/json"}, b"[" * 50_000),
            "digits": (200, {"Content-Type": "application/json"}, b"9" * 5000),
            "endless": (200, {"Content-Type": "application/json"}, b" " * 300_000),
        }[how]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Stranger)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.clause("C6")
@pytest.mark.parametrize(
    "how",
    [
        "html",
        "html-404",
        "go-404",
        "json",
        "no-json",
        "list",
        "away",
        "sign-in",
        "circle",
        "https",
        "empty",
        "nested-404",
    ],
)
def test_a_server_that_is_no_forgejo(stranger: str, how: str) -> None:
    with Client(f"{stranger}/{how}", "secret-token", web=WebLogin("u", "secret-password"), timeout=5) as client:
        for ask in (
            lambda: client.runs("o/r"),
            lambda: client.run("o/r", 1),
            lambda: client.jobs("o/r", "latest"),
            lambda: client.log("o/r", 1),
        ):
            with pytest.raises(ShimError) as caught:
                ask()
            assert caught.value.exit_code == 8, caught.value
            assert "secret" not in str(caught.value)


def test_what_is_no_json_of_a_sane_size_is_not_understood(stranger: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(client_session, "JSON_LIMIT", 250_000)
    for how, error, says in (
        ("nested", PageChanged, "no JSON"),
        ("digits", PageChanged, "no JSON"),
        ("endless", PageChanged, "longer than 250000 bytes"),
        ("no-address", NotForgejo, "no address"),
    ):
        with Client(f"{stranger}/{how}", timeout=5) as client, pytest.raises(error, match=says):
            client.get_json("/api/v1/version", "the version")


def test_a_redirect_to_the_same_path_elsewhere_names_the_address_to_give(stranger: str) -> None:
    with (
        Client(f"{stranger}/https", timeout=5) as client,
        pytest.raises(NotForgejo, match=r"https://127\.0\.0\.1/https;"),
    ):
        client.runs("o/r")


@pytest.mark.parametrize(
    ("how", "where"), [("away", "https://elsewhere.example"), ("sign-in", "http://127.0.0.1:[0-9]+")]
)
def test_a_redirect_to_a_sign_in_is_no_address_to_give(stranger: str, how: str, where: str) -> None:
    with Client(f"{stranger}/{how}", timeout=5) as client, pytest.raises(NotForgejo) as caught:
        client.runs("o/r")
    assert re.search(f"redirects elsewhere, to {where}; is something in front of it\\?$", caught.value.message)


def test_a_renamed_repository_is_followed_below_the_base_url_only(small: Small) -> None:
    job = small.add({"build": row("x")}).jobs[0]
    small.model.rename_repo(small.repo, "renamed")
    with small.client() as client:
        assert client.log("o/r", job.id).read() == row("x")
        assert [run.number for run in client.runs("o/renamed")] == [1]
        if small.double.face.major > 11:
            assert [run.number for run in client.runs("o/r")] == [1]


def test_a_redirect_never_takes_the_token_to_another_origin(either: Small) -> None:
    either.add()
    caught: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            caught.append(str(self.headers))
            self.send_error(404)

    other = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
    to = f"http://127.0.0.1:{other.server_address[1]}/api/v1/repos/o/elsewhere/actions/runs"
    either.double.faults.hook("/api/v1/repos/o/r/", lambda request: redirect(request, 307, to))
    with either.client() as client, pytest.raises(ShimError):
        client.runs("o/r")
    other.shutdown()
    other.server_close()
    assert caught == []


def test_nothing_is_taken_from_a_netrc_file(either: Small, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login o password the-owners-other-password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    either.add()
    with either.client(None) as client, pytest.raises(NotThere):
        client.runs("o/r")
    assert not [seen for seen in either.double.requests if "authorization" in seen.headers]


@pytest.mark.clause("S35")
@pytest.mark.parametrize(
    ("token", "web"),
    [
        ("secret\ntoken", None),
        ("secret\udc80", None),
        ("secret-é", None),
        (None, WebCookie("session=secret\r\nX: y")),
        (None, WebLogin("u", "secret\udc80")),
    ],
)
def test_a_credential_that_no_header_can_carry_is_refused_and_not_repeated(token: str | None, web: Any) -> None:
    with pytest.raises(ShimError) as caught:
        Client("http://127.0.0.1:1", token, web=web)
    assert "secret" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.clause("S35")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_that_an_answer_repeats_is_not_said(either: Small, status: int) -> None:
    job = either.add().jobs[0]
    with either.client() as client:
        repeated = {"message": f"no right for token {either.token}", "url": "http://f.example/api/swagger"}
        either.double.faults.add("^/api/v1/repos/", instead=lambda _: json_answer(status, repeated))
        for ask in (lambda: client.runs("o/r"), lambda: client.log("o/r", job.id), lambda: client.why("o/r")):
            with pytest.raises(ShimError) as caught:
                ask()
            assert either.token not in f"{caught.value}{caught.value.message}"


@pytest.mark.parametrize(
    "name", ["", "o", "o/", "/r", "o/r/x", "o/..", "../r", "o/r.git", "o r/x", "o/r?", "ö/r", "o\n/r"]
)
def test_what_is_no_repository_is_said_to_be_none(name: str) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(ShimError, match="give OWNER/REPO"):
        client.runs(name)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "forge.example",
        "ftp://f",
        "http://",
        "http://u:secret@f",
        "http://f:x",
        "http://[::1",
        "http://f?x",
        "//f:1",
    ],
)
def test_what_is_no_address_is_said_to_be_none(address: str) -> None:
    with pytest.raises(ShimError) as caught:
        Client(address)
    assert "secret" not in str(caught.value)


def test_jobs_that_do_not_fit_are_not_understood() -> None:
    with Small("16") as small, small.client() as client:
        small.add()
        for answer in ("{}", '[{"id": "7", "name": "x", "status": "y"}]', "[null]", "7"):
            small.double.faults.clear()
            body = html(200, answer)
            body.set("Content-Type", "application/json")
            small.double.faults.hook("/jobs$", lambda _, body=body: body)  # type: ignore[misc]
            with pytest.raises(PageChanged):
                client.jobs("o/r", 1)


# Several callers


@pytest.mark.clause("M2")
def test_callers_share_the_web_session_and_nothing_else(either: Small) -> None:
    job = either.add().jobs[0]
    stranger = either.model.add_token(either.model.add_user("other", "x"), ("read:repository", "read:user")).sha1
    with either.client(None) as client:
        own, other = client.as_caller(either.token), client.as_caller(stranger)
        assert own.log("o/r", job.id).read() == LOG
        for caller in (other, client, client.as_caller("0123")):
            with pytest.raises((NotThere, Refused)):
                caller.log("o/r", job.id)
        assert own.log("o/r", job.id, tail=1).read() == LOG.splitlines(keepends=True)[-1]
        with pytest.raises(Refused):
            client.as_caller("a\nb")
        for part in vars(own).values():
            assert getattr(part, "_asking", own._asking) is own._asking
    assert own.adapter is other.adapter and own.session.cookies is not other.session.cookies
    assert sum(seen.path == "/user/login" for seen in either.double.requests) == (either.double.face.major == 15)
