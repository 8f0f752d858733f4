"""Requests that pass through, and answers on their way out: streams in both directions, nothing held whole.

Rules: the bytes of path, query, head and body stay what they are, hop-by-hop headers aside (headers.py). A slow reader
slows the server behind it (each piece is handed on before the next is read); one that takes nothing for `idle` seconds
is let go, and so is one whose body does not go on. An answer that breaks off behind breaks off in front: its connection
is closed before its length is reached or its last chunk is sent, so that nobody takes it for a whole one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from types import TracebackType

import aiohttp
from aiohttp import HttpVersion11, WSMsgType, web

from ..errors import BadRequest, ShimError, Unreachable
from ..faces.face import Reply
from ..models import Headers, Pairs
from ..transport import CHUNK, BrokenBody
from .aiohttp_inside import BODILESS, CallerResponse
from .headers import end_to_end
from .upstream import PIECE, Upstream, answer_headers
from .upstream_transport import pieces

MARK = "X-Forgejo-Shim"  # "native" or "web", on the operations that the shim knows
BODY_LIMIT = 1024 * 1024  # bytes of a request that is read here; GitHub takes 65,535 characters of inputs
AT_ONCE = CHUNK // 2  # bytes that a connection takes without waiting if nothing is left to send


class _BreakingOff:
    """What breaks closes the connection; what is no fault of ours ends there. `out` is told the cause."""

    def __init__(self, request: web.BaseRequest, out: CallerResponse) -> None:
        self.request = request
        self.out = out

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if isinstance(error, Exception | asyncio.CancelledError):
            break_off(self.request)
        if isinstance(error, ShimError):
            self.out.cause = error.cause
        elif isinstance(error, BrokenBody | aiohttp.ClientPayloadError):
            self.out.cause = "unreachable"
        return isinstance(error, BrokenBody | ShimError | aiohttp.ClientError | OSError)


async def send(
    request: web.BaseRequest, out: CallerResponse, chunks: AsyncIterator[bytes], idle: float
) -> CallerResponse:
    """Stream chunks to the caller. What breaks closes the connection."""
    with _BreakingOff(request, out):
        await out.prepare(request)
        async with aclosing(chunks):  # type: ignore[type-var]
            async for chunk in chunks:
                async with asyncio.timeout(idle):
                    await out.write(chunk)
        await out.write_eof()
    return out


async def send_whole(request: web.BaseRequest, out: CallerResponse, body: bytes, idle: float) -> CallerResponse:
    """Send a body that is all there. What breaks closes the connection."""
    with _BreakingOff(request, out):
        await out.prepare(request)
        if len(body) <= AT_ONCE and request.transport and not request.transport.get_write_buffer_size():
            await out.write_eof(body)  # it cannot wait, and a time limit costs as much as the answer's head
        else:
            async with asyncio.timeout(idle):
                await out.write_eof(body)
    return out


def break_off(request: web.BaseRequest) -> None:
    """Close the caller's connection at once. To HTTP/1.0 the end of the connection may be that of an answer, so there
    it is a reset (nginx asks in HTTP/1.0 if it is not told otherwise)."""
    if request.transport is None:
        return
    wire = request.transport.get_extra_info("socket")
    if request.version < HttpVersion11 and wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


async def reply(request: web.BaseRequest, made: Reply, idle: float, backend: str = "web") -> CallerResponse:
    """Send what a flow has made."""
    headers = [*made.headers, (MARK, backend)] if backend else list(made.headers)
    body = made.body
    has = isinstance(body, bytes) and made.status == 200 and has_it(request, Headers(headers).get("ETag"))
    if has or made.status in BODILESS:
        return await send_whole(request, bodiless(304 if has else made.status, headers), b"", idle)
    if isinstance(body, bytes):
        out = CallerResponse(made.status, None, [*headers, ("Content-Length", str(len(body)))], waits=True)
        out.cause = made.cause
        return await send_whole(request, out, body, idle)
    if request.method == "HEAD" and not isinstance(body, AsyncIterator):
        await body.close()  # without a look at it
        return await send_whole(request, CallerResponse(made.status, None, headers, waits=True), b"", idle)
    chunks = body if isinstance(body, AsyncIterator) else pieces(body)
    return await send(request, CallerResponse(made.status, None, headers), chunks, idle)


def has_it(request: web.BaseRequest, tag: str) -> bool:
    """Whether the caller has what this `ETag` names (RFC 9110, 13.1.2: compared without regard to `W/`)."""
    given = [one.strip().removeprefix("W/") for one in ",".join(request.headers.getall("If-None-Match", ())).split(",")]
    return bool(tag) and request.method in ("GET", "HEAD") and not {tag.removeprefix("W/"), "*"}.isdisjoint(given)


def bodiless(status: int, headers: Pairs) -> CallerResponse:
    """An answer without a body, in place of one with these headers."""
    return CallerResponse(status, None, Headers(headers).without("Content-Type", "Content-Length"), waits=True)


async def pass_on(
    request: web.BaseRequest,
    answer: aiohttp.ClientResponse,
    idle: float,
    more: Iterable[tuple[str, str]] = (),
    back: Callable[[str], str] = str,
) -> CallerResponse:
    """Send an open answer of the server behind, with `more` headers; `back` makes the address of a redirect that of the
    caller's API."""
    headers = [*end_to_end(answer_headers(answer)), *more]
    headers = [(name, back(value) if name.lower() == "location" else value) for name, value in headers]
    if request.method == "HEAD":
        answer.close()  # what is below it was not asked for
        return await send_whole(request, CallerResponse(answer.status, answer.reason, headers, waits=True), b"", idle)
    if answer.content.is_eof():  # a small answer: all of it has come, so one write does
        out = CallerResponse(answer.status, answer.reason, headers, waits=True)
        return await send_whole(request, out, answer.content.read_nowait(), idle)
    out = CallerResponse(answer.status, answer.reason, headers, waits=answer.content.total_bytes > 0)
    return await send(request, out, chunks_as_they_come(answer), idle)


