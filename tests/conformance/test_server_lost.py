"""Clauses X on live servers: the server behind is killed in mid-stream and comes back, the proxy stays as it is.

Rules: a server and a proxy of their own, which no other case asks; the log is far bigger than what sockets hold (up to
13 MB were seen in them), so that most of it has not left the server when it is killed. What was read until then is
compared byte for byte.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from command import PROGRAM
from forgejo_shim import Client, WebLogin
from forgejo_shim.proxy.health import EVERY
from hand import READ, WRITE, Hand, plain_session, wait
from proxied import END, Proxied, Wire, header
from runner import Row, Runner
from seeded import Job, Repo, Stage
from servers import Server, Url, free_port
from targets import Live, log_path, start
from world import ONE, labelled

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy", "one-process")

WIDE = "x" * 60_000
ROWS = 1000  # 60 MB


@dataclass
class Place:
    """A server that may be killed, the proxy in front of it, a big log in it, and who may read and write there."""

    server: Server
    proxied: Proxied
    stage: Stage
    repo: Repo
    job: Job
    token: str
    headers: dict[str, str]
    web: WebLogin

    @property
    def path(self) -> str:
        return f"/api/v1{log_path(self.repo, self.job.id)}"

    def get(self, path: str, **more: Any) -> requests.Response:
        return plain_session().get(self.proxied.base_url + path, headers=self.headers, timeout=30, **more)

    def restarted(self) -> None:
        """Start the server again; who acts on it signs in anew."""
        self.server.revive()
        self.stage.hand.forget_session()

    def figure(self, name: str) -> float:
        text = self.get("/-/shim/metrics").text
        (value,) = re.findall(rf"^forgejo_shim_{name} (\S+)$", text, re.MULTILINE)
        return float(value)


_places: dict[str, Place] = {}


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Place]]:
    """One place for each target."""
    yield _places
    for place in _places.values():
        place.proxied.stop()
        place.server.stop()
    _places.clear()


@pytest.fixture
def place(live: Live, places: dict[str, Place]) -> Place:
    if live.target.name not in places:
        places[live.target.name] = made(live)
    return places[live.target.name]


def made(live: Live) -> Place:
    if isinstance(live.server, Url):
        pytest.skip("not run: a server that somebody else runs is not ours to kill")
    port = free_port()
    server = start(live.target, port)
    assert not isinstance(server, str), server
    hand, mark = server.hand(), secrets.token_hex(4)
    owner = hand.user(f"owner-{mark}")
    repo = Repo(hand.repo(owner.name, "r"))
    hand.push(repo.full, {"one.yml": labelled(ONE, mark)})
    stage = Stage(hand, Runner(hand.base_url, hand.registration_token()), mark)
    job = stage.take(stage.start("big", repo, ONE, "one.yml"), "build")
    for first in range(0, ROWS, 50):
        rows = [Row(f"{mark} row {number} {WIDE}", number) for number in range(first, first + 50)]
        stage.say(job, rows, more=first + 50 < ROWS)
    stage.finish(job, "success")
    token = hand.new_token(owner, (*READ, *WRITE))
    web = WebLogin(owner.name, owner.password)
    proxied = Proxied(server.base_url, web, port=port)
    return Place(server, proxied, stage, repo, job, token, {"Authorization": f"token {token}"}, web)


def dialled(place: Place) -> Wire:
    """A connection to the proxy that takes little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    connection.connect(("127.0.0.1", place.proxied.port))
    return Wire(connection)


