"""The wire: HTTP/1.1 with kept connections on 127.0.0.1, a thread a connection."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from .faults import Fault
from .messages import Request, Response

CHUNK_ABOVE = 2048
"""A longer body without a known length goes in chunks (net/http/server.go)."""
Answer = Callable[[Request], tuple[Response, Fault | None]]


@dataclass(frozen=True)
class Seen:
    """A request that the double got, and the status of its answer."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    status: int

    @property
    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)


class Broken(Exception):
    """The connection is to be broken now."""


class Server(ThreadingHTTPServer):
    """Asks `answer` for each request and keeps what it saw in `seen`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def break_all(self) -> None:
        """Break every connection, whatever is under way on it."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nobody's error; anything else is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError | Broken):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        response, fault = self.server.answer(request)
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, query = request.path, request.raw_query
        self.server.seen.append(Seen(request.method, path, query, headers, body, response.status))
        try:
            self._send(request, response, fault)
        except Broken:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any

    def _send(self, request: Request, response: Response, fault: Fault | None) -> None:
        length = response.source.size if response.source else len(response.body)
        told, head_only = response.header("Content-Length") is not None, request.method == "HEAD"
        chunked = not told and length > CHUNK_ABOVE
        if chunked and not head_only:
            response.add("Transfer-Encoding", "chunked")
        elif not told and not chunked and response.status not in (204, 304) and (length or not head_only):
            response.add("Content-Length", str(length))
        response.add("Date", formatdate(usegmt=True))
        if response.without_body or self.close_connection:
            response.set("Connection", "close")
        head = f"HTTP/1.1 {response.status} {responses.get(response.status, '')}\r\n"
        head += "".join(f"{name}: {_on_one_line(value)}\r\n" for name, value in response.headers) + "\r\n"
        start = head.encode()
        if fault is not None and fault.unanswered:
            raise Broken
        if response.without_body:
            self.connection.sendall(start)
            raise Broken
        if head_only:
            self.connection.sendall(start)
            return
        if response.source is None and not chunked and fault is None:
            self.connection.sendall(start + response.body)
            return
        self.connection.sendall(start)
        for piece in _spoiled(_pieces(response), fault):
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if chunked else piece)
        if chunked:
            self.connection.sendall(b"0\r\n\r\n")


def _on_one_line(value: str) -> str:
    """A header's value as Go writes it (net/http/header.go, headerNewlineToSpace)."""
    return value.replace("\r", " ").replace("\n", " ").strip(" \t")


def _pieces(response: Response) -> Iterator[bytes | memoryview]:
    if response.source is not None:
        yield from response.source.read(*response.span)
    elif response.body:
        yield response.body


def _spoiled(pieces: Iterator[bytes | memoryview], fault: Fault | None) -> Iterator[bytes | memoryview]:
    """The pieces as a fault lets them through; raises Broken where it breaks the connection."""
    if fault is None:
        yield from pieces
        return
    left = fault.cut_after
    for piece in pieces:
        view = memoryview(piece)
        step = fault.piece or len(view)
        for at in range(0, len(view), step):
            part = view[at : at + step]
            if left is not None and len(part) >= left:
                yield part[:left]
                raise Broken
            yield part
            left = None if left is None else left - len(part)
            if fault.pause:
                fault.pause()
    if left == 0:
        raise Broken
