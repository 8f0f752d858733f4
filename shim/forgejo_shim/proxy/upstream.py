"""The server behind the proxy: requests to it.

Rules: paths and queries are sent as they came, byte for byte; nothing is decoded, followed, retried or kept in a jar. A
connection that fails is a ShimError that says so, and one that breaks off later is BrokenBody. (A GET or HEAD whose
connection ends without an answer is sent once more by aiohttp; nothing else is.) At most `limit` requests
are under way at once; who waits longer than `PATIENCE` seconds for a place gets a 503. Each request carries this
proxy's name, so that one that comes back here is known.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterable
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ..errors import NotNow, Unreachable, loop
from ..models import Headers
from ..transport import CHUNK, BrokenBody
from .aiohttp_inside import Request, limit_silence
from .changes import Changes, reason
from .options import Options

SENT_AGAIN = ("PUT", "DELETE")  # by aiohttp, which takes them for safe to repeat (RFC 9110, 9.2.2); they may not be
AUTO = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")  # what aiohttp would add by itself
CONNECT = 10.0  # seconds
PATIENCE = 10.0  # seconds for which a request waits for a place
TURNS = 4  # looks within the time for which a head is waited for
CLOSING = 3.0  # seconds for the other side of a WebSocket to say goodbye
PIECE = 256 * 1024  # bytes of a long body handed on at once: what asyncio reads at once
LINE = 32 * 1024  # bytes of a line in a head; Forgejo's cookies and redirects fit many times
NAME = "X-Forgejo-Shim-Name"  # of a request: the proxies it came through; of a 508: the one it came back to
CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
THE_SERVER = "the server behind"  # what callers are told of it: its address is not theirs to know


class UpstreamAnswer:
    """An open answer in the form that flows read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.status = response.status

    @cached_property
    def headers(self) -> Headers:
        """As in `Answer`."""
        return Headers(answer_headers(self.response))

    async def read(self, size: int) -> bytes:
        """As in `Answer`."""
        try:
            return await self.response.content.read(size)
        except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError
            raise BrokenBody(reason(error)) from error

    async def close(self) -> None:
        """As in `Answer`."""
        if self.response.content.at_eof():
            self.response.release()
        else:
            self.response.close()


