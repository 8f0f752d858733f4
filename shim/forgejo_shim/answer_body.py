"""An answer of a flow as `requests` wants it: urllib3's own response, read by urllib3's own code.

Rules: the answer is put into the form in which a server sends it, and http.client and urllib3 read it as they read any
other. So every way to read, keep or wrap it is theirs, and its bytes are in one place only. A body of known length is
framed by its Content-Length; any other comes in chunks, each as soon as it is made. What breaks off raises what
urllib3 would raise, however it is read: it is never taken for whole. Closing it early closes what it is made from.
"""

from __future__ import annotations

import http.client
import io
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, cast

import urllib3

from .errors import ShimError
from .faces.face import Reply
from .transport import CHUNK, Answer, BrokenBody, run

Read = Callable[[int], bytes]  # the next bytes, of a download at most so many; b"" at the end

BLOCK = 4 * CHUNK  # bytes that are taken from a connection at once: few reads of it make up for what is between
PEEK = 64  # bytes that are looked at for the end of a chunk's first line


def to_urllib3(reply: Reply, method: str, url: str) -> urllib3.HTTPResponse:
    """`reply` as if a server had sent it, its body still open. `method` and `url` are those of the request.

    Reading raises what urllib3 raises, of the network or as `ProtocolError` where the flow broke off.
    """
    headers = urllib3.HTTPHeaderDict(reply.headers)
    if isinstance(reply.body, bytes):
        headers["Content-Length"] = str(len(reply.body))
    read, close = _body(reply)
    length = headers.get("Content-Length", "")
    if length.isascii() and length.isdecimal():
        frame = f"Content-Length: {length}"
    else:
        headers.discard("Content-Length")
        headers["Transfer-Encoding"] = "chunked"
        frame, read = "Transfer-Encoding: chunked", _chunked(read)
    head = f"HTTP/1.1 {reply.status} \r\n{frame}\r\n\r\n".encode()
    parsed = http.client.HTTPResponse(cast(Any, _Wire(head, read, close)), method=method)
    parsed.begin()
    for name, value in reply.headers:
        parsed.msg[name] = value
    response = urllib3.HTTPResponse(
        body=cast(Any, parsed),
        headers=headers,
        status=reply.status,
        version=parsed.version,
        reason=http.client.responses.get(reply.status, ""),
        preload_content=False,
        decode_content=False,
        original_response=cast(Any, parsed),
        request_method=method,
        request_url=url,
    )
    response.version_string = "HTTP/1.1"
    return response


def _body(reply: Reply) -> tuple[Read, Callable[[], object]]:
    """What reads the next piece of a body, and what closes it."""
    body = reply.body
    if isinstance(body, bytes):
        return io.BytesIO(body).read, lambda: None
    if isinstance(body, AsyncIterator):
        made = cast("AsyncGenerator[bytes, None]", body)  # what flows give is a generator, which can be closed
        return lambda size: run(_next(made)), lambda: run(_closed(made, reply.begun))
    return lambda size: run(body.read(size)), lambda: run(body.close())


async def _next(made: AsyncIterator[bytes]) -> bytes:
    async for piece in made:
        if piece:
            return piece
    return b""


async def _closed(made: AsyncGenerator[bytes, None], begun: Answer | None) -> None:
    await made.aclose()
    if begun:
        await begun.close()


def _chunked(read: Read) -> Read:
    """Pieces as chunks (RFC 9112, 7.1); the end that only a whole body has is one too, and nothing is behind it."""

    def pieces() -> Iterator[bytes]:
        while piece := read(CHUNK):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    made = pieces()
    return lambda size: next(made, b"")


class _Wire(io.BufferedIOBase):
    """What comes from the server: as much of a connection, and of the file made of it, as http.client asks for."""

    def __init__(self, head: bytes, read: Read, close: Callable[[], object]) -> None:
        self._piece = head
        self._at = 0  # how much of the piece was given out
        self._read = read
        self._close = close
        self._broken: Exception | None = None

    def makefile(self, mode: str) -> _Wire:
        return self

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = sys.maxsize if size is None or size < 0 else size
        parts: list[bytes] = []
        while wanted and (part := self._next(wanted, must=not parts)):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        left = len(self._piece) - self._at
        if not left:
            left = self._more()
        if not self._at and (left <= size or size < 0):
            self._at = left
            return self._piece
        begin, self._at = self._at, self._at + (left if size < 0 else min(size, left))
        return self._piece[begin : self._at]

    def peek(self, size: int = 0, /) -> bytes:
        if self._at == len(self._piece):
            self._more()
        return self._piece[self._at : self._at + PEEK]

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._close()

    def _next(self, size: int, must: bool) -> bytes:
        """What came before the body broke off is given out first (`must` is false), and the break after it."""
        try:
            return self.read1(size)
        except urllib3.exceptions.ProtocolError:
            if must:
                raise
            return b""

    def _more(self) -> int:
        """Wait for the next piece; its size, 0 at the end."""
        if not self._broken:
            try:
                self._piece = self._read(BLOCK)
            except (ShimError, BrokenBody) as error:
                self._broken = _raised(error)
        if self._broken:
            raise self._broken
        self._at = 0
        return len(self._piece)


def _raised(error: ShimError | BrokenBody) -> Exception:
    """What urllib3 raised of the network, or a break of the flow's in its form."""
    cause = error.__cause__
    if isinstance(cause, (urllib3.exceptions.HTTPError, OSError)):
        return cause
    broken = urllib3.exceptions.ProtocolError(f"the answer breaks off: {error}")
    broken.__cause__ = error
    return broken
