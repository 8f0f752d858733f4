"""What the proxy needs of aiohttp and what aiohttp promises to nobody: here, and in no other file.

`NAMES` lists it with what it is for; a test looks for each, so that a new aiohttp says by name what it took away.
pyproject.toml keeps aiohttp below the next version that may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.hdrs import CONTENT_TYPE, SERVER
from aiohttp.http_exceptions import LineTooLong as LineTooLong

from ..models import Pairs

NAMES: tuple[tuple[type, str, str], ...] = (
    (web.StreamResponse, "_send_headers_immediately", "head and first bytes of an answer in one write"),
    (web.StreamResponse, "_prepare_headers", "no Content-Type and Server that the server behind did not send"),
    (aiohttp.ClientRequest, "update_auto_headers", "no header of aiohttp's own, and no look for one"),
    (ResponseHandler, "read_timeout", "a limit for a silent body, set when its head is there"),
    (ResponseHandler, "start_timeout", "that limit at work"),
    (web.RequestHandler, "_current_request", "which connections are idle when the proxy ends"),
    (web.RequestHandler, "_messages", "which connections are idle when the proxy ends"),
    (web.Server, "_kwargs", "connections of a class of our own"),
)


BODILESS = (204, 304)  # to a client, what comes behind the head of these is another answer (RFC 9112, 6.3)


class CallerResponse(web.StreamResponse):
    """An answer whose head is what it was behind: aiohttp's own defaults are taken out again. One that has no body, as
    to HEAD, is given none.

    `waits` sends the head together with the first bytes of the body: for answers whose body is there already. `cause`
    is that of an error of the shim's, for the access log.
    """

    cause = ""

    def __init__(self, status: int, reason: str | None, headers: Pairs, *, waits: bool = False) -> None:
        super().__init__(status=status, reason=reason)
        self._send_headers_immediately = not waits
        self.headers.extend(headers)
        self._lacks = [name for name in (CONTENT_TYPE, SERVER) if name not in self.headers]

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Begin to send it."""
        self._is_bodiless = self.status in BODILESS or request.method == "HEAD"
        return await super().prepare(request)

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        for name in self._lacks:
            self.headers.popall(name, None)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a part of the body."""
        if not self._is_bodiless:
            await super().write(data)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the last part of it."""
        await super().write_eof(b"" if self._is_bodiless else data)


class Request(aiohttp.ClientRequest):
    """A request to which aiohttp adds no header of its own; where none is named to it, it need not look."""

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:
        """No headers of aiohttp's own where the caller named which to skip."""
        if skip_auto_headers is not None:
            super().update_auto_headers(skip_auto_headers)


def limit_silence(answer: aiohttp.ClientResponse, seconds: float) -> None:
    """Break an open answer off that sends nothing for so long from now on."""
    wire = answer.connection.protocol if answer.connection else None
    if wire is not None and not answer.content.is_eof():
        wire.read_timeout = seconds
        wire.start_timeout()


def is_idle(connection: web.RequestHandler) -> bool:
    """Whether a client's connection has no request under way, whose body may still be coming in."""
    return connection._current_request is None and not connection._messages


class Front(web.Server):
    """aiohttp's low-level server with connections of the class `kind`."""

    kind: type[web.RequestHandler] = web.RequestHandler

    def __call__(self) -> web.RequestHandler:
        """What answers on a new connection."""
        return self.kind(self, loop=asyncio.get_running_loop(), **self._kwargs)
