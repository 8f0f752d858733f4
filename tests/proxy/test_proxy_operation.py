"""How the proxy is run: what it says of itself, what it logs and counts.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

import pytest
from aiohttp import web
from double.faults import FOREIGN
from double.messages import Response, json_answer
from forgejo_shim import MemoryStore, WebLogin
from forgejo_shim.errors import NotNow, PageChanged, WebAccount
from forgejo_shim.operations import JOB_LOG
from forgejo_shim.proxy.access import WAITING, AccessLog
from forgejo_shim.proxy.health import Health, _part
from forgejo_shim.server import Server
from forgejo_shim.transport import run
from forgejo_shim.webui.session import WebSession
from hand import wait
from running import Answering, Running, log_path, raw
from scripted import REFUSED, SIGNED_IN, Said, Scripted, text
from small import LOG, Small, row

WRONG = WebLogin("o", "not the password")


# --- the proxy's own pages


def test_it_is_alive_whatever_is_behind() -> None:
    with Running("http://127.0.0.1:9") as proxy:
        assert proxy.get("/-/shim/healthz").status_code == 200
        ready = proxy.get("/-/shim/readyz")
        assert ready.status_code == 503
        assert ready.json()["upstream"] == {"ok": False, "says": "unreachable"}
        assert proxy.get("/-/shim/else").status_code == 404
        assert proxy.session.post(proxy.base_url + "/-/shim/healthz", timeout=5).status_code == 405


@pytest.mark.clause("X22")
def test_its_own_pages_never_reach_the_server(greeting: Answering) -> None:
    with Running(greeting.base_url, own_is_apart=True) as proxy:
        for page_ in ("healthz", "readyz", "metrics", "else"):
            found = proxy.get(f"/-/shim/{page_}")
            assert (found.status_code, found.text) == (404, "404 page not found\n")
        assert proxy.proxy.upstream.sent == 0
        assert proxy.get("/-/else").text == "hello"


@pytest.mark.parametrize(
    "face, account, status, says",
    [
        ("15", "good", 200, "signed in"),
        ("15", "none", 200, "anonymous"),
        ("15", "wrong", 503, "web-sign-in-refused"),
        ("16", "wrong", 200, "not needed"),
    ],
)
def test_ready(face: str, account: str, status: int, says: str) -> None:
    with Small(face) as small:
        logins = {"good": small.web, "none": None, "wrong": WRONG}
        with Running(small.url, logins[account]) as proxy:
            found = proxy.get("/-/shim/readyz")
            assert found.status_code == status
            assert found.json()["web_session"]["says"] == says
            assert small.web.user not in {*found.json()["web_session"].values()}


@pytest.mark.parametrize("writes, status, says", [(False, 200, "not needed"), (True, 503, "web-sign-in-refused")])
def test_ready_in_front_of_a_shim_that_only_reads(writes: bool, status: int, says: str) -> None:
    """What the one behind offers needs no web session; what it leaves out does."""
    with Small("15") as small, Running(small.url, small.web) as behind:
        with Running(behind.base_url, WRONG, writes=writes) as front:
            found = front.get("/-/shim/readyz")
        assert (found.status_code, found.json()["web_session"]["says"]) == (status, says)


def test_ready_signs_in_again_when_the_session_was_lost() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        assert proxy.get("/-/shim/readyz").ok
        small.double.drop_sessions()
        proxy.proxy.health._found = None
        assert proxy.get("/-/shim/readyz").ok
        assert proxy.figures()["forgejo_shim_sign_ins_total"] == 2


@pytest.mark.clause("X22", "S47")
@pytest.mark.parametrize("what", FOREIGN)
def test_a_server_is_reachable_only_if_it_tells_its_version(what: str) -> None:
    net = Scripted({"api /api/v1/version": spoiled(FOREIGN[what])})
    part = asyncio.run(_part(Health(net, Server(net.base_url, WebSession(None), MemoryStore()))._upstream))
    assert not part.ok and part.says in ("not-a-forgejo", "server-failed")


def spoiled(how: Callable[[Response], Response]) -> Said:
    """The answer to the question of the version, with one of `FOREIGN` in its place."""
    sent = how(json_answer(200, {"version": "15.0.2"}))
    return Said(sent.status, tuple(sent.headers), sent.body)


def test_a_check_serves_all_who_ask_meanwhile() -> None:
    with Small("15") as small, Running(small.url) as proxy:
        found = [proxy.get("/-/shim/readyz").status_code for _ in range(20)]
        assert set(found) == {200}
        assert proxy.proxy.upstream.sent <= 2, "one check: the version and the swagger document"


@pytest.mark.clause("X41")
def test_a_refused_sign_in_is_tried_again_later_and_later() -> None:
    with Small("15") as small, Running(small.url, WRONG) as proxy:
        path = log_path(small)
        for _ in range(3):
            refused = proxy.get(path, small.token)
            assert (refused.status_code, refused.json()["cause"]) == (501, "web-sign-in-refused")
        assert 0 < int(refused.headers["Retry-After"]) <= 300
        assert proxy.get("/-/shim/readyz").json()["web_session"]["retry_in"] <= 300
        assert proxy.figures()["forgejo_shim_sign_in_refusals"] == 1
        logins = [seen for seen in small.double.requests if seen.method == "POST" and seen.path == "/user/login"]
        assert len(logins) == 1


def test_the_back_off_doubles_up_to_an_hour_and_ends_with_a_success() -> None:
    answers = [REFUSED] * 6 + [SIGNED_IN] + [REFUSED]
    net = Scripted({"POST /user/login": answers})
    session = WebSession(WebLogin("log-reader", "p"), backs_off=True)
    waited = []
    for _ in range(6):
        with pytest.raises(WebAccount):
            run(session.sign_in(net, 0))
        tries = len(net.asked)
        with pytest.raises(WebAccount) as again:
            run(session.sign_in(net, 0))
        assert len(net.asked) == tries, "not tried before its time"
        waited.append(again.value.retry_after)
        net.at += again.value.retry_after or 0
    assert waited == [300, 600, 1200, 2400, 3600, 3600]
    run(session.sign_in(net, 0))
    assert (session.generation, session.refusals) == (1, 0)
    with pytest.raises(WebAccount) as first:
        run(session.sign_in(net, 1))
    assert first.value.retry_after == 300 and session.refusals == 1


@pytest.mark.clause("X41")
@pytest.mark.parametrize("status, cause", [(429, "upstream-busy"), (500, "page-changed"), (503, "upstream-busy")])
def test_a_sign_in_page_that_is_in_trouble_is_left_alone_for_a_while(status: int, cause: str) -> None:
    net = Scripted({"POST /user/login": [text(status, "")] * 8 + [REFUSED, SIGNED_IN]})
    session = WebSession(WebLogin("log-reader", "p"), backs_off=True)
    waited = []
    for _ in range(8):
        with pytest.raises((NotNow, PageChanged)) as first:
            run(session.sign_in(net, 0))
        tries = len(net.asked)
        with pytest.raises((NotNow, PageChanged)) as again:
            run(session.sign_in(net, 0))
        assert len(net.asked) == tries, "not tried before its time"
        assert first.value.cause == again.value.cause == cause
        waited.append(again.value.retry_after)
        net.at += again.value.retry_after or 0
    assert waited == [5, 10, 20, 40, 80, 160, 300, 300]
    with pytest.raises(WebAccount) as refused:
        run(session.sign_in(net, 0))
    assert refused.value.retry_after == 300
    net.at += 300
    run(session.sign_in(net, 0))
    assert (session.generation, session.refusals) == (1, 0)


@pytest.mark.clause("X41")
def test_a_server_that_says_for_how_long_is_left_alone_for_as_long() -> None:
    net = Scripted({"POST /user/login": text(429, "", ("Retry-After", "77"))})
    session = WebSession(WebLogin("log-reader", "p"), backs_off=True)
    for _ in range(2):
        with pytest.raises(NotNow) as busy:
            run(session.sign_in(net, 0))
        assert busy.value.retry_after == 77
    assert len(net.asked) == 1


@pytest.mark.clause("X41")
def test_who_cannot_sign_in_asks_once_whatever_the_load() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        small.double.faults.status("/user/login", 500)
        for _ in range(4):
            found = proxy.get(path, small.token)
            assert (found.status_code, found.json()["cause"]) == (502, "page-changed")
            assert 0 < int(found.headers["Retry-After"]) <= 5
        ready = proxy.get("/-/shim/readyz")
        assert ready.status_code == 503 and 0 < ready.json()["web_session"]["retry_in"] <= 5
        assert len([seen for seen in small.double.requests if seen.path == "/user/login"]) == 1


def test_a_sign_in_goes_on_without_the_one_who_caused_it() -> None:
    with Small("15") as small, Running(small.url, WRONG) as proxy:
        path = log_path(small)
        gone = threading.Event()
        small.double.faults.held("/user/login", 100, gone)
        with proxy.dialled() as caller:
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: token {small.token}\r\n\r\n".encode())
            wait(lambda: any(seen.path == "/user/login" for seen in small.double.requests), "the sign-in to begin", 10)
        gone.set()
        wait(lambda: proxy.proxy.session.refusals == 1, "the refusal to be known", 10)


# --- the access log


@pytest.mark.clause("X23")
def test_a_line_for_each_request_without_what_identifies() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        secret = small.token
        assert proxy.get(f"{path}?token={secret}&attempt=1").content == LOG
        proxy.get(f"/api/v1/version?access_token={secret}&sudo=somebody", headers={"Referer": f"/{secret}"})
        proxy.get("/api/v1/repos/o/r/actions/jobs/999/logs", secret)
        found = proxy.lines(3)
        told = [(line["method"], line["path"], line["status"], line["backend"], line["operation"]) for line in found]
        assert told == [
            ("GET", path, 200, "web", JOB_LOG.path),
            ("GET", "/api/v1/version", 403, "pass", ""),
            ("GET", "/api/v1/repos/o/r/actions/jobs/999/logs", 404, "web", JOB_LOG.path),
        ]
        text = b"".join(proxy.written).decode()
        assert [word for word in (secret, "somebody", small.web.password, "127.0.0.1") if word in text] == []
        assert found[0]["bytes"] > len(LOG) and found[0]["seconds"] > 0
        assert len({line["id"] for line in found}) == 3
        assert set(found[0]) == {
            "time", "id", "method", "path", "status", "bytes", "seconds", "backend", "operation",
        }  # fmt: skip


def test_an_error_names_its_line_in_the_log() -> None:
    with Running("http://127.0.0.1:9") as proxy:
        found = proxy.get("/x")
        assert (found.status_code, found.json()["cause"]) == (502, "unreachable")
        assert found.headers["X-Request-Id"] == proxy.lines(1)[0]["id"]


def test_foreign_text_stays_inside_its_string(greeting: Answering) -> None:
    with Running(greeting.base_url) as proxy:
        sent = b'GET /a"b\\c%0A' + b"x" * 3000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"
        assert raw(proxy, sent).startswith(b"HTTP/1.1 200"), raw(proxy, sent)
        raw(proxy, b"GET http://name:password@h/ HTTP/1.1\r\nHost: h\r\n\r\n")
        line, other = proxy.lines(2)
        assert line["path"].startswith('/a"b\\c%0A') and len(line["path"]) == 1025
        assert other["path"] == "-" and b"password" not in b"".join(proxy.written)
        assert b"".join(proxy.written).isascii()


@pytest.mark.clause("S13")
def test_a_known_log_is_opened_while_its_latest_attempt_is_asked_for() -> None:
    """Each of the two requests is answered only when the other one has come."""
    come = threading.Barrier(2)
    with Small("15") as small, Running(small.url, small.web) as proxy:
        job = small.add({"build": LOG, "test": row("first")}).jobs[1]
        path = f"/api/v1/repos/o/r/actions/jobs/{job.id}/logs"
        assert proxy.get(path, small.token).content == row("first")
        for page in (r"/jobs/1$", r"/jobs/1/attempt/1/logs$"):
            small.double.faults.hook(page, lambda _: (come.wait(10), None)[1])
        assert proxy.get(path, small.token).content == row("first")
        small.double.faults.clear()
        small.again(job, row("second"))
        assert proxy.get(path, small.token).content == row("second")


def test_a_caller_who_goes_away_is_499() -> None:
    asked = threading.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(30)
        return web.Response()

    with Answering(slow) as behind, Running(behind.base_url) as proxy:
        with proxy.dialled() as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert asked.wait(10)
        (line,) = proxy.lines(1)
        assert (line["status"], line["broken"]) == (499, True)


def test_a_log_that_nobody_reads_loses_lines_and_no_time() -> None:
    async def main() -> None:
        free, ended = threading.Event(), threading.Event()
        log = AccessLog(lambda data: free.wait(30) and ended.set())
        for _ in range(WAITING + 10):
            log.note("id", "GET", "/", 200, 1, 0.1, "pass", "", False)
        assert log.lost == 10
        log.close(patience=0.1)
        assert not ended.is_set(), "it waited for who does not read"
        free.set()

    asyncio.run(main())


def test_a_log_whose_reader_has_gone_is_no_error() -> None:
    async def main() -> None:
        read, end = os.pipe()
        os.close(read)
        tried = threading.Event()

        def write(data: bytes) -> None:
            tried.set()
            os.write(end, data)

        log = AccessLog(write)
        log.note("id", "GET", "/", 200, 1, 0.1, "pass", "", False)
        assert await asyncio.to_thread(tried.wait, 10)
        log.note("id", "GET", "/", 200, 1, 0.1, "pass", "", False)
        log.close()
        os.close(end)

    asyncio.run(main())


# --- figures


def test_what_is_counted() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        for _ in range(2):
            assert proxy.get(path, small.token).content == LOG
        proxy.get("/api/v1/version")
        proxy.lines(3)
        found = proxy.figures()
        labels = f'backend="web",operation="{JOB_LOG.path}",status="200"'
        assert found[f"forgejo_shim_requests_total{{{labels}}}"] == 2
        assert found['forgejo_shim_requests_total{backend="pass",operation="",status="200"}'] == 1
        assert found[f'forgejo_shim_request_seconds_count{{operation="{JOB_LOG.path}"}}'] == 2
        assert found["forgejo_shim_sent_bytes_total"] > 2 * len(LOG)
        assert found["forgejo_shim_sign_ins_total"] == 1
        assert found["forgejo_shim_kept_answers_used_total"] == 1
        assert found["forgejo_shim_upstream_requests_total"] == len(small.double.requests)
        assert found['forgejo_shim_open_streams{kind="log"}'] == 0


@pytest.mark.clause("X22")
def test_figures_name_nobody() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        for path in (log_path(small), "/secret-owner/secret-repo", "/api/v1/repos/o/secret-repo/actions/runs/7/jobs"):
            proxy.get(path, small.token)
        text = proxy.get("/-/shim/metrics").text
        assert "secret" not in text and '"o"' not in text and small.token not in text
        proxy.session.request("INVENTED", proxy.base_url + "/x", timeout=5)
        assert "INVENTED" not in proxy.get("/-/shim/metrics").text
