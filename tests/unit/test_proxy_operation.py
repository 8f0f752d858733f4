"""How the proxy is run: what it says of itself, logs and counts, what it limits, and which swagger document it gives.

Rules: the proxy runs in a thread of this process, in front of a double or of a server that answers what a case wants;
requests go over real connections.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

import pytest
import requests
from aiohttp import web
from double import Fault
from forgejo_shim import WebLogin
from forgejo_shim.capabilities import Capability, read_swagger
from forgejo_shim.contract import JOB, JOB_LOGS, LATEST, LATEST_JOBS, LATEST_LOGS, RUN_JOBS, RUN_LOGS, WRITES
from forgejo_shim.errors import NotThere, WebAccount, job_not_found
from forgejo_shim.flows.net import run
from forgejo_shim.flows.websession import WebSession
from forgejo_shim.models import Headers
from forgejo_shim.proxy.access import WAITING, AccessLog
from forgejo_shim.proxy.app import Options, Proxy
from forgejo_shim.proxy.headers import Peer
from forgejo_shim.proxy.limits import Searches, Streams, TooMany, asked_again, caller_of
from forgejo_shim.proxy.serve import Front
from forgejo_shim.proxy.swagger import MARK, extended, own_documents
from forgejo_shim.state import MemoryState
from hand import wait
from scripted import Scripted, page, to
from small import LOG, Small

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
WRONG = WebLogin("o", "not the password")


class Running:
    """A proxy in a thread; `lines` is its access log so far."""

    def __init__(self, upstream: str, account: WebLogin | None = None, **options: Any) -> None:
        self.written: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.proxy, self.base_url = self._do(self._start(Options(upstream, account, **options)))
        self.session = requests.Session()
        self.session.trust_env = False

    async def _start(self, options: Options) -> tuple[Proxy, str]:
        proxy = Proxy(options, AccessLog(self.written.append))
        return proxy, await self._listen(proxy.handle)

    async def _listen(self, handle: Answer) -> str:
        self._runner = web.ServerRunner(Front(handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def get(self, path: str, token: str = "", **more: Any) -> requests.Response:
        headers = {**({"Authorization": f"token {token}"} if token else {}), **more.pop("headers", {})}
        return self.session.get(self.base_url + path, headers=headers, allow_redirects=False, timeout=20, **more)

    def lines(self, count: int) -> list[dict[str, Any]]:
        wait(lambda: len(b"".join(self.written).splitlines()) >= count, f"{count} lines of the log", 5)
        return [json.loads(line) for line in b"".join(self.written).splitlines()]

    def figures(self) -> dict[str, float]:
        lines = self.get("/-/shim/metrics").text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self._do(self._runner.cleanup())
        self._do(self.proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class Behind(Running):
    """A server that gives one answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.base_url = self._do(self._listen(answer))

    def __exit__(self, *_: object) -> None:
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    await request.read()
    return web.Response(text="hello")


@pytest.fixture(scope="module")
def greeting() -> Iterator[Behind]:
    with Behind(hello) as behind:
        yield behind


def log_path(small: Small, **more: Any) -> str:
    (job,) = small.add(**more).jobs
    return f"/api/v1/repos/o/r/actions/jobs/{job.id}/logs"


# --- the proxy's own pages


def test_it_is_alive_whatever_is_behind() -> None:
    with Running("http://127.0.0.1:9") as proxy:
        assert proxy.get("/-/shim/healthz").status_code == 200
        ready = proxy.get("/-/shim/readyz")
        assert ready.status_code == 503
        assert ready.json()["upstream"] == {"ok": False, "says": "unreachable"}
        assert proxy.get("/-/shim/else").status_code == 404
        assert proxy.session.post(proxy.base_url + "/-/shim/healthz", timeout=5).status_code == 405


def test_its_own_pages_never_reach_the_server(greeting: Behind) -> None:
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


def test_ready_signs_in_again_when_the_session_was_lost() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        assert proxy.get("/-/shim/readyz").ok
        small.double.drop_sessions()
        proxy.proxy.health._found = None
        assert proxy.get("/-/shim/readyz").ok
        assert proxy.figures()["forgejo_shim_sign_ins_total"] == 2


def test_a_check_serves_all_who_ask_meanwhile(greeting: Behind) -> None:
    with Running(greeting.base_url) as proxy:
        found = [proxy.get("/-/shim/readyz").status_code for _ in range(20)]
        assert set(found) == {200}
        assert proxy.proxy.upstream.sent <= 2, "one check: the version and the swagger document"


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
    answers = [page()] * 6 + [to("/")] + [page()]
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
    assert first.value.retry_after is None and session.refusals == 1


