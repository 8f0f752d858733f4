"""What passes the doors of shim/deploy/ piece by piece, git through them, and shims that go while they are asked."""

from __future__ import annotations

import asyncio
import queue
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import requests
from aiohttp import web
from doors import CADDY, DOORS, PROGRAMS, Door, asked, who
from forgejo_shim.flows import follow as following
from git_server import git_server
from hand import plain_session, wait
from proxied import Behind, Wire
from running import Answer, Answering, Running
from servers import free_port
from small import Small

clause = pytest.mark.clause
R = "/api/v1/repos/o/r/actions"
BREAKS_OFF = (2, 7, 6)  # the first Caddy in which an answer that breaks off is broken off
ROW = b"2026-01-02T03:04:05.0000000Z row %d\n"


@pytest.fixture(params=list(DOORS))
def door(request: pytest.FixtureRequest) -> Door:
    if not PROGRAMS[request.param]:
        pytest.skip(f"not run: there is no {request.param} here")
    return DOORS[request.param]


@contextmanager
def in_front_of(door: Door, folder: Path, answer: Answer) -> Iterator[str]:
    """A door whose Forgejo and shim both answer so, and are well."""

    async def well(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="alive") if request.path == "/-/shim/healthz" else await answer(request)

    with Answering(well) as behind, door(folder, behind.base_url, [behind.base_url]) as base_url:
        yield base_url


@clause("X54")
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_each_row_of_a_followed_log_comes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Door, coding: str
) -> None:
    """Each row is awaited before the next is there, so one that is held back anywhere ends in a time-out."""
    monkeypatch.setattr(following, "INTERVAL", 0.05)
    with (
        Small("15") as small,
        Running(small.url, small.web) as shim,
        door(tmp_path, small.url, [shim.base_url]) as base_url,
        plain_session() as session,
    ):
        task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
        small.model.log(task, ROW % 0, more=True)
        headers = {"Authorization": f"token {small.token}", "Accept-Encoding": coding}
        url = f"{base_url}{R}/jobs/{task.job.id}/logs?follow=true"
        with session.get(url, headers=headers, stream=True, timeout=20) as answer:
            got, pieces = b"", answer.iter_content(None)
            for number in range(1, 4):
                while ROW % (number - 1) not in got:
                    got += next(pieces)
                small.model.log(task, ROW % number, more=number < 3)
            small.model.finish(task)
            assert got + b"".join(pieces) == b"".join(ROW % number for number in range(4))


@clause("X54")
def test_a_follower_who_goes_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Door) -> None:
    monkeypatch.setattr(following, "INTERVAL", 0.05)
    with (
        Small("15") as small,
        Running(small.url, small.web) as shim,
        door(tmp_path, small.url, [shim.base_url]) as base_url,
    ):
        task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
        small.model.log(task, ROW % 0, more=True)
        url = f"{base_url}{R}/jobs/{task.job.id}/logs?follow=true"
        with plain_session() as session:
            answer = session.get(url, headers={"Authorization": f"token {small.token}"}, stream=True, timeout=20)
            assert next(answer.iter_content(None)) == ROW % 0
            answer.close()
        wait(lambda: any(line["path"].endswith("/logs") for line in shim.lines(0)), "the shim to notice", 10)


@clause("X54")
@pytest.mark.parametrize("path", ["/user/events", f"{R}/runs"])
def test_events_come_one_by_one(tmp_path: Path, door: Door, path: str) -> None:
    taken: queue.Queue[None] = queue.Queue()

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await answer.prepare(request)
        for number in range(3):
            await answer.write(b"data: %d\n\n" % number)
            await asyncio.to_thread(taken.get, timeout=20)
        return answer

    with in_front_of(door, tmp_path, events) as base_url, plain_session() as session:
        with session.get(base_url + path, stream=True, timeout=20) as answer:
            for number, piece in enumerate(answer.iter_content(None)):
                assert piece == b"data: %d\n\n" % number
                taken.put(None)


@clause("X54")
@pytest.mark.parametrize("path", ["/o/r/live", f"{R}/live"])
def test_websockets_pass(tmp_path: Path, door: Door, path: str) -> None:
    """The server speaks first: Caddy 2.7.6 at times loses what a client sends at the very moment of the upgrade."""

    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        talk = web.WebSocketResponse()
        await talk.prepare(request)  # type: ignore[arg-type]
        await talk.send_str("ready")
        async for said in talk:
            await talk.send_str(said.data[::-1])
        return talk

    async def talk(base_url: str) -> str:
        async with aiohttp.ClientSession() as session, session.ws_connect(base_url + path) as connection:
            assert await connection.receive_str(timeout=20) == "ready"
            await connection.send_str("abc")
            return await connection.receive_str(timeout=20)

    with in_front_of(door, tmp_path, echo) as base_url:
        assert asyncio.run(talk(base_url)) == "cba"


