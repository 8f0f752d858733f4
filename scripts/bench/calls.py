"""What a small API call costs through the proxy: its time, and requests per second beside a bare one (bare_proxy.py).

Rules
-----
* The ways take turns on connections that are open already. Each answer's status and body are compared.
* What asks is a few lines on a socket; what is behind is Forgejo, or, since the double is slower than any proxy, a
  server of one answer (one_answer.py). The figure "direct" says how far both are from being what is measured.
* The proxy is measured as it comes, with its access log.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from hand import plain_session, wait
from measuring import Figure, get, in_turns, say
from proxied import Proxied
from servers import free_port

CALL = "/api/v1/version"
CONNECTIONS, MANY, PAIRS = 16, 1500, 9  # connections at once, calls of a turn, turns
SINGLE, TURNS = 50, 20  # calls of a turn one after another, turns
PATIENCE = 60.0  # seconds for a turn
END = b"\r\n\r\n"


def figures(server: str, upstream: str) -> Iterator[Figure]:
    """The figures in front of a server, which is named so in the table."""
    with Proxied(upstream) as proxy, child("bare_proxy.py", upstream) as bare:
        body = get(plain_session(), upstream + CALL).content
        direct, through, beside = (partial(turn, url, body) for url in (upstream, proxy.base_url, bare))
        say(f"{server}: small calls one after another")
        found: dict[partial[list[float]], list[float]] = {direct: [], through: []}
        for number in range(TURNS):
            for way in (direct, through) if number % 2 else (through, direct):
                found[way] += way(SINGLE, 1)
        more = statistics.median(found[through]) - statistics.median(found[direct])
        yield Figure("small call, median: proxy's time above direct", server, round(more * 1000, 2), " ms", at_most=1.5)
        for name, way, least in (("proxy", through, 1.0), ("direct", direct, None)):
            say(f"{server}: small calls on {CONNECTIONS} connections, {name}")
            ratio = in_turns(partial(taken, beside), partial(taken, way), PAIRS)
            what = f"small calls per second, {CONNECTIONS} connections: {name} ÷ bare proxy"
            yield Figure(what, server, round(ratio, 2), at_least=least)


def of_workers(server: str, upstream: str) -> Iterator[Figure]:
    """What a second worker gives: in time, where who asks and the server take of the same cores, and in time of a core,
    where they do not count."""
    with Proxied(upstream) as one, Proxied(upstream, None, "--workers", "2") as two:
        body = get(plain_session(), upstream + CALL).content
        ways = [partial(turn, proxy.base_url, body) for proxy in (one, two)]
        say(f"{server}: small calls on {CONNECTIONS} connections, two workers")
        ratio = in_turns(*(partial(taken, way) for way in ways), PAIRS)
        what = f"small calls per second, {CONNECTIONS} connections: two workers ÷ one"
        yield Figure(what, server, round(ratio, 2))
        each = [partial(core_seconds, proxy, way) for proxy, way in zip((one, two), ways, strict=True)]
        twice = 2 * in_turns(*each, PAIRS)
        what = f"small calls per second of a core, {CONNECTIONS} connections: two workers on two ÷ one on one"
        yield Figure(what, server, round(twice, 2), at_least=1.7)


def core_seconds(proxy: Proxied, way: partial[list[float]]) -> float:
    """Seconds of a core that a turn takes of the proxy's processes."""
    pids = [proxy.pid, *map(int, Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text().split())]
    before = sum(map(cpu_time, pids))
    way(MANY, CONNECTIONS)
    return sum(map(cpu_time, pids)) - before


def cpu_time(pid: int) -> float:
    """Seconds of a core that a process has taken, from proc(5)."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def taken(way: partial[list[float]]) -> float:
    """Seconds of a turn with all connections."""
    start = perf_counter()
    way(MANY, CONNECTIONS)
    return perf_counter() - start


def turn(url: str, body: bytes, count: int, connections: int) -> list[float]:
    """Seconds of each of `count` calls on so many connections at once, or the end of the bench."""
    try:
        return asyncio.run(_turn(url, body, count, connections))
    except (OSError, TimeoutError) as error:
        raise SystemExit(f"{url}{CALL}: {error or 'no whole answer'}") from None


async def _turn(url: str, body: bytes, count: int, connections: int) -> list[float]:
    place = urlsplit(url)
    request = f"GET {CALL} HTTP/1.1\r\nHost: {place.netloc}\r\nAccept: application/json\r\n\r\n".encode()
    todo, times, loop = repeat(None, count), [], asyncio.get_running_loop()
    callers = [Caller(request, body, todo, times) for _ in range(connections)]
    async with asyncio.timeout(PATIENCE):
        for caller in callers:
            await loop.create_connection(partial(_same, caller), place.hostname, place.port)
        for caller in callers:
            caller.ask()
        await asyncio.gather(*(caller.ended for caller in callers))
    return times


def _same(caller: Caller) -> Caller:
    return caller


class Caller(asyncio.Protocol):
    """A connection that asks again as soon as it has its answer, while there is something to do."""

    def __init__(self, request: bytes, body: bytes, todo: Iterator[None], times: list[float]) -> None:
        self.request = request
        self.body = body
        self.todo = todo
        self.times = times
        self.ended = asyncio.get_running_loop().create_future()
        self.got = b""
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def ask(self) -> None:
        """Send the next request; after the last one close."""
        for _ in self.todo:
            self.got, self.since = b"", perf_counter()
            return self.transport.write(self.request)
        self.ended.set_result(None)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Time an answer that is whole and right, and ask again; anything else is an error."""
        self.got += data
        head, _, body = self.got.partition(END)
        if len(body) < len(self.body):
            return
        self.times.append(perf_counter() - self.since)
        if head.startswith(b"HTTP/1.1 200 ") and body == self.body:
            return self.ask()
        self.ended.set_exception(OSError(f"{head[:60]!r}, {body[:60]!r} is no right answer"))

    def connection_lost(self, error: Exception | None) -> None:
        """An error, if answers were still to come."""
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionResetError("the connection was closed"))


# --- processes


@contextmanager
def child(script: str, *words: str) -> Iterator[str]:
    """The address of a script of this folder that listens at the port which is its last word."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name(script)), *words, str(port)])
    try:
        wait(partial(listens, port), f"{script} to listen", 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False