def test_a_sign_in_goes_on_without_the_one_who_caused_it() -> None:
    with Small("15") as small, Running(small.url, WRONG) as proxy:
        path = log_path(small)
        small.double.faults.slow("/user/login", delay=0.3, piece=100_000)
        with suppress(requests.Timeout):
            proxy.session.get(
                proxy.base_url + path, headers={"Authorization": f"token {small.token}"}, timeout=(5, 0.1)
            )
        wait(lambda: proxy.proxy.session.refusals == 1, "the refusal to be known", 10)


# --- the access log


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
            ("GET", path, 200, "web", JOB_LOGS),
            ("GET", "/api/v1/version", 403, "pass", ""),
            ("GET", "/api/v1/repos/o/r/actions/jobs/999/logs", 404, "web", JOB_LOGS),
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


def test_foreign_text_stays_inside_its_string(greeting: Behind) -> None:
    with Running(greeting.base_url) as proxy:
        sent = b'GET /a"b\\c%0A' + b"x" * 3000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"
        assert raw(proxy, sent).startswith(b"HTTP/1.1 200"), raw(proxy, sent)
        raw(proxy, b"GET http://name:password@h/ HTTP/1.1\r\nHost: h\r\n\r\n")
        line, other = proxy.lines(2)
        assert line["path"].startswith('/a"b\\c%0A') and len(line["path"]) == 1025
        assert other["path"] == "-" and b"password" not in b"".join(proxy.written)
        assert b"".join(proxy.written).isascii()


def raw(proxy: Running, data: bytes) -> bytes:
    """Send bytes; what comes back within a moment."""
    host, port = proxy.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(data)
        return connection.recv(65536)


def test_a_caller_who_goes_away_is_499() -> None:
    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    with Behind(slow) as behind, Running(behind.base_url) as proxy:
        with suppress(requests.Timeout):
            proxy.session.get(proxy.base_url + "/", timeout=(5, 0.2))
        (line,) = proxy.lines(1)
        assert (line["status"], line["broken"]) == (499, True)


def test_a_log_that_nobody_reads_loses_lines_and_no_time() -> None:
    async def main() -> None:
        stuck = threading.Event()
        log = AccessLog(lambda data: stuck.wait(10))
        for _ in range(WAITING + 10):
            log.note("id", "GET", "/", 200, 1, 0.1, "pass", "", False)
        assert log.lost == 10
        started = time.perf_counter()
        log.close(patience=0.1)
        assert time.perf_counter() - started < 5
        stuck.set()

    asyncio.run(main())


def test_a_log_whose_reader_has_gone_is_no_error() -> None:
    async def main() -> None:
        read, write = os.pipe()
        os.close(read)
        log = AccessLog(lambda data: os.write(write, data))
        for _ in range(3):
            log.note("id", "GET", "/", 200, 1, 0.1, "pass", "", False)
            await asyncio.sleep(0.3)
        log.close()
        os.close(write)

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
        labels = f'backend="web",operation="{JOB_LOGS}",status="200"'
        assert found[f"forgejo_shim_requests_total{{{labels}}}"] == 2
        assert found['forgejo_shim_requests_total{backend="pass",operation="",status="200"}'] == 1
        assert found[f'forgejo_shim_request_seconds_count{{operation="{JOB_LOGS}"}}'] == 2
        assert found["forgejo_shim_sent_bytes_total"] > 2 * len(LOG)
        assert found["forgejo_shim_sign_ins_total"] == 1
        assert found["forgejo_shim_kept_answers_used_total"] == 1
        assert found["forgejo_shim_upstream_requests_total"] == len(small.double.requests)
        assert found['forgejo_shim_open_streams{kind="log"}'] == 0


def test_figures_name_nobody() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        for path in (log_path(small), "/secret-owner/secret-repo", "/api/v1/repos/o/secret-repo/actions/runs/7/jobs"):
            proxy.get(path, small.token)
        text = proxy.get("/-/shim/metrics").text
        assert "secret" not in text and '"o"' not in text and small.token not in text
        proxy.session.request("INVENTED", proxy.base_url + "/x", timeout=5)
        assert "INVENTED" not in proxy.get("/-/shim/metrics").text


# --- limits