@clause("X54")
@pytest.mark.parametrize("path", ["/api/packages/o/generic/p/1/f", "/compat/gitea/api/v1/repos/o/r/releases/1/assets"])
def test_uploads_go_on_as_they_come(tmp_path: Path, door: Door, path: str) -> None:
    """The second piece is sent when the first has arrived."""
    arrived = threading.Semaphore(0)

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
            arrived.release()
        return web.Response(text=str(size))

    def pieces() -> Iterator[bytes]:
        yield b"a" * 1000
        assert arrived.acquire(timeout=20)
        yield from [b"b" * 1_000_000] * 12

    with in_front_of(door, tmp_path, take) as base_url, plain_session() as session:
        assert session.put(base_url + path, data=pieces(), timeout=30).text == "12001000"


@clause("X54")
def test_git_clones_and_pushes_through(tmp_path: Path, door: Door) -> None:
    """More than `http.postBuffer`, so that the push comes in chunks."""
    with git_server(tmp_path / "repositories") as forgejo, Answering(who("shim")) as shim:
        with door(tmp_path, forgejo.base_url, [shim.base_url]) as base_url:
            one, two = tmp_path / "one", tmp_path / "two"
            git("clone", "-q", f"{base_url}/o/r.git", one)
            (one / "file").write_bytes(b"".join(number.to_bytes(3, "big") for number in range(1_000_000)))
            git("-C", one, "add", "file")
            git("-C", one, "-c", "user.name=n", "-c", "user.email=n@example.invalid", "commit", "-qm", "one")
            git("-C", one, "-c", "core.compression=0", "push", "-q", "origin", "HEAD:main")
            git("clone", "-q", "-b", "main", f"{base_url}/o/r.git", two)
            assert (one / "file").read_bytes() == (two / "file").read_bytes()


def caddy_version() -> tuple[int, ...]:
    said = subprocess.run([str(CADDY), "version"], capture_output=True, text=True, check=True, timeout=20).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:3]))


def git(*words: object) -> None:
    subprocess.run(["git", *map(str, words)], check=True, capture_output=True, timeout=60)


# --- shims that go


@clause("X55")
def test_one_shim_killed_the_other_answers(tmp_path: Path, door: Door) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    with (
        Answering(who("forgejo")) as forgejo,
        Answering(who("other")) as other,
        Answering(who("shim")) as shim,
        door(tmp_path, forgejo.base_url, [gone, shim.base_url, other.base_url]) as base_url,
    ):
        for method in ("GET", "POST", "DELETE"):
            found = asked(base_url, *[f"{R}/runs"] * 10, method=method)
            assert [status for status, _ in found] == [200] * 10
        other._do(other._runner.cleanup())
        for method in ("GET", "POST", "DELETE"):
            found = asked(base_url, *[f"{R}/runs"] * 10, method=method)
            assert [told.get("who") for _, told in found] == ["shim"] * 10


@clause("X55")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_a_shim_began_to_read_goes_to_no_other(tmp_path: Path, door: Door, method: str) -> None:
    first, second = dying(), dying()
    with Answering(who("forgejo")) as forgejo, door(tmp_path, forgejo.base_url, [first.url, second.url]) as base_url:
        ((status, _),) = asked(base_url, f"{R}/runs/7", method=method)
        assert status == 502
        changed = [head for head in (*first.heads, *second.heads) if head.startswith(method.encode())]
        assert len(changed) == 1
    for one in (first, second):
        one.listening.close()


def dying() -> Behind:
    """A shim that is well, and breaks each connection off where something is asked of it."""
    behind = Behind()

    def answer(wire: Wire, head: bytes) -> None:
        if b"/-/shim/healthz" in head:
            return wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nalive\n")
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = answer
    return behind


@clause("X55")
def test_without_a_shim_it_is_an_error_and_never_forgejos_answer(tmp_path: Path, door: Door) -> None:
    gone = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    with Answering(who("forgejo")) as forgejo, door(tmp_path, forgejo.base_url, gone) as base_url:
        ((status, _),) = asked(base_url, f"{R}/runs")
        assert status in (502, 503)
        ((status, told),) = asked(base_url, "/o/r")
        assert (status, told["who"]) == (200, "forgejo")


@clause("X54")
def test_what_breaks_off_is_broken(tmp_path: Path, door: Door) -> None:
    if door is DOORS["caddy"] and caddy_version() < BREAKS_OFF:
        pytest.skip("not run: this Caddy ends what broke off as if it were whole; 2.7.6 does not")
    behind = Behind()

    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = say
    with door(tmp_path, behind.url, [behind.url]) as base_url, plain_session() as session:
        for path in ("/o/r", f"{R}/jobs/7/logs"):
            with pytest.raises(requests.RequestException):
                _ = session.get(base_url + path, timeout=20).content
    behind.listening.close()
