"""The two ways to reach the tools: by standard input and output, or by HTTP with each caller's own token.

Rules by HTTP: only POST /mcp, without sessions, so that each request stands for itself. The server is asked with the
token of the request's own `Authorization` header, without one as anybody may ask; never with a token of ours. `Host`
has to be a name that this server is called by, a request from a web page (`Origin`) is refused, a body has at most
`BODY` bytes. A caller is who its token says, without one its address; what it writes of its address is not believed.
Nothing is logged but what goes wrong, on one inert line.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..client import Client
from ..errors import Refused, ShimError
from ..flows.rights import KEEP, Rights
from ..inert import plain_text
from ..models import Headers
from ..proxy.headers import Peer
from ..proxy.limits import callers_of
from .connections import Connection
from .server import Context

PATH = "/mcp"
BODY = 64 * 1024  # bytes of a request
CONNECTIONS = 256  # at once
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SCHEMES = ("bearer", "token")


async def serve_stdio(server: Server[Any]) -> None:
    """Serve until standard input ends."""
    _log_inertly()
    async with stdio_server() as (reading, writing):
        await server.run(_Messages(reading, writing), writing, server.create_initialization_options())


class _Messages:
    """The messages that come in. A line that is none is answered as JSON-RPC says, as the SDK does by HTTP only."""

    def __init__(self, reading: Any, writing: Any) -> None:
        self._reading = reading
        self._writing = writing

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        while isinstance(item := await self._reading.receive(), Exception):
            await self._writing.send(_refused(item))
        message: SessionMessage = item
        return message

    async def aclose(self) -> None:
        """Read no more."""
        await self._reading.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _refused(error: Exception) -> SessionMessage:
    """The answer to a line that is no message: it is no JSON, or another JSON. Whose it was is not known: id null."""
    is_json = isinstance(error, ValidationError) and error.errors()[0]["type"] != "json_invalid"
    code, why = (INVALID_REQUEST, "Invalid request") if is_json else (PARSE_ERROR, "Parse error")
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=None, error=ErrorData(code=code, message=why)))


async def serve_http(
    server: Server[Any], listening: socket.socket, hosts: Sequence[str], ready: Callable[[], None]
) -> None:
    """Serve on a socket that listens, for requests to one of the hosts (`NAME:PORT`), until a signal comes."""
    _log_inertly()
    config = uvicorn.Config(
        http_app(server, hosts, ready),
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=5,
        ws="none",
        lifespan="on",
    )
    await uvicorn.Server(config).serve([listening])


def http_app(server: Server[Any], hosts: Sequence[str], ready: Callable[[], None]) -> Starlette:
    """The application that answers at `PATH`; `ready` is called when it does, and a signal ends it in good order."""
    manager = StreamableHTTPSessionManager(
        server,
        stateless=True,
        security_settings=TransportSecuritySettings(allowed_hosts=list(hosts)),
        max_request_body_size=BODY,
    )

    class Endpoint:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            ready()
            yield

    app = Starlette(routes=[Route(PATH, Endpoint(), methods=["POST"])], lifespan=running)
    app.router.redirect_slashes = False  # which would lead to whatever `Host` says, before that is looked at
    return app


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ShimError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else "no such address"
        raise ShimError(f"cannot listen on {host}:{port} ({why}); choose another address") from None


def hosts_of(host: str, port: int, names: Sequence[str]) -> list[str]:
    """The `Host` headers to take: those of the address that is listened on, of loopback, and the names given."""
    own = f"[{host}]" if ":" in host else host
    found = [f"{one}:{port}" for one in dict.fromkeys((own, *LOOPBACK))]
    return [*found, *names]


def share(client: Client) -> Client:
    """The client without its token, as one that many callers are asked through (`Client.as_caller`): what the API
    allows each is asked again soon, and a sign-in of the web account that was refused is tried again after a while."""
    client.adapter.rights = Rights(KEEP, time.monotonic)
    client.adapter.server.session.backs_off = True
    return client.as_caller(None)


def token_of(context: Context) -> str | None:
    """The token in the header of a request; None if it has no such header. Raises Refused."""
    assert context.request, "by HTTP there is one"
    header: str | None = context.request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in SCHEMES or not re.fullmatch(r" *[\x21-\x7e]+ *", token):
        raise Refused(
            "the Authorization header holds no token; send `Authorization: Bearer TOKEN`",
            401,
            cause="credentials-wrong",
        )
    return token.strip()


def callers(context: Context) -> frozenset[bytes]:
    """Opaque names of who sent a request, as the proxy has them. Raises Refused."""
    token = token_of(context)
    assert context.request
    address = context.request.client.host if context.request.client else ""
    headers = Headers([("Authorization", f"token {token}")] if token else [])
    return callers_of(headers, "", Peer(address, listed=False, scheme="", host=""))


class _Inert(logging.Formatter):
    """A record on one inert line, without the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage().partition("Traceback")[0].strip() or f"an error in {record.name}"
        return f"forgejo-shim: {plain_text(said.replace(chr(10), ' '))}"[:500]


def _log_inertly() -> None:
    """Let libraries say on stderr what goes wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Inert())
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