def test_too_many_streams_of_one_caller() -> None:
    with Small("15") as small, Running(small.url, small.web, streams=1) as proxy:
        path = log_path(small)
        with slowly(small), proxy.get(path, small.token, stream=True) as first:
            assert first.status_code == 200
            for spelled in (f"token {small.token}", f"Bearer {small.token}", basic("any", small.token)):
                second = proxy.get(path, headers={"Authorization": spelled})
                assert (second.status_code, second.json()["cause"]) == (429, "too-many-streams")
                assert int(second.headers["Retry-After"]) > 0
            assert proxy.figures()['forgejo_shim_open_streams{kind="log"}'] == 1
            assert proxy.get("/api/v1/version", small.token).ok, "what passes through is not limited"
            assert proxy.get(path).status_code != 429, "nor is another caller"
        small.double.faults.clear()
        wait(lambda: proxy.get(path, small.token).content == LOG, "the place to be free again", 10)


@contextmanager
def slowly(small: Small) -> Iterator[Fault]:
    """Downloads of the double take seconds."""
    yield small.double.faults.slow(r"/logs$", piece=4096, delay=0.02)
    small.double.faults.clear()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def caller(authorization: str = "", query: str = "", address: str = "10.0.0.1", **headers: str) -> bytes:
    pairs = [*headers.items(), *([("Authorization", authorization)] if authorization else [])]
    listed = "forwarded" in headers
    pairs = [("X-Forwarded-For" if name == "forwarded" else name, value) for name, value in pairs]
    return caller_of(Headers(pairs), query, Peer(address, listed, "http", "h"))


def test_who_is_the_same_caller() -> None:
    same = {
        caller("token t"), caller("Token  t"), caller("bearer t"), caller(basic("t", "")), caller("", "token=t"),
        caller(basic("t", "x-oauth-basic")), caller(basic("me", "t")), caller("", "attempt=2&access_token=t"),
        caller("token t", address="10.0.0.2"),
    }  # fmt: skip
    assert len(same) == 1
    others = [caller("token u"), caller(), caller(address="10.0.0.2"), caller(forwarded="a"), caller(forwarded="b")]
    assert len({*same, *others}) == 6


def test_a_place_is_free_again_after_an_error() -> None:
    streams = Streams(1)
    with suppress(KeyError), streams.one_more(b"a"):
        raise KeyError
    with streams.one_more(b"a"), streams.one_more(b"b"), pytest.raises(TooMany), streams.one_more(b"a"):
        pass
    assert streams._open == {}


@pytest.mark.parametrize(
    "sent, status",
    [
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nS3cret\x00\r\n\r\n", b"400"),
        (b"nonsense with S3cret\r\n\r\n", b"400"),
    ],
)
def test_a_head_that_is_too_much(greeting: Behind, sent: bytes, status: bytes, capfd: Any) -> None:
    with Running(greeting.base_url) as proxy:
        answer = raw(proxy, sent)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] == status and b"application/json" in head
        assert set(json.loads(body)) == {"message"} and b"S3cret" not in answer
    assert capfd.readouterr().err == ""


# --- searches


def searches_at(now: list[float]) -> Searches:
    return Searches(lambda: now[0])