async def chunks_as_they_come(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of an answer, each piece as soon as it is there."""
    try:
        while chunk := await answer.content.readany():
            for start in range(0, len(chunk), PIECE):
                yield chunk[start : start + PIECE] if len(chunk) > PIECE else chunk
        answer.release()
    finally:
        answer.close()


async def ask(
    request: web.BaseRequest, upstream: Upstream, headers: Pairs, target: str = "", method: str = ""
) -> aiohttp.ClientResponse:
    """Send a caller's request to the server behind with these headers, its body as it comes in; to `target` and with
    `method` if those are not what it asks for and with. Raises ShimError."""
    await _go_on(request)
    if "Expect" in request.headers:
        headers = [pair for pair in headers if pair[0].lower() != "expect"]
    body = CallerBody(request.content, upstream.idle) if request.body_exists else None
    try:
        return (await upstream.open(method or request.method, target or request.raw_path, headers, body)).response
    except Unreachable:
        if body and body.stalled:
            raise _stalled() from None
        raise


async def body_of(request: web.BaseRequest, idle: float) -> bytes:
    """The whole body of a caller's request, of at most `BODY_LIMIT` bytes. Raises BadRequest."""
    await _go_on(request)
    parts, size = [], 0
    try:
        async for part in CallerBody(request.content, idle):
            parts.append(part)
            size += len(part)
            if size > BODY_LIMIT:
                raise BadRequest(f"the request's body is longer than {BODY_LIMIT} bytes", 413, cause="")
    except TimeoutError:
        raise _stalled() from None
    return b"".join(parts)


async def _go_on(request: web.BaseRequest) -> None:
    """Tell a caller that waits for it to send its body. Raises BadRequest for one that cannot be read."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise BadRequest("of the transfer encodings, only chunked is known here", 501, cause="")


def _stalled() -> BadRequest:
    return BadRequest("the rest of the request's body did not come in time", 408, cause="")


class CallerBody:
    """A request's body, each piece as soon as it is there; TimeoutError if none comes for `idle` seconds."""

    def __init__(self, content: aiohttp.StreamReader, idle: float) -> None:
        self.stalled = False
        self._content = content
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._content.at_eof():
            try:
                async with asyncio.timeout(self._idle):
                    chunk = await self._content.readany()
            except TimeoutError:
                self.stalled = True
                raise
            yield chunk


def request_headers(request: web.BaseRequest) -> Pairs:
    """A request's headers as they came, in order, several of a name too.

    Raises BadRequest for what is no UTF-8: aiohttp writes nothing else, and would leave those bytes out.
    """
    try:
        return [(name.decode("latin-1"), value.decode()) for name, value in request.raw_headers]
    except UnicodeDecodeError:
        raise BadRequest("a header of the request is not UTF-8", 400, cause="") from None


# --- WebSocket


Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse
CARRIED = {WSMsgType.TEXT: "send_str", WSMsgType.BINARY: "send_bytes", WSMsgType.PING: "ping", WSMsgType.PONG: "pong"}


def wants_websocket(request: web.BaseRequest) -> bool:
    """Whether a request asks to become a WebSocket."""
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    return request.method == "GET" and upgrade and "upgrade" in request.headers.get("Connection", "").lower()


async def websocket(request: web.BaseRequest, upstream: Upstream, headers: Pairs) -> web.StreamResponse:
    """Connect two WebSockets, message by message, until either side closes. Raises Unreachable."""
    offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if word.strip()]
    own = [pair for pair in headers if not pair[0].lower().startswith("sec-websocket")]
    behind = await upstream.websocket(request.raw_path, own, offered)
    if behind is None:
        return await pass_on(request, await ask(request, upstream, headers), upstream.idle)
    async with behind:
        chosen = (behind.protocol,) if behind.protocol else ()
        front = web.WebSocketResponse(protocols=chosen, autoping=False, autoclose=False, max_msg_size=0)
        await front.prepare(request)
        last = await _both_ways(front, behind)
        if last is None:
            break_off(request)
        else:
            code, reason = last.data or 1000, (last.extra or "").encode()
            await behind.close(code=code, message=reason)
            await front.close(code=code, message=reason)
        return front


async def _both_ways(front: Socket, behind: Socket) -> aiohttp.WSMessage | None:
    """Hand messages on until a side closes, with its message, or breaks off."""
    ways = [asyncio.create_task(_carry(behind, front)), asyncio.create_task(_carry(front, behind))]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        return next((way.result() for way in done if not way.exception()), None)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(source: Socket, to: Socket) -> aiohttp.WSMessage | None:
    while True:
        message = await source.receive()
        if message.type not in CARRIED:
            return message if message.type is WSMsgType.CLOSE else None
        await getattr(to, CARRIED[message.type])(message.data)
