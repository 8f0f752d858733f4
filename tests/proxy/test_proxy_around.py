"""The proxy among other proxies: nginx in front, itself behind, and what its operator is told.

Rules: those with nginx run where there is one, and say so where there is none.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import requests
from aiohttp import web
from command import Place
from forgejo_shim import WebLogin
from forgejo_shim.flows import follow as following
from forgejo_shim.proxy.app import Proxy
from forgejo_shim.proxy.changes import Changes
from forgejo_shim.proxy.options import Options
from forgejo_shim.proxy.serve import Front
from hand import wait
from nginx import PROGRAM, nginx
from proxied import OK, Behind, Proxied, Wire, fixed
from running import Answering, Running, hello, log_path
from servers import free_port
from small import Small

clause = pytest.mark.clause
needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="not run: there is no nginx here (nginx-light)")
ROW = b"2026-01-02T03:04:05.0000000Z row %d\n"


def plain(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=20, stream=True)


# --- nginx in front


@clause("X30")
@needs_nginx
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_rows_pass_nginx_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coding: str) -> None:
    """Each row is awaited before the next is there, so one that is held back anywhere ends in a time-out."""
    monkeypatch.setattr(following, "INTERVAL", 0.05)
    with Small("15") as small, Running(small.url, small.web) as proxy, nginx(tmp_path, proxy.base_url) as front:
        task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
        small.model.log(task, ROW % 0, more=True)
        path = f"/api/v1/repos/o/r/actions/jobs/{task.job.id}/logs?follow=true"
        with plain(front + path, Authorization=f"token {small.token}", **{"Accept-Encoding": coding}) as answer:
            assert answer.headers["Cache-Control"] == "no-store, no-transform"
            got = b""
            pieces = answer.iter_content(None)
            for number in range(1, 4):
                while ROW % (number - 1) not in got:
                    got += next(pieces)
                small.model.log(task, ROW % number, more=number < 3)
            small.model.finish(task)
            assert got + b"".join(pieces) == b"".join(ROW % number for number in range(4))


@clause("X30")
def test_what_is_made_as_it_comes_says_so() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        run = small.add()
        jobs = f"/api/v1/repos/o/r/actions/jobs/{run.jobs[0].id}"
        zipped = proxy.get(f"/api/v1/repos/o/r/actions/runs/{run.id}/logs", small.token)
        whole = proxy.get(f"{jobs}/logs", small.token)
        passed = proxy.get("/api/v1/version", small.token)
        told = [answer.headers.get("X-Accel-Buffering") for answer in (zipped, whole, passed)]
        assert zipped.ok and told == ["no", None, None], "what has a length may be buffered"


@clause("X35", "X8")
@needs_nginx
def test_what_breaks_off_is_broken_behind_nginx(tmp_path: Path) -> None:
    """nginx asks in HTTP/1.0, where the end of a connection is that of an answer."""
    behind = Behind()

    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = say
    with Running(behind.url) as proxy, nginx(tmp_path, proxy.base_url) as front:
        with pytest.raises(requests.RequestException):
            _ = plain(f"{front}/x").content
    behind.listening.close()


@clause("X35")
def test_a_client_of_http_1_0_sees_a_reset() -> None:
    behind = Behind()

    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = say
    with Running(behind.url) as proxy, proxy.dialled() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while connection.recv(65536):
                pass
    behind.listening.close()


@needs_nginx
def test_uploads_pass_nginx(tmp_path: Path) -> None:
    behind = Behind()
    with Running(behind.url) as proxy, nginx(tmp_path, proxy.base_url, "proxy_request_buffering off;") as front:
        with requests.Session() as session:
            session.trust_env = False
            sent = session.put(f"{front}/x", data=iter([b"abc", b"def"]), timeout=20)
        assert sent.content == b"hi" and b"PUT /x HTTP/1.1" in behind.head
    behind.listening.close()


# --- itself behind


@clause("X32")
def test_its_own_address_is_found_out(tmp_path: Path) -> None:
    with Small("15") as small:
        port = free_port()
        place = Place(small, tmp_path / "home")
        place.environment["FORGEJO_URL"] = f"http://127.0.0.1:{port}"
        with Proxied(None, port=port, environment=place.environment) as proxy:
            wait(lambda: "is this proxy itself" in proxy.said.read_text(), "the loop to be said", 10)
            for path in ("/", "/swagger.v1.json", "/api/v1/repos/o/r/actions/jobs/1/logs"):
                got = requests.get(f"http://127.0.0.1:{port}{path}", timeout=10)
                assert (got.status_code, got.json()["cause"]) == (508, "proxy-loop"), path
            assert proxy.end() == 0
            assert proxy.said.read_text().count("is this proxy itself") == 1


@clause("X32")
def test_a_loop_over_another_proxy_is_found_out() -> None:
    told: list[str] = []
    port = free_port()
    with Running(f"http://127.0.0.1:{port}", say=told.append) as one:

        async def serve() -> None:
            other = Proxy(Options(one.base_url, say=told.append))
            runner = web.ServerRunner(Front(other.handle), shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            ending.push_async_callback(runner.cleanup)
            ending.push_async_callback(other.close)

        ending = AsyncExitStack()
        one._do(serve())
        for base in (one.base_url, f"http://127.0.0.1:{port}"):
            assert plain(f"{base}/x").json()["cause"] == "proxy-loop"
        one._do(ending.aclose())
        assert len(told) == 2 and all("is this proxy itself" in line for line in told)


@clause("X32")
def test_a_caller_with_that_header_changes_nothing_for_others() -> None:
    told: list[str] = []
    with Answering(hello) as behind, Running(behind.base_url, say=told.append) as proxy:
        mine = {"X-Forgejo-Shim-Name": proxy.proxy.upstream.name}
        assert proxy.get("/x", headers={"X-Forgejo-Shim-Name": "another"}).text == "hello"
        assert proxy.get("/x", headers=mine).status_code == 508
        assert proxy.get("/x").text == "hello" and told == []
        with Running(proxy.base_url) as second:
            assert second.get("/x").text == "hello", "a chain"


# --- what the operator is told


@clause("X33")
def test_a_server_that_goes_and_comes_back_is_told_once_each() -> None:
    told: list[str] = []
    port = free_port()
    with Running(f"http://127.0.0.1:{port}", say=told.append) as proxy:
        proxy.proxy.upstream.changes._quiet = 0.0
        for _ in range(3):
            assert proxy.get("/x").json()["cause"] == "unreachable"
        assert told == [f"http://127.0.0.1:{port} cannot be reached: the connection is refused"]
        with socket.create_server(("127.0.0.1", port)) as listening:
            behind = Behind.__new__(Behind)
            behind.listening, behind.answer, behind.heads, behind.errors = listening, fixed(OK), [], []
            threading.Thread(target=behind._accept, daemon=True).start()
            for _ in range(3):
                assert proxy.get("/x").text == "hi"
        assert told[1:] == [f"http://127.0.0.1:{port} answers again"]


@clause("X33")
def test_there_is_no_flood() -> None:
    told: list[str] = []

    async def main() -> None:
        changes = Changes("works", told.append, quiet=0.05)
        for _ in range(100):
            changes.fails("refused", "refused")
            changes.works()
            changes.fails("certificate", "certificate")
        assert told == ["refused"]
        while len(told) < 2:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert told == ["refused", "certificate"], "the state in the end is told"


@clause("X33", "X16", "X34")
def test_a_refused_sign_in_is_told_with_its_time_and_its_cause_logged() -> None:
    told: list[str] = []
    with Small("15") as small, Running(small.url, WebLogin("o", "S3cret"), say=told.append) as proxy:
        path = log_path(small)
        for _ in range(2):
            assert proxy.get(path, small.token).status_code == 501
        (line,) = told
        assert "web account o" in line and "tried again in 300 s" in line and "S3cret" not in line
        assert [found.get("cause") for found in proxy.lines(2)] == ["web-sign-in-refused"] * 2


# --- the end, and its own page


def test_a_hang_up_ends_it_as_a_termination_does(web: Place) -> None:
    with Proxied(None, environment=web.environment) as proxy:
        assert proxy.get("/-/shim").text.startswith("forgejo-shim ")
        assert proxy.end(signal.SIGHUP) == 0


@clause("X22")
@pytest.mark.parametrize("path", ["/-/shim", "/-/shim/", "/-/shim?x"])
def test_its_own_place_is_never_the_servers(path: str) -> None:
    behind = Behind()
    with Running(behind.url) as proxy, Running(behind.url, own_is_apart=True) as apart:
        got = proxy.get(path)
        assert got.ok and "/-/shim/readyz" in got.text and proxy.get("/-/shimmer").text == "hi"
        assert apart.get(path).status_code == 404
    assert [head.split()[1] for head in behind.heads] == [b"/-/shimmer"]
    behind.listening.close()
