"""The transport of one caller's flow over aiohttp (transport.py): the server behind, as flows read it.

Rules: the caller's headers go to `/api` only, the flow's own to the web UI only. What breaks off is BrokenBody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

import aiohttp

from ..identity import identity_headers
from ..models import Headers, Pairs
from ..transport import ERROR_LIMIT, Answer, Native, read_all
from .upstream import PIECE, THE_SERVER, Upstream, UpstreamAnswer

T = TypeVar("T")


class NativeUpstream(UpstreamAnswer):
    """The server's own answer to the caller's request; of a 404 in plain text, all was read."""

    told = b""


IsFound = Callable[[], Awaitable[object]]
Searching = Callable[[str, int, IsFound], AbstractAsyncContextManager[dict[int, tuple[int, ...]]]]
Passing = Callable[[str], Awaitable[aiohttp.ClientResponse]]


class UpstreamTransport:
    """The transport of one caller's flow; `passing` sends the caller's own request on."""

    def __init__(
        self,
        upstream: Upstream,
        signing_in: AbstractAsyncContextManager[Any],
        caller: Iterable[tuple[str, str]],
        searching: Searching = lambda *_: nullcontext({}),
        base_url: str = "",
        passing: Passing | None = None,
    ) -> None:
        self.searching = searching
        self._passing = passing
        self.base_url = base_url
        self.server_name = THE_SERVER
        self.signing_in = signing_in
        self._upstream = upstream
        self._caller = identity_headers(Headers(caller))

    async def native(self, target: str) -> Native:
        """As in `Transport`."""
        assert self._passing
        response = await self._passing(target)
        native = NativeUpstream(response)
        if native.status == 404 and native.headers.get("Content-Type").startswith("text/plain"):
            native.told = await read_all(native, ERROR_LIMIT, "a 404 in plain text")
        return native

    async def api(self, path: str, method: str = "GET", headers: Pairs = (), body: bytes = b"") -> Answer:
        """As in `Transport`."""
        return await self._upstream.open(method, path, [*self._caller, *headers], body or None)

    def web(self, method: str, path: str, headers: Pairs, body: bytes = b"") -> Coroutine[Any, Any, Answer]:
        """As in `Transport`."""
        return self._upstream.open(method, path, headers, body or None)

    async def sleep(self, seconds: float) -> None:
        """As in `Transport`."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def beside(self, flow: Coroutine[Any, Any, T]) -> AsyncIterator[Awaitable[T]]:
        """As in `Transport`."""
        task = asyncio.create_task(flow)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            task.cancelled() or task.exception()  # looked at, or asyncio complains of it

    async def aside(self, work: Callable[[], T]) -> T:
        """As in `Transport`."""
        return await asyncio.to_thread(work)

    def now(self) -> float:
        """As in `Transport`."""
        return time.time()


async def pieces(answer: Answer) -> AsyncIterator[bytes]:
    """The rest of an answer's body, then closed."""
    try:
        while part := await answer.read(PIECE):
            yield part
    finally:
        await answer.close()
