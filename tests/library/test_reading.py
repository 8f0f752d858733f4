"""Every way of reading an answer that the shim made gives what a plain session's gives, ends, and frees the connection.

Rules: each kind of answer is read once from the shim, and then served as it is by a plain server; a way of reading must
do the same with both, errors and what is left behind included. Endless reading is found by counting, not by a clock.
"""

from __future__ import annotations

import functools
import io
import pickle
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3
from double import messages, ranges, server
from double.faults import Fault
from forgejo_shim import mount
from forgejo_shim.flows import follow
from hand import plain_session
from small import Small

clause = pytest.mark.clause
API = "/api/v1/repos/o/r/actions"
LOG = b"".join(b"2026-01-02T03:04:05.%07dZ %x\n" % (n, pow(7, n + 999, 2**521 - 1)) for n in range(30))
MOST = 3 * len(LOG)  # calls that one way of reading may take
CUT = len(LOG) // 2

Way = Callable[[requests.Response], object]


@dataclass
class Plain:
    """A server that gives what it was told to, and a session that knows nothing of the shim."""

    told: dict[str, messages.Response] = field(default_factory=dict)
    fault: Fault | None = None

    def answer(self, request: messages.Request) -> tuple[messages.Response, Fault | None]:
        told = self.told[request.path]
        return messages.Response(told.status, list(told.headers), told.body), self.fault


@dataclass
class Read:
    """A session and the addresses of the kinds of answer; `headers` and `method` where a kind has its own."""

    session: requests.Session
    adapter: Any
    urls: dict[str, str]
    wanted: dict[str, dict[str, Any]]

    def get(self, kind: str, **more: Any) -> requests.Response:
        asked = {"method": "GET", "stream": True, "timeout": 20, **self.wanted.get(kind, {}), **more}
        return self.session.request(url=self.urls[kind], **asked)

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        pools = self.adapter.poolmanager.pools
        return sum(pools[key].num_connections for key in pools.keys())


@dataclass
class Pair:
    """The shim's answers and a plain server's of the same bytes."""

    small: Small
    shim: Read
    plain: Read
    served: Plain

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Bodies break off in their middle, here and there."""
        rule = self.small.double.faults.cut(r"/logs(\?|$)", CUT)
        self.served.fault = Fault("", cut_after=CUT)
        try:
            yield
        finally:
            self.small.double.faults.rules.remove(rule)
            self.served.fault = None


WANTED = {
    "range": {"headers": {"Range": "bytes=100-4000"}},
    "several ranges": {"headers": {"Range": "bytes=0-1999,2001-4500"}},
    "no range": {"headers": {"Range": "bytes=99999999-"}},
    "head": {"method": "HEAD"},
    "write": {"method": "POST"},
}


def paths(run_id: int, job_id: int) -> dict[str, str]:
    """The kinds of answer."""
    log = f"{API}/jobs/{job_id}/logs"
    return {
        "404": f"{API}/jobs/999/logs",
        "jobs": f"{API}/runs/{run_id}/jobs",
        "job": f"{API}/jobs/{job_id}",
        "latest": f"{API}/runs/latest",
        "tail": f"{log}?tail=25",
        "step": f"{log}?step=0",
        "follow": f"{log}?follow=true",
        "zip": f"{API}/runs/{run_id}/logs",
        "latest zip": f"{API}/runs/latest/logs",
        "log": log,
        "attempt": f"{log}?attempt=1",
        **dict.fromkeys(("range", "several ranges", "no range", "head"), log),
        "write": f"{API}/jobs/{job_id}/rerun",
    }


KINDS = ("404", "jobs", "job", "latest", "tail", "step", "follow", "zip", "log", "range")
MORE = ("latest zip", "attempt", "several ranges", "no range", "head", "write")
FACES = ("11", "15", "16")


@pytest.fixture(scope="module")
def pairs() -> Iterator[dict[str, Pair]]:
    """By face."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "INTERVAL", 0.0)
        patch.setattr(zipfile, "time", SimpleNamespace(time=lambda: 0, localtime=lambda at: (2026, 1, 2, 3, 4, 5)))
        patch.setattr(ranges.secrets, "token_hex", lambda size: "ab" * size)  # the boundary of parts
        served = Plain()
        listening = server.Server(0, served.answer)
        Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        places = {face: Small(face) for face in FACES}
        made = {face: pair(face, small.__enter__(), served, listening.server_port) for face, small in places.items()}
        yield made
        for small in places.values():
            small.__exit__(None, None, None)
        listening.shutdown()
        listening.server_close()


