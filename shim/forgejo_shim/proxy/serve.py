"""Serving: from an address that listens to the last answer.

Rules: a signal (TERM, INT, and HUP unless it is ignored, as under nohup) ends the listening at once; answers under way
may end within `drain` seconds, then their connections are closed; a second signal closes them at once. With TLS, HUP
reads the certificate again instead. A request's head has to come within `HEAD` seconds, and an idle connection is kept
for as long. A head that is too long or cannot be read is answered in JSON that repeats nothing of it, and logged
nowhere.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from ..errors import ShimError
from ..faces.forgejo import JSON
from ..transport import CHUNK
from . import aiohttp_inside
from .access import AccessLog
from .aiohttp_inside import LineTooLong, is_idle
from .app import Proxy
from .certificate import Certificate
from .options import Options

HEAD = 75.0  # seconds; browsers and clients in front keep connections for about a minute
LINE = 32 * 1024  # bytes of a request line, and of each header
HEADERS = 128  # in one request
BACKLOG = 1024  # connections that wait to be accepted

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Obey = Callable[[Callable[[], None], Callable[[], None] | None], None]  # gets what stops, and what reloads


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int
    certificate: Certificate | None = None
    sockets: tuple[socket.socket, ...] = ()  # that listen there already

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


class Connection(web.RequestHandler):
    """A client's connection; says in JSON what is wrong with a head."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that cannot be read; ConnectionResetError if an answer had begun."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer had begun")
        status = 431 if isinstance(exc, LineTooLong) else status
        text = {400: "the request cannot be read", 431: "a line of the request's head is too long"}
        body = b'{"message":"%s"}' % text.get(status, "the proxy failed at this").encode()
        answer = web.Response(status=status, body=body, headers=dict([JSON]))
        answer.force_close()
        return answer


class Front(aiohttp_inside.Front):
    """aiohttp's low-level server, set as a proxy needs it."""

    kind = Connection

    def __init__(self, handle: Handle) -> None:
        silent = logging.Logger("forgejo-shim.connections", logging.CRITICAL + 1)  # aiohttp would log a bad head whole
        super().__init__(
            handle,
            handler_cancellation=True,  # a caller that has gone lets go of what is done for it
            auto_decompress=False,
            access_log=None,
            logger=silent,
            keepalive_timeout=HEAD,
            max_line_size=LINE,
            max_field_size=LINE,
            max_headers=HEADERS,
            read_bufsize=CHUNK,
        )


def obey_signals(stop: Callable[[], None], reload: Callable[[], None] | None) -> None:
    """Call `stop` for each signal that ends; HUP is one without `reload`, unless it is ignored."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number is signal.SIGHUP and reload:
            loop.add_signal_handler(number, reload)
        elif number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop)


async def serve(
    options: Options,
    at: Address,
    *,
    own: Address | None = None,
    drain: float = 30.0,
    log: AccessLog | None = None,
    ready: Callable[[], None] = lambda: None,
    obey: Obey = obey_signals,
) -> None:
    """Serve until `obey` is told to stop; `ready` is called once it listens. Raises ShimError if that can't be."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_say_what_failed)
    proxy = Proxy(options, log)
    runners: list[web.ServerRunner] = []
    try:
        for handle, address in ((proxy.handle, at), (proxy.own, own)):
            if address:
                runners.append(await _listen(Front(handle), address))
        signals: asyncio.Queue[None] = asyncio.Queue()
        reload = partial(at.certificate.reload, options.say) if at.certificate else None
        obey(partial(signals.put_nowait, None), reload)
        _more_descriptors()
        gc.collect()
        gc.freeze()  # what is here now stays: the collector need not look at it again
        ready()
        beside = [asyncio.create_task(proxy.health.look(options.say))]
        if options.shared:
            beside.append(asyncio.create_task(proxy.metrics.keep_taking()))
        await signals.get()
        beside[0].cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain):
                await _drained(runners, signals)
    finally:
        for runner in runners:
            await runner.cleanup()
        await proxy.close()


async def _listen(front: Front, address: Address) -> web.ServerRunner:
    runner = web.ServerRunner(front, shutdown_timeout=0.1)  # the time is given before; here 0 would mean for ever
    await runner.setup()
    try:
        more: dict[str, Any] = {"ssl_context": address.certificate and address.certificate.context, "backlog": BACKLOG}
        sites: list[web.BaseSite] = [web.SockSite(runner, one, **more) for one in address.sockets]
        for site in sites or [web.TCPSite(runner, address.host, address.port, **more)]:
            await site.start()
    except (OSError, OverflowError) as error:
        await runner.cleanup()
        raise cannot_listen(address, error) from None
    return runner


def cannot_listen(address: Address, error: OSError | OverflowError) -> ShimError:
    """What is said of an address that cannot be had."""
    number = error.errno if isinstance(error, OSError) else None
    why = os.strerror(number) if number and number > 0 else "no such address"
    return ShimError(f"cannot listen on {address} ({why.lower()}); choose another address")


async def _drained(runners: list[web.ServerRunner], signals: asyncio.Queue[None]) -> None:
    """Stop listening, and wait until every answer under way has ended, or another signal comes."""
    for runner in runners:
        for site in runner.sites:
            await site.stop()
    while signals.empty():
        connections = [one for runner in runners if runner.server for one in runner.server.connections]
        if not connections:
            return
        for connection in connections:
            if is_idle(connection):
                connection.force_close()
        await asyncio.sleep(0.05)


def _say_what_failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio would log with a traceback, whose texts may be a caller's."""
    print(f"forgejo-shim: {type(context.get('exception')).__name__} in the event loop", file=sys.stderr, flush=True)


def _more_descriptors() -> None:
    """As many open files as the system lets us have: each stream needs two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
