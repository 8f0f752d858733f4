"""What breaks on either side of the proxy, and what it makes from the web meanwhile.

Rules: as in test_proxy.py: bytes on raw sockets, and a log without a traceback.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hand import wait
from proxied import END, UPGRADE, Behind, Proxied, Wire, header, request
from running import Running
from servers import free_port
from small import DOWNLOAD, LOG, Small

clause = pytest.mark.clause


# --- what breaks


@clause("X8")
@pytest.mark.parametrize(
    ("start", "end"),
    [(b"Content-Length: 10\r\n\r\nabc", b""), (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r\n\r\n")],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("size", [0, 300_000])
def test_an_answer_that_breaks_off_is_seen_broken(
    behind: Behind, front: Wire, start: bytes, end: bytes, size: int
) -> None:
    more = b"x" * size
    if size:
        start = start.replace(b"10", b"%d" % (size + 10)) + (b"%x\r\n%b\r\n" % (size, more) if end else more)

    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n" + start)
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = say
    front.send(request())
    got = front.all()
    assert got.startswith(b"HTTP/1.1 200 OK") and not got.endswith(b"0\r\n\r\n")
    assert len(got) < len(start) + 200 and b"502" not in got


@clause("X9")
def test_a_client_that_vanishes_is_noticed_while_data_flow(behind: Behind, proxied: Proxied) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while True:
                wire.send(b"10000\r\n" + bytes(65536) + b"\r\n")
        behind.ended.set()

    behind.answer = say
    with proxied.dialled() as connection:
        connection.sendall(request())
        Wire(connection).take(100_000)
    assert behind.ended.wait(5), "the server behind still sends"


@clause("X9")
def test_a_client_that_vanishes_is_noticed_while_nothing_comes(behind: Behind, proxied: Proxied) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        assert wire.all() == b""
        behind.ended.set()

    behind.answer = say
    with proxied.dialled() as connection:
        connection.sendall(request())
        Wire(connection).until(b"a\r\n")
    assert behind.ended.wait(5), "the connection to the server behind is still open"


@clause("X9")
def test_a_client_that_gives_up_before_the_answer(behind: Behind, proxied: Proxied) -> None:
    asked = threading.Event()

    def say(wire: Wire, head: bytes) -> None:
        asked.set()
        assert wire.all() == b""
        behind.ended.set()

    behind.answer = say
    with proxied.dialled() as connection:
        connection.sendall(request())
        assert asked.wait(5)
    assert behind.ended.wait(5), "the request to the server behind is still waited for"


@clause("X9")
def test_a_slow_client_slows_the_server_behind(behind: Behind, proxied: Proxied) -> None:
    sent = [0]
    size = 64 * 1024 * 1024
    stopped = threading.Event()

    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        wire.connection.settimeout(1)
        while sent[0] < size:
            try:
                sent[0] += wire.connection.send(bytes(min(65536, size - sent[0])))
            except TimeoutError:  # nothing more is taken
                stopped.set()
        stopped.set()

    behind.answer = say
    with proxied.dialled() as connection:
        connection.sendall(request())
        front = Wire(connection)
        front.until(END)
        assert stopped.wait(30)
        assert sent[0] < size // 2, "nobody reads, and the server behind goes on sending"
        left = size - len(front.rest)
        while left:
            left -= len(connection.recv(min(left, 1 << 20)))
    wait(lambda: sent[0] == size, "the server behind to be done")


@clause("X9")
def test_a_client_that_reads_nothing_is_let_go(behind: Behind) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with suppress(OSError):
            for _ in range(1500):
                wire.send(bytes(65536))
        behind.ended.set()

    behind.answer = say
    with Proxied(behind.url, None, "--idle-timeout", "1") as proxied, proxied.dialled() as connection:
        connection.sendall(request())
        assert behind.ended.wait(15)
        assert "Traceback" not in proxied.log()


@clause("X38")
@pytest.mark.parametrize("lines", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_an_upload_that_does_not_go_on_is_let_go(behind: Behind, lines: bytes) -> None:
    rest: list[bytes] = []

    def say(wire: Wire, head: bytes) -> None:
        rest.append(wire.all())
        behind.ended.set()

    behind.answer = say
    with Running(behind.url, idle=0.3) as proxy, proxy.dialled() as connection:
        connection.sendall(request(b"/x", lines, method=b"PUT", body=b"3\r\nabc\r\n"))
        front = Wire(connection)
        head = front.until(END)
        assert head.startswith(b"HTTP/1.1 408 ") and json.loads(front.body(head))["message"]
        assert behind.ended.wait(5) and rest == [b"3\r\nabc\r\n"], "never taken for a whole one"


@clause("X10")
@pytest.mark.parametrize("target", [b"/", b"/api/v1/repos/o/r/actions/jobs/1/logs"])
def test_a_server_that_says_nothing(behind: Behind, target: bytes) -> None:
    behind.answer = lambda wire, head: wire.all() and behind.ended.set()
    with Running(behind.url, idle=0.3) as proxy, proxy.dialled() as connection:
        connection.sendall(request(target))
        front = Wire(connection)
        head = front.until(END)
        assert head.startswith(b"HTTP/1.1 502 ") and b"in time" in front.body(head)


@clause("X10")
def test_a_server_that_stops_in_the_middle(behind: Behind) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        wire.all()
        behind.ended.set()

    behind.answer = say
    with Running(behind.url, idle=0.3) as proxy, proxy.dialled() as connection:
        connection.sendall(request())
        assert Wire(connection).all().endswith(END + b"abc"), "closed before its length is reached"
        assert behind.ended.wait(5)


@clause("X10")
def test_a_server_that_is_not_there() -> None:
    with Proxied(f"http://127.0.0.1:{free_port()}") as proxied:
        for target in (b"/", b"/api/v1/repos/o/r/actions/jobs/1/logs", b"/swagger.v1.json"):
            with proxied.dialled() as connection:
                front = Wire(connection)
                front.send(request(target))
                head = front.until(END)
                assert head.startswith(b"HTTP/1.1 502 "), head
                told = json.loads(front.body(head))
                assert told["cause"] == "unreachable" and told["message"]
        with proxied.dialled() as connection:
            connection.sendall(request(b"/ws", *UPGRADE))
            assert Wire(connection).until(END).startswith(b"HTTP/1.1 502 ")
        assert "Traceback" not in proxied.log()


@clause("X10")
@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + END])
def test_a_server_that_talks_nonsense(behind: Behind, front: Wire, answer: bytes) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(answer)
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = say
    front.send(request(method=b"POST", body=b""))
    head = front.until(END)
    assert head.startswith(b"HTTP/1.1 502 ") and json.loads(front.body(head))["cause"] == "unreachable"


# --- answers made from the web


@pytest.fixture
def web() -> Iterator[tuple[Small, bytes]]:
    """A small double without the operations, and a request for the log of a job in it."""
    with Small("15") as small:
        job = next(iter(small.add().jobs))
        line = b"Authorization: token " + small.token.encode()
        yield small, request(b"/api/v1/repos/o/r/actions/jobs/%d/logs" % job.id, line, b"Connection: close")


def read(proxied: Proxied, sent: bytes, then: Callable[[], object] = lambda: None) -> tuple[bytes, bytes]:
    """Head and body of the answer to a request on a connection of its own; what is done when it was sent."""
    with proxied.dialled() as connection:
        connection.sendall(sent)
        then()
        head, _, body = Wire(connection).all().partition(END)
        return head, body


@clause("X8")
def test_a_log_made_from_the_web_that_breaks_off(web: tuple[Small, bytes]) -> None:
    small, sent = web
    with Proxied(small.url, small.web) as proxied:
        small.cut(100_000)
        head, body = read(proxied, sent)
        assert header(head, b"Content-Length") == [b"%d" % len(LOG)] and body == LOG[: len(body)] != LOG
        small.double.faults.clear()
        assert read(proxied, sent)[1] == LOG
        small.double.drop_sessions()
        assert read(proxied, sent)[1] == LOG


@clause("X15")
def test_a_stream_that_outlives_its_right_is_closed(web: tuple[Small, bytes]) -> None:
    small, sent = web
    with Proxied(small.url, small.web, "--keep", "1") as proxied, proxied.dialled() as connection:
        small.double.faults.slow(DOWNLOAD, 1000, 0.1)  # a minute for all of it
        connection.sendall(sent)
        front = Wire(connection)
        front.take(5000)
        small.model.tokens.clear()
        assert len(front.all()) < len(LOG) - 5000


@clause("S20", "S5")
def test_many_at_once_sign_in_once(web: tuple[Small, bytes]) -> None:
    small, sent = web
    all_asked = threading.Event()
    everybody = threading.Barrier(20, all_asked.set)
    small.double.faults.add("/user/login", before=lambda: all_asked.wait(30))
    with Proxied(small.url, small.web) as proxied, ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda _: read(proxied, sent, everybody.wait), range(20)))
    assert [body for _, body in answers] == [LOG] * 20
    assert len([seen for seen in small.double.requests if seen.path == "/user/login"]) == 1
