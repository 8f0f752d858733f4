"""The seam between flows and drivers: what a flow may ask of the world.

Rules: two sides that never mix. `api` carries the caller's own credentials and goes to `/api` only; `web` carries
nothing but the headers that the flow gives (the shim's own session). Neither follows a redirect, and both know one
origin only: paths are given, never URLs. `native` is the caller's own request, which goes on as it came.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol, TypeVar

from .errors import PageChanged
from .models import Headers, Pairs

T = TypeVar("T")

ERROR_LIMIT = 64 * 1024  # bytes of an answer's text that are looked at
JSON_LIMIT = 32 * 1024 * 1024  # bytes of a JSON answer; a page of runs can be several MB (`event_payload`)
CHUNK = 64 * 1024  # bytes handed on at once


class BrokenBody(Exception):
    """A body ended before its length was reached, or its connection failed."""


class Answer(Protocol):
    """An answer whose head has come and whose body is open."""

    status: int

    @property
    def headers(self) -> Headers:
        """Its headers as they came."""
        ...

    async def read(self, size: int) -> bytes:
        """At most `size` further bytes of the body as sent; b"" at its end. Raises BrokenBody if it was cut short."""
        ...

    async def close(self) -> None:
        """Give the connection up, read or not."""
        ...


class Native(Answer, Protocol):
    """The server's own answer to the caller's request, which a driver hands on untouched.

    `told` is the beginning of a 404 in plain text, decoded, which tells whether the route exists; else b"".
    """

    told: bytes


class Transport(Protocol):
    """The world as one request's flow may touch it."""

    @property
    def base_url(self) -> str:
        """The address that the caller asks, without a slash at the end; "" if it told none."""
        ...

    @property
    def server_name(self) -> str:
        """What messages call the server: its address, or less where callers are not to know it."""
        ...

    @property
    def signing_in(self) -> AbstractAsyncContextManager[Any]:
        """Held while the web session signs in."""
        ...

    async def native(self, target: str) -> Native:
        """Send the caller's request on as it came; to the path and query `target` unless that is ""."""
        ...

    async def api(self, path: str, method: str = "GET", headers: Pairs = (), body: bytes = b"") -> Answer:
        """Ask `path` (below the base URL, with its query) as the caller, with these headers besides the caller's."""
        ...

    async def web(self, method: str, path: str, headers: Pairs, body: bytes = b"") -> Answer:
        """Send a request to the web UI with these headers only."""
        ...

    def searching(
        self, repo: str, job_id: int, is_found: Callable[[], Awaitable[object]]
    ) -> AbstractAsyncContextManager[dict[int, tuple[int, ...]]]:
        """Held while a job, or what is in many runs (`job_id` 0), is searched for; gives the job ids of runs (by
        number) that searches here read lately.

        `is_found`: whether another search has found it meanwhile. May raise ShimError: not found a moment ago, or too
        many searches.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""

    def beside(self, flow: Coroutine[Any, Any, T]) -> AbstractAsyncContextManager[Awaitable[T]]:
        """Held while something else is done: `flow` goes on beside it where there can be two at once, else when it is
        awaited. One that was not awaited is given up at the end."""
        ...

    async def aside(self, work: Callable[[], T]) -> T:
        """Do work that takes the processor for a while, beside other requests where there can be any."""
        ...

    def now(self) -> float:
        """Seconds since the epoch."""
        ...


async def one_ahead(net: Transport, flows: Iterator[Coroutine[Any, Any, T]]) -> AsyncGenerator[Awaitable[T], None]:
    """Each flow, to be awaited; the one behind it goes on meanwhile (`beside`)."""
    begun = AsyncExitStack()
    try:
        now: Awaitable[T] | None = None
        for flow in flows:
            before, begun = begun, AsyncExitStack()
            coming = await begun.enter_async_context(net.beside(flow))
            async with before:
                if now:
                    yield now
            now = coming
        if now:
            yield now
    finally:
        await begun.aclose()


class PeekedAnswer:
    """An open answer of which the first bytes were read already; they come first when it is read on."""

    def __init__(self, answer: Answer, start: bytes) -> None:
        self.answer = answer
        self.start = start
        self.status = answer.status
        self.headers = answer.headers

    async def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self.start:
            part, self.start = self.start[:size], self.start[size:]
            return part
        return await self.answer.read(size)

    async def close(self) -> None:
        """Give the connection up."""
        await self.answer.close()


async def read_all(answer: Answer, limit: int, what: str) -> bytes:
    """The rest of a body of at most `limit` bytes. Raises PageChanged if it is longer."""
    body = await read_head(answer, limit + 1)
    if len(body) > limit:
        raise PageChanged(f"{what} is longer than {limit} bytes")
    return body


async def read_head(answer: Answer, limit: int = ERROR_LIMIT) -> bytes:
    """The first `limit` bytes of a body, then closed."""
    parts, size = [], 0
    try:
        while size < limit and (part := await answer.read(min(CHUNK, limit - size))):
            parts.append(part)
            size += len(part)
    finally:
        await answer.close()
    return b"".join(parts)


def retry_after(headers: Headers) -> int:
    """The seconds that an answer wants to be left alone for, at most an hour; 5 if it does not say."""
    text = headers.get("Retry-After")
    return min(int(text), 3600) if text.isascii() and text.isdecimal() and len(text) < 9 else 5


def is_json(answer: Answer) -> bool:
    """Whether the answer says that it is JSON."""
    return answer.headers.get("Content-Type").lower().startswith("application/json")


def encode(value: object) -> bytes:
    """JSON as it is sent."""
    return json.dumps(value).encode()


def run(flow: Coroutine[Any, Any, T]) -> T:
    """Drive a flow whose transport never waits, without an event loop."""
    try:
        flow.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    flow.close()
    raise RuntimeError("the flow waited, but its transport does not")