class Upstream:
    """Requests to the server that `options` name. Used within the running loop; `close` at the end."""

    def __init__(self, options: Options) -> None:
        self.base_url = options.upstream
        self.name = options.name or os.urandom(12).hex()
        self.changes = Changes(f"{self.base_url} answers again", options.say)
        self.idle = options.idle
        parts = urlsplit(self.base_url)
        self._scheme, self._authority, self._prefix = parts.scheme, parts.netloc, parts.path
        self._places = asyncio.Semaphore(options.limit)
        self._heads = HeadTimeouts(self.idle)
        self._timed = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=self.idle)
        self._untimed = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)
        self.sent = 0
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ssl=options.network.tls()),
            proxy=options.network.proxy,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=Request,
            timeout=self._timed,
            read_bufsize=CHUNK,
            max_line_size=LINE,
            max_field_size=LINE,
        )

    def url(self, target: str) -> URL:
        """The address of a path with its query, which stays as it is: yarl would drop an empty `?` and a `#`."""
        return URL.build(scheme=self._scheme, authority=self._authority, path=self._prefix + target, encoded=True)

    async def open(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: Any = None
    ) -> UpstreamAnswer:
        """Send a request; its answer with the body still open. Raises Unreachable or NotNow."""
        await self.take_slot()
        try:
            self.sent += 1
            asking = self._session.request(
                method,
                self.url(target),
                headers=unify_spelling([*headers, (NAME, self.name)]),
                skip_auto_headers=None if body is None and method in ("GET", "HEAD") else AUTO,
                data=body,
                allow_redirects=False,
                timeout=self._untimed if body is None else self._timed,
                middlewares=(self._never_again,) if method in SENT_AGAIN else None,
            )
            if body is not None:  # it may take its time, and only then is the head waited for
                answer = await asking
            else:
                answer = await self._heads.limited(asking)
                limit_silence(answer, self.idle)
            return UpstreamAnswer(self._looked_at(answer))
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost(error) from None
        finally:
            self._places.release()

    def _looked_at(self, answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
        """The answer, if it is the server's. Raises Loop, or Unreachable for the word of a proxy on the way."""
        if answer.status == 508 and self.name in answer.headers.getall(NAME, ()):
            answer.close()
            self.changes.fails(
                "loop", f"{self.base_url} is this proxy itself; give --upstream the address of a Forgejo"
            )
            raise loop()
        if answer.status == 407:  # a server has no such answer, and the credentials for it are not the caller's
            answer.close()
            raise self._said("the proxy on the way wants other credentials")
        if self.changes.trouble:
            self.changes.works()
        return answer

    async def _never_again(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request. Raises Unreachable, after which aiohttp does not send it again."""
        try:
            return await send(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise self._lost(error) from None

    def _lost(self, error: BaseException) -> Unreachable:
        lost = self._said(reason(error))
        lost.was_sent = not isinstance(error, aiohttp.ClientConnectorError)
        return lost

    def _said(self, why: str) -> Unreachable:
        self.changes.fails(why, f"{self.base_url} cannot be reached: {why}")
        return Unreachable(f"{THE_SERVER} cannot be reached: {why}; try again later")

    async def take_slot(self) -> None:
        """Wait for one of the places for requests under way. Raises NotNow."""
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            raise NotNow("too many requests are under way; try again later", cause="upstream-busy") from None

    async def websocket(
        self, target: str, headers: Iterable[tuple[str, str]], protocols: Iterable[str]
    ) -> aiohttp.ClientWebSocketResponse | None:
        """A WebSocket to the server; None if it wants none here. Raises Unreachable."""
        try:
            return await self._session.ws_connect(
                self.url(target),
                headers=unify_spelling([*headers, (NAME, self.name)]),
                protocols=protocols,
                autoping=False,
                autoclose=False,
                max_msg_size=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSING),
            )
        except aiohttp.WSServerHandshakeError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost(error) from None

    async def close(self) -> None:
        """Close the connections."""
        self._heads.close()
        await self._session.close()


class HeadTimeouts:
    """Gives up answers whose head does not come within `idle` seconds, or some more: one timer looks after them all,
    since one for each would be a twentieth of what a small request costs."""

    def __init__(self, idle: float) -> None:
        self._turn = 0
        self._since: dict[asyncio.Task[Any] | None, int] = {}  # the turn in which a task began to wait; -1: given up
        self._every = idle / TURNS
        self._timer = asyncio.get_running_loop().call_later(self._every, self._look)

    async def limited(self, asking: Awaitable[aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
        """The answer that is waited for. Raises TimeoutError."""
        task = asyncio.current_task()
        self._since[task] = self._turn
        try:
            return await asking
        except asyncio.CancelledError:
            if task and self._since[task] < 0 and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            del self._since[task]

    def _look(self) -> None:
        self._turn += 1
        for task, turn in self._since.items():
            if task and 0 <= turn < self._turn - TURNS:
                self._since[task] = -1
                task.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._every, self._look)

    def close(self) -> None:
        """Stop the clock."""
        self._timer.cancel()


def unify_spelling(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers of one name in its first spelling: of two spellings, aiohttp would send the later one only."""
    spelling: dict[str, str] = {}
    return [(spelling.setdefault(name.lower(), name), value) for name, value in headers]


def answer_headers(answer: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """An answer's headers as they came, in order, several of a name too; but for control characters, which Forgejo
    sends in the file name of an artifact that has them in its name, and aiohttp does not."""
    return [
        (name.decode("latin-1"), value.translate(None, CONTROLS).decode("utf-8", "surrogateescape"))
        for name, value in answer.raw_headers
    ]