def pair(face: str, small: Small, served: Plain, port: int) -> Pair:
    """What the shim answers, served by a plain server too."""
    run = small.add({"build": LOG})
    session = plain_session()
    session.headers["Authorization"] = f"token {small.token}"
    adapter = mount(session, small.url, web=small.web, writes=True)
    found = paths(run.id, run.jobs[0].id)
    shim = Read(session, adapter, {kind: small.url + path for kind, path in found.items()}, WANTED)
    by = plain_session()
    urls = {}
    for kind in found:
        answer, path = shim.get(kind), f"/{face}/{kind.replace(' ', '-')}"
        body, hop = answer.content, ("Date", "Transfer-Encoding")
        headers = [(name, value) for name, value in answer.headers.items() if name not in hop]
        framed = "Content-Length" in answer.headers
        assert framed or not body or (answer.raw.chunked and len(body) > server.CHUNK_ABOVE), "the plain one is so"
        served.told[path] = messages.Response(answer.status_code, headers, body)
        urls[kind] = f"http://127.0.0.1:{port}{path}"
    return Pair(small, shim, Read(by, by.get_adapter(urls["404"]), urls, WANTED), served)


# --- ways of reading


def until_empty(read: Callable[[], bytes]) -> bytes:
    return b"".join(iter(read, b""))


def by_readinto(raw: Any) -> bytes:
    buffer, got = bytearray(1000), b""
    while size := raw.readinto(buffer):
        got += buffer[:size]
    return got


def as_text(answer: requests.Response) -> list[str]:
    answer.raw.auto_close = False  # as urllib3's documentation has it for io.TextIOWrapper
    return list(io.TextIOWrapper(answer.raw, "latin-1"))


def line_and_rest(text: io.TextIOWrapper) -> list[str]:
    return [text.readline(), text.read()]


def copied(answer: requests.Response) -> bytes:
    target = io.BytesIO()
    shutil.copyfileobj(answer.raw, target)
    return target.getvalue()


def closed_early(answer: requests.Response) -> list[bytes]:
    with answer:
        first = answer.raw.read(10)
    return [first, answer.raw.read(), answer.raw.read(10)]