def request(place: Place, path: str, *more: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{place.proxied.port}", *more]
    lines.append(f"Authorization: token {place.token}")
    return "\r\n".join(lines).encode() + END


def web_download(hand: Hand, place: Place) -> str:
    named = "/attempt/1" if (hand.major, hand.minor, hand.patch) >= (13, 0, 4) else ""
    return f"/{place.repo.full}/actions/runs/{place.job.run.number}/jobs/{place.job.index}{named}/logs"


@clause("X26")
@pytest.mark.parametrize("how", ["by the API", "passing through"])
def test_a_server_that_is_killed_in_mid_stream(place: Place, how: str) -> None:
    """What was sent until then is right and looks broken; meanwhile all is 502; then all is as before, without a
    restart of the proxy."""
    expected = place.job.expected()
    assert isinstance(expected, bytes)
    path = place.path
    if how == "passing through":
        place.stage.hand.api("PATCH", f"/repos/{place.repo.full}", {"private": False})
        path = web_download(place.stage.hand, place)
    assert place.get(path, stream=True).headers["Content-Length"] == str(len(expected))
    signed_in = place.figure("sign_ins_total")
    wire = dialled(place)
    with wire.connection:
        wire.send(request(place, path, "Connection: close"))
        head = wire.until(END)
        assert header(head, b"Content-Length") == [b"%d" % len(expected)]
        got = wire.take(200_000)
        place.server.kill()
        try:
            got += wire.all()
            assert got == expected[: len(got)] and len(got) < len(expected)
            for tried in (place.path, "/api/v1/version", "/user/login", f"{place.path}?tail=1"):
                told = place.get(tried)
                assert (told.status_code, told.json()["cause"]) == (502, "unreachable"), tried
            assert place.get("/-/shim/healthz").ok
        finally:
            place.restarted()
    assert place.get(place.path).content == expected
    if how == "by the API" and place.get(place.path, stream=True).headers["X-Forgejo-Shim"] == "web":
        assert place.figure("sign_ins_total") > signed_in
    assert "Traceback" not in place.proxied.log()


@clause("X26")
def test_an_upload_whose_server_is_killed(place: Place) -> None:
    place.get("/api/v1/version")
    wire = dialled(place)
    with wire.connection:
        path = f"/api/v1/repos/{place.repo.full}/contents"
        wire.send(request(place, path, "Content-Type: application/json", "Content-Length: 100000", method="POST"))
        wire.send(b'{"message": "' + b"x" * 50_000)
        wait(lambda: place.get("/api/v1/version").ok, "the server to have seen it")
        place.server.kill()
        try:
            with suppress(ConnectionError, EOFError):  # broken off is well, too
                wire.send(b"x" * 49_987)
                assert wire.until(END).startswith(b"HTTP/1.1 502 ")
        finally:
            place.restarted()
    assert place.get("/api/v1/version").ok


@clause("X26", "F2")
def test_a_follower_goes_on_where_it_was(place: Place) -> None:
    """The server is away for less than its five tries; after that all that was said meanwhile comes, once."""
    stage = place.stage
    job = stage.take(stage.start("followed", place.repo, ONE, "one.yml"), "build")
    stage.say(job, 3)
    path = f"/api/v1{log_path(place.repo, job.id)}?follow=true"
    with place.get(path, stream=True) as answer:
        pieces = answer.iter_content(None)
        got = next(pieces)
        time.sleep(EVERY)  # a finding that others caused, by asking for figures, holds no longer
        place.server.kill()
        ready = place.get("/-/shim/readyz")
        place.restarted()
        assert (ready.status_code, ready.json()["upstream"]["says"]) == (503, "unreachable")
        stage.say(job, 4, more=False)
        stage.finish(job, "success")
        got += b"".join(pieces)
    assert got == job.expected()


LINES, SECONDS = (int(text) for text in os.environ.get("FORGEJO_SHIM_FOLLOW", "500/4").split("/"))
AT_ONCE = 10  # lines that the runner sends at once


@clause("C31", "C36")
@pytest.mark.parametrize("how", ["client", "command"])
def test_who_follows_a_job_gets_each_line_once(place: Place, how: str, tmp_path: Path) -> None:
    """While the job writes, the server restarts once. As in real life: FORGEJO_SHIM_FOLLOW=5000/60."""
    stage, told = place.stage, tmp_path / "log"
    job = stage.take(stage.start(f"followed by the {how}", place.repo, ONE, "one.yml"), "build")
    with following(place, job, how, told):
        for at in range(0, LINES, AT_ONCE):
            if at == LINES // 2:
                place.server.kill()
                time.sleep(SECONDS / 20)
                place.restarted()
            stage.say(job, AT_ONCE)
            time.sleep(SECONDS * AT_ONCE / LINES)
        stage.say(job, 1, more=False)
        stage.finish(job, "success")
    assert told.read_bytes() == job.expected()
    assert told.read_bytes().count(b"\n") == LINES + 1


@contextmanager
def following(place: Place, job: Job, how: str, told: Path) -> Iterator[None]:
    """Somebody follows the job directly, without the proxy, into a file."""
    url = place.server.base_url
    if how == "client":
        with Client(url, place.token, web=place.web) as client, ThreadPoolExecutor(1) as beside:
            followed = client.follow(place.repo.full, job.id)
            done = beside.submit(lambda: told.write_bytes(b"".join(followed)))
            yield
            done.result(60)
            assert followed.status == "success"
        return
    with command(place, told, "logs", place.repo.full, "--run", str(job.run.number), "--follow") as process:
        yield
        assert process.wait(60) == 0


@contextmanager
def command(place: Place, told: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process at the server itself, which writes into a file."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(told.parent), "FORGEJO_URL": place.server.base_url,
        "FORGEJO_TOKEN": place.token, "FORGEJO_SHIM_WEB_USER": place.web.user,
        "FORGEJO_SHIM_WEB_PASSWORD": place.web.password,
    }  # fmt: skip
    with told.open("wb") as file, subprocess.Popen([*PROGRAM, *words], stdout=file, env=environment) as process:
        yield process


@clause("C39")
@pytest.mark.parametrize("result", ["success", "failure"])
def test_who_watches_a_run_sees_its_end(place: Place, result: str, tmp_path: Path) -> None:
    """The server restarts once meanwhile, and the run ends before it is asked again."""
    stage, told = place.stage, tmp_path / "told"
    run = stage.start(f"watched to its {result}", place.repo, ONE, "one.yml")
    job = stage.take(run, "build")
    with command(place, told, "watch", place.repo.full, str(run.number), "--interval", "0.2") as process:
        wait(lambda: told.read_bytes().endswith(b" build: running\n"), "the command to have seen the job")
        place.server.kill()
        time.sleep(1)
        place.restarted()
        stage.say(job, 3, more=False)
        stage.finish(job, result)
        assert process.wait(60) == (result != "success")
    said = [line.partition(" ")[2] for line in told.read_text().splitlines()]
    assert said == ["build: running", f"build: {result}", f"run {run.number}: {result}"]


@clause("X26", "X11")
def test_nothing_is_left_of_what_broke(place: Place) -> None:
    wait(lambda: place.figure('open_streams\\{kind="log"\\}') == 0, "the streams to have ended")
    assert place.figure('open_streams\\{kind="follow"\\}') == 0
    wait(lambda: place.proxied.descriptors() < 40, f"descriptors to be closed; {place.proxied.descriptors()} are open")
    assert "Traceback" not in place.proxied.log()
    assert place.token not in place.proxied.log()
    wait(lambda: place.get("/-/shim/readyz").ok, "readyz to say that all is well again")