def test_searches_of_one_caller_and_of_all() -> None:
    async def main() -> None:
        searches = searches_at([0.0])
        async with AsyncExitStack() as held:
            for number in range(8):
                who = b"%d" % (number // 2)
                await held.enter_async_context(searches.one(who, "o/r", number, lambda: False))
                if number == 1:
                    with pytest.raises(TooMany):
                        await held.enter_async_context(searches.one(who, "o/r", 99, lambda: False))
            with pytest.raises(TooMany) as all_taken:
                await held.enter_async_context(searches.one(b"new", "o/r", 99, lambda: False))
            assert (all_taken.value.status, all_taken.value.cause) == (429, "too-many-searches")
            async with searches.one(b"new", "o/r", 98, lambda: True):
                pass  # somebody else has found it: no search, no place
        async with searches.one(b"new", "o/r", 99, lambda: False):
            pass

    asyncio.run(main())


def test_not_found_is_kept_for_a_minute() -> None:
    async def search(searches: Searches, ran: list[int]) -> None:
        with suppress(NotThere):
            async with searches.one(b"a", "o/r", 7, lambda: False):
                ran.append(7)
                raise job_not_found(7)

    async def main() -> list[int]:
        now, ran = [0.0], list[int]()
        searches = searches_at(now)
        for at in (0.0, 59.0, 60.0, 61.0):
            now[0] = at
            await search(searches, ran)
        return ran

    assert asyncio.run(main()) == [7, 7]


def forgotten(proxy: Running) -> None:
    """Nothing is known of the server any more."""
    proxy.proxy.server.state = MemoryState()
    proxy.proxy.searches = Searches()


def test_one_search_serves_all_who_ask_meanwhile() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = [log_path(small, logs={"build": b"2026-01-02T03:04:05.0000000Z x\n"}) for _ in range(40)][9]
        alone = states(small, lambda: proxy.get(path, small.token))
        forgotten(proxy)
        small.double.faults.slow(r"/jobs/0", piece=100_000, delay=0.05)
        found: list[int] = []
        with ThreadPoolExecutor(6) as pool:

            def together() -> None:
                found.extend(pool.map(lambda _: proxy.get(path, small.token).status_code, range(6)))

            assert states(small, together) <= alone + 5 * 3, "each proves the place for itself; one has searched"
        assert found == [200] * 6, "nor does one who waits count as one who searches"


def states(small: Small, work: Callable[[], Any]) -> int:
    """How many states were read meanwhile."""
    before = len(small.double.requests)
    work()
    return len([seen for seen in small.double.requests[before:] if seen.method == "POST" and "/runs/" in seen.path])


def test_searches_share_what_they_read_and_find_the_same() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        rows = [f"2026-01-02T03:04:05.0000000Z {number}\n".encode() for number in range(40)]
        paths = [log_path(small, logs={"build": row}) for row in rows]
        alone = states(small, lambda: proxy.get(paths[28], small.token))
        forgotten(proxy)
        proxy.get(paths[20], small.token)
        assert states(small, lambda: proxy.get(paths[28], small.token)) < alone
        assert [proxy.get(path, small.token).content for path in paths] == rows
        missing = paths[0].replace("/jobs/1/", "/jobs/99999/")
        assert proxy.get(missing, small.token).status_code == 404
        assert states(small, lambda: proxy.get(missing, small.token)) == 0
        assert proxy.get(missing, "0" * 40).status_code == 401, "behind each caller's own check"


def test_a_job_is_found_whatever_other_searches_read_before() -> None:
    """What was read is out of date: a run then listed other ids, or its rows were replaced since."""
    with Small("15") as small, Running(small.url, small.web) as proxy:
        rows = [f"2026-01-02T03:04:05.0000000Z {number}\n".encode() for number in range(12)]
        paths = [log_path(small, logs={"build": row}) for row in rows]
        ids = [int(path.split("/")[-2]) for path in paths]
        for wanted in range(12):
            for run_number in range(1, 13):
                forgotten(proxy)
                old = {run_number: (max(1, ids[run_number - 1] - 5),)}  # lower than now: rows only move up
                if old[run_number][0] != ids[wanted]:
                    proxy.proxy.searches._read["o/r"] = (time.monotonic(), old)
                assert proxy.get(paths[wanted], small.token).content == rows[wanted], (wanted, run_number)


# --- a stream that outlives the kept yes


def test_a_stream_ends_at_the_first_no() -> None:
    with Small("15") as small, Running(small.url, small.web, keep=0) as proxy:
        path = log_path(small)
        with slowly(small), proxy.get(path, small.token, stream=True) as answer:
            chunks = answer.iter_content(1000)
            assert next(chunks) == LOG[:1000]
            small.double.faults.status(r"/actions/tasks", 404)
            with pytest.raises(requests.RequestException):
                got = b"".join(chunks)
                assert len(got) + 1000 == len(LOG), "it was cut, and looks whole"


def test_a_stream_goes_on_with_a_yes() -> None:
    with Small("15") as small, Running(small.url, small.web, keep=0) as proxy:
        path = log_path(small)
        with slowly(small), proxy.get(path, small.token, stream=True) as answer:
            assert answer.content == LOG
        asked = [seen for seen in small.double.requests if "/actions/tasks" in seen.path]
        assert len(asked) >= 2, "asked once more, at least"


def test_nothing_passes_while_the_question_is_open() -> None:
    async def main() -> tuple[list[bytes], list[bytes], list[str]]:
        asked, ended = asyncio.Event(), []
        verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def may() -> bool:
            asked.set()
            return await verdict

        async def chunks() -> Any:
            yield b"1"
            await asked.wait()
            yield b"2"

        got: list[bytes] = []

        async def read(through: Any) -> None:
            async for chunk in through(chunks()):
                got.append(chunk)

        async with asked_again(0.01, may, lambda: ended.append("end")) as through:
            reading = asyncio.create_task(read(through))
            await asked.wait()
            await asyncio.sleep(0.05)
            before = list(got)
            verdict.set_result(False)
            await asyncio.sleep(0.05)
            reading.cancel()
        return before, got, ended

    assert asyncio.run(main()) == ([b"1"], [b"1"], ["end"])


# --- swagger


@pytest.mark.parametrize("face", ["11", "12", "13", "14", "15", "16"])
def test_the_swagger_document_tells_what_is_offered(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web) as proxy:
        found = proxy.get("/swagger.v1.json")
        assert found.headers["Content-Length"] == str(len(found.content))
        behind = requests.get(small.url + "/swagger.v1.json", timeout=5)
        offered, there = read_swagger(found.content), read_swagger(behind.content)
        assert offered.of("GET", JOB_LOGS) is Capability.PRESENT
        by_run = Capability.ABSENT if face == "11" else Capability.PRESENT
        assert {offered.of("GET", template) for template in (RUN_JOBS, RUN_LOGS, LATEST_JOBS, LATEST_LOGS)} == {by_run}
        assert offered.of("GET", JOB) is offered.of("GET", LATEST) is Capability.PRESENT
        logs = found.json()["paths"][JOB_LOGS]["get"]["parameters"]
        assert {"step", "tail", "follow"} == {parameter["name"] for parameter in logs if parameter.get(MARK)}
        assert there.operations is not None and offered.operations is not None
        assert there.operations <= offered.operations
        assert all(operation.startswith("GET ") for operation in offered.operations - there.operations)
        assert found.json()["basePath"] == behind.json()["basePath"]
        added = offered.operations - there.operations
        marked = {
            f"{method.upper()} {path}"
            for path, methods in found.json()["paths"].items()
            for method, operation in methods.items()
            if operation.get(MARK)
        }
        assert marked == added


@pytest.mark.parametrize("account, offered", [(True, True), (False, False)])
def test_writes_are_told_of_where_they_can_be_done(account: bool, offered: bool) -> None:
    with Small("15") as small, Running(small.url, small.web if account else None, writes=True) as proxy:
        found = read_swagger(proxy.get("/swagger.v1.json").content)
        assert {found.of("POST", template) is Capability.PRESENT for template in WRITES} == {offered}


def test_the_document_is_valid_and_keeps_what_was_there() -> None:
    theirs = json.loads(document())
    made = json.loads(extended(document(), own_documents(), writes=True))
    text = json.dumps(made)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        _, kind, name = reference.split("/")
        assert name in made[kind], reference
    assert made["definitions"]["ActionRunJob"] == theirs["definitions"]["ActionRunJob"]
    assert MARK in made["definitions"]["ShimActionRunJob"]
    for path, methods in theirs["paths"].items():
        assert made["paths"][path] == methods


def document(**more: Any) -> bytes:
    """A server's document, with a definition and an answer of the names that ours use."""
    run_path = "/repos/{owner}/{repo}/actions/runs/{run_id}"
    of_theirs = {"type": "object", "description": "another one"}
    value = {
        "swagger": "2.0",
        "basePath": "/sub/api/v1",
        "paths": {run_path: {"get": {"responses": {"200": {"$ref": "#/responses/error"}}}}},
        "definitions": {"ActionRunJob": of_theirs},
        "responses": {"error": {"description": "another one"}},
        **more,
    }
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "strange",
    [b"", b"[]", b"{}", b"<html>", document(swagger="3.0"), document(paths={"/other": {}}), b"[" * 100_000,
     document(definitions={"ActionRunJob": {}, "ShimActionRunJob": {}}), document(paths=[])],
)  # fmt: skip
def test_what_is_no_document_stays_as_it_is(strange: bytes) -> None:
    assert extended(strange, own_documents(), writes=True) == strange


def test_a_second_proxy_adds_nothing() -> None:
    once = extended(document(), own_documents(), writes=True)
    assert extended(once, own_documents(), writes=True) == once


def test_a_shim_behind_a_proxy_takes_it_for_native() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy, Running(proxy.base_url) as second:
        path = log_path(small)
        found = second.get(path, small.token)
        assert found.content == LOG
        assert found.headers["X-Forgejo-Shim"] == "web, native"


def test_the_documents_tag_and_head() -> None:
    with Small("15") as small, Running(small.url) as proxy:
        whole = proxy.get("/swagger.v1.json", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
        tag = whole.headers["ETag"]
        assert whole.status_code == 200 and "Content-Encoding" not in whole.headers
        again = proxy.get("/swagger.v1.json", headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")
        head = proxy.session.head(proxy.base_url + "/swagger.v1.json", timeout=5)
        assert (head.headers["Content-Length"], head.content) == (str(len(whole.content)), b"")


def test_a_server_without_a_document_is_passed_on() -> None:
    async def no(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=303, headers={"Location": "/user/login"})

    with Behind(no) as behind, Running(behind.base_url) as proxy:
        found = proxy.get("/swagger.v1.json")
        assert (found.status_code, found.headers["Location"]) == (303, "/user/login")