WAYS: dict[str, Way] = {
    "content": lambda answer: answer.content,
    "content twice": lambda answer: [answer.content, answer.content, answer.raw.read(), answer.raw.read(9)],
    "text": lambda answer: [answer.encoding, answer.apparent_encoding, answer.text],
    "json": lambda answer: answer.json(),
    "iter_content(None)": lambda answer: b"".join(answer.iter_content(None)),
    "iter_content(1)": lambda answer: b"".join(answer.iter_content(1)),
    "iter_content(65536)": lambda answer: b"".join(answer.iter_content(65536)),
    "iter_content(-1)": lambda answer: b"".join(answer.iter_content(-1)),
    "iter_content(0)": lambda answer: list(answer.iter_content(0)),
    "iter_content twice": lambda answer: [b"".join(answer.iter_content(9)), b"".join(answer.iter_content(9))],
    "iter_content after content": lambda answer: [len(answer.content), list(answer.iter_content(100))],
    "iter_content of text": lambda answer: "".join(answer.iter_content(100, decode_unicode=True)),  # type: ignore
    "content after a piece": lambda answer: [len(next(answer.iter_content(5), b"")), answer.content],
    "iter_lines": lambda answer: list(answer.iter_lines()),
    "iter_lines(1)": lambda answer: list(answer.iter_lines(1)),
    "raw.read()": lambda answer: [answer.raw.read(), answer.raw.read(), answer.raw.read(5)],
    "raw.read(7)": lambda answer: until_empty(lambda: answer.raw.read(7)),
    "raw.read(all)": lambda answer: [answer.raw.read(10**6), answer.raw.read(10**6)],
    "raw.read(-1)": lambda answer: answer.raw.read(-1),
    "raw.read(0)": lambda answer: [answer.raw.read(0), answer.raw.read()],
    "raw.read(3), read()": lambda answer: [answer.raw.read(3), answer.raw.tell(), answer.raw.read()],
    "raw.read, decoded": lambda answer: until_empty(lambda: answer.raw.read(7, decode_content=True)),
    "raw.read, as sent": lambda answer: answer.raw.read(decode_content=False),
    "raw.read1(50)": lambda answer: until_empty(lambda: answer.raw.read1(50)),
    "raw.read1()": lambda answer: until_empty(lambda: answer.raw.read1()),
    "raw.read1(0)": lambda answer: [answer.raw.read1(0), answer.raw.read()],
    "raw.readinto": lambda answer: by_readinto(answer.raw),
    "raw.readline": lambda answer: [answer.raw.readline(), answer.raw.readline(5)],
    "raw.readlines": lambda answer: answer.raw.readlines(),
    "raw.stream(None)": lambda answer: b"".join(answer.raw.stream(None)),
    "raw.stream(100)": lambda answer: b"".join(answer.raw.stream(100)),
    "raw.stream(0)": lambda answer: list(answer.raw.stream(0)),
    "raw.stream, decoded": lambda answer: b"".join(answer.raw.stream(99, decode_content=True)),
    "for line in raw": lambda answer: b"".join(answer.raw),
    "next(raw)": lambda answer: next(answer.raw),
    "raw.data": lambda answer: [answer.raw.data, answer.raw.data],
    "raw.json": lambda answer: answer.raw.json(),
    "TextIOWrapper": as_text,
    "TextIOWrapper, closing itself": lambda answer: list(io.TextIOWrapper(answer.raw, "latin-1")),
    "TextIOWrapper.readline": lambda answer: line_and_rest(io.TextIOWrapper(answer.raw, "latin-1")),
    "BufferedReader": lambda answer: io.BufferedReader(answer.raw).read(),
    "copyfileobj": copied,
    "closing early": closed_early,
    "closing at once": lambda answer: [answer.close(), answer.raw.closed, answer.raw.read()],
    "content after closing": lambda answer: [answer.close(), answer.content],
    "with raw": lambda answer: [answer.raw.__enter__().read(5), answer.raw.__exit__(None, None, None)],
    "drain_conn": lambda answer: [answer.raw.drain_conn(), answer.raw.read()],
    "release_conn at the end": lambda answer: [answer.raw.read(), answer.raw.release_conn()],
    "raw.flush": lambda answer: [answer.raw.flush(), answer.raw.readable(), answer.raw.seekable(), answer.content],
    "pickle": lambda answer: pickle.loads(pickle.dumps(answer)).content,
    "next": lambda answer: [answer.next, answer.links, answer.is_redirect, answer.ok, answer.content],
    "about": lambda answer: [
        answer.raw.status, answer.raw.reason, answer.raw.version, answer.raw.version_string, answer.reason,
        answer.raw.getheader("Content-Type"), answer.raw.getheaders() == answer.raw.headers, len(answer.history),
        answer.raw.info().get("Content-Length"), answer.raw.chunked, answer.raw.decode_content, answer.elapsed.days,
        answer.request.method, dict(answer.cookies), answer.raw.get_redirect_location(), answer.raw.length_remaining,
        answer.content,
    ],
}  # fmt: skip


def counted(read: Callable[..., bytes]) -> Callable[..., bytes]:
    """`read`, for as often as a way of reading may call it."""
    left = iter(range(MOST))

    @functools.wraps(read)
    def call(*args: Any, **more: Any) -> bytes:
        assert next(left, None) is not None, "it never ends"
        return read(*args, **more)

    return call


def outcome(answer: requests.Response, way: Way) -> list[object]:
    """What a way of reading gives, or the error that it raises, and how it leaves the answer."""
    raw = answer.raw
    raw.read, raw.read1 = counted(raw.read), counted(raw.read1)
    try:
        got = way(answer)
    except AssertionError:
        raise
    except Exception as error:
        got = type(error)
    left = [raw.closed, raw.isclosed()] + ([] if raw.closed else [raw.tell()])
    raw.close()  # `requests` lets go of a connection that `iter_content(0)` left unread
    answer.close()
    return [got, *left, raw.tell() if not isinstance(got, type) else None]


CASES = [(face, kind) for face in FACES for kind in KINDS] + [("15", kind) for kind in MORE]


@clause("S38")
@pytest.mark.parametrize("face, kind", CASES)
def test_every_way_of_reading_is_a_plain_sessions(pairs: dict[str, Pair], face: str, kind: str) -> None:
    pair = pairs[face]
    assert pair.shim.connections
    for name, way in WAYS.items():
        expected = outcome(pair.plain.get(kind), way)
        before = pair.shim.connections
        assert outcome(pair.shim.get(kind), way) == expected, name
        assert pair.shim.connections == before, f"{name}: the connection went back to the pool"


WHOLE = {name: way for name, way in WAYS.items() if name not in (
    "iter_content(0)", "raw.readline", "raw.stream(0)", "next(raw)", "closing early", "closing at once", "with raw",
    "drain_conn", "content after closing", "content after a piece", "TextIOWrapper, closing itself",
)}  # fmt: skip
"""The ways that read all of it."""


@clause("S38", "E7")
@pytest.mark.parametrize("kind", ["log", "range", "attempt", "several ranges"])
def test_a_body_that_breaks_off_raises_as_a_plain_sessions_does(pairs: dict[str, Pair], kind: str) -> None:
    pair = pairs["15"]
    with pair.broken():
        for name, way in WHOLE.items():
            expected = outcome(pair.plain.get(kind), way)
            if name == "raw.read1()":  # urllib3 takes a short body for whole here; a log never is
                expected = [urllib3.exceptions.ProtocolError]
            assert isinstance(expected[0], type) and issubclass(expected[0], Exception), name
            assert outcome(pair.shim.get(kind), way)[0] is expected[0], name


@clause("S38")
@pytest.mark.parametrize("kind", ["step", "follow"])
@pytest.mark.parametrize("face", ["15", "16"])
def test_a_body_that_cannot_be_made_to_its_end_raises(pairs: dict[str, Pair], face: str, kind: str) -> None:
    pair = pairs[face]
    with pair.broken():
        pair.served.fault = None
        with pytest.raises(requests.exceptions.ChunkedEncodingError):  # as reading a plain answer that is cut
            pair.shim.get("tail")
        for name, way in WHOLE.items():
            answer = pair.shim.get(kind)
            assert answer.status_code in (200, 502)
            if answer.status_code == 502:  # found out before the first byte
                continue
            got = outcome(answer, way)[0]
            assert isinstance(got, type) or (kind == "follow" and got == outcome(pair.plain.get(kind), way)[0]), name


@clause("S38")
@pytest.mark.parametrize("kind", ["log", "range"])
def test_a_body_that_does_not_come_in_time_raises_as_a_plain_sessions_does(pairs: dict[str, Pair], kind: str) -> None:
    given_up = threading.Event()
    pair, slow = pairs["15"], Fault("/logs", piece=CUT, pause=lambda: given_up.wait(30))
    pair.served.fault = slow
    pair.small.double.faults.rules.append(slow)
    try:
        for read in (pair.plain, pair.shim):
            with pytest.raises(requests.ConnectionError) as caught:
                _ = read.get(kind, timeout=1).content
            assert isinstance(caught.value.args[0], urllib3.exceptions.ReadTimeoutError)
    finally:
        given_up.set()
        pair.served.fault = None
        pair.small.double.faults.clear()
