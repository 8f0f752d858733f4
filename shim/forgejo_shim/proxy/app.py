"""The proxy itself: what is done with each request.

What is asked for is read of the path as Forgejo's router would see it (router.py); what passes is the path as it came.

1. `/-/shim` and what is below it is the proxy's own (health.py, metrics.py), never the server's.
2. An operation that the shim knows: natively where the server has it, else by the flows, which ask the API in the
   caller's name first (flows/answer.py; rights.py keeps a yes for a short time). A stream that outlives that time is
   asked for again, and ends at the first no.
3. `/swagger.v1.json` is the server's with what the proxy adds (swagger.py).
4. Everything else passes through (relay.py).
A request that has come through this proxy before is 508: its own address was given to it as the server behind.
An error of the shim's is the JSON that Forgejo would give, with a `cause`. Each request is counted and logged once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from time import perf_counter

import aiohttp
from aiohttp import web

from ..capabilities import Capability
from ..contract import FACE, Operation, recognise, recognise_addition, recognise_face
from ..environment import Way
from ..errors import BadRequest, NotForgejo, ShimError, Unreachable, loop
from ..flows.answer import answer, capability, learn_from, question, refusal
from ..flows.face import is_face_in_disguise, translate
from ..flows.kept import State
from ..flows.net import Broken, Reply
from ..flows.pages import Reader
from ..flows.server import Server
from ..models import Headers, WebCredentials
from ..router import routed
from ..state import MemoryState
from .access import AccessLog
from .aiohttp_inside import Outgoing
from .changes import Changes, to_stderr
from .headers import Network, Peer, is_listed, to_upstream
from .health import Health
from .limits import Searches, Streams, asked_again, caller_of
from .metrics import CONTENT_TYPE, Metrics
from .relay import MARK, ask, break_off, head_in, pass_on, reply, wants_websocket, websocket
from .rights import Afresh, Caller, Rights
from .session import SharedSession
from .swagger import SWAGGER, Swagger
from .upstream import BEHIND, NAME, Upstream, UpstreamNet, head_of, pieces

OWN = "/-/shim"
FAILED = b'{"message":"the proxy failed at this; see its log","cause":"proxy-failed"}'
JSON = ("Content-Type", "application/json;charset=utf-8")
UNBUFFERED = ("X-Accel-Buffering", "no")  # to nginx and those that do as it does: each piece at once, not many together
ABOUT = f"""forgejo-shim %s

{OWN}/healthz  whether the proxy is alive
{OWN}/readyz   whether the server behind and the web session can be used
{OWN}/metrics  figures for Prometheus
"""
LEFT = 499  # the status in log and metrics of a request whose caller went away before the answer


@dataclass(frozen=True)
class Options:
    """How a proxy shall behave; times in seconds."""

    upstream: str
    web: WebCredentials | None = None
    state: State = field(default_factory=MemoryState)
    keep: float = 30.0
    idle: float = 600.0
    limit: int = 512
    streams: int = 100
    trusted: tuple[Network, ...] = ()
    identity: frozenset[str] = frozenset()
    writes: bool = False
    own_is_apart: bool = False  # `/-/shim/…` is served at another address
    face: bool = False  # forgejo-proxy's routes stand below `/api/v1` too
    version: str = ""
    way: Way = field(default_factory=Way)
    say: Callable[[str], None] = to_stderr  # tells the operator


class Proxy:
    """A handler for aiohttp's low-level server. Made and closed within the running loop."""

    def __init__(self, options: Options, log: AccessLog | None = None) -> None:
        self.options = options
        self.log = log
        self.upstream = Upstream(
            options.upstream, limit=options.limit, idle=options.idle, way=options.way, say=options.say
        )
        self.session = SharedSession(options.web, on_change=self._signed_in, backs_off=True)
        self.session.changes = Changes(f"{self.session.account} is signed in again", options.say)
        self.server = Server(options.upstream, self.session, options.state)
        self.rights = Rights(options.keep)
        self.streams = Streams(options.streams)
        self.searches = Searches()
        self.swagger = Swagger(writes=options.writes and options.web is not None, face=options.face)
        self.signing_in = asyncio.Lock()
        self.health = Health(UpstreamNet(self.upstream, self.signing_in, ()), self.server)
        self.metrics = Metrics()
        self.under_way = 0
        self._sign_ins = 0
        self._ids = map(f"{os.urandom(4).hex()}-{{:x}}".format, count(1))
        self._count()

    def _count(self) -> None:
        counter, gauge = self.metrics.counter, self.metrics.gauge
        counter("upstream_requests", "Requests sent to the server behind.", lambda: self.upstream.sent)
        counter("sign_ins", "Sign-ins of the web account that went well.", lambda: self._sign_ins)
        counter("kept_answers_used", "Questions of a caller's rights not put, by a kept yes.", lambda: self.rights.used)
        gauge("sign_in_refusals", "Sign-ins of the web account that failed in a row.", lambda: self.session.refusals)
        counter("log_lines_lost", "Lines of the access log not written.", lambda: self.log.lost if self.log else 0)

    def _signed_in(self, cookies: dict[str, str]) -> None:
        self._sign_ins += 1

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started, name = perf_counter(), next(self._ids)
        given, _, query = request.raw_path.partition("?")
        path = routed(given)
        operation = known(request.method, path, query, face=self.options.face) if "/actions/" in path else None
        out: web.StreamResponse | None = None
        self.under_way += 1
        try:
            out = await self._or_error(request, name, path, query, operation)
        finally:
            self.under_way -= 1
            self._note(request, out, operation, path, name, perf_counter() - started)
        return out

    async def own(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request at the address that is the proxy's own."""
        return await self._own(request, routed(request.raw_path.partition("?")[0]))

    async def _or_error(
        self, request: web.BaseRequest, name: str, path: str, query: str, operation: Operation | None
    ) -> web.StreamResponse:
        try:
            if self.upstream.name in request.headers.getall(NAME, ()):
                return await self._looped(request)
            if self.options.face and not (operation and operation.is_of_face) and is_face_in_disguise(path):
                return await self._say(request, 404, "text/plain", b"404 page not found\n")
            if operation:
                return await self._operation(request, operation, query, name)
            return await self._other(request, path)
        except Broken as error:
            made = self._refusal(request, Unreachable(f"{BEHIND} broke off ({error}); try again"))
        except ShimError as error:
            made = self._refusal(request, error)
        except ConnectionError:  # the caller's
            raise
        except Exception as error:
            made = self._fault(error)
        if request.writer.output_size:
            break_off(request)
            raise ConnectionResetError("the answer had begun")
        made.headers.append(("X-Request-Id", name))
        return await reply(request, made, self.options.idle, "web" if operation else "")

    async def _looped(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request of this proxy's own that has come back: says so to itself (`Upstream` knows the name)."""
        made = self._refusal(request, loop())
        made.headers += [(NAME, self.upstream.name), ("Cache-Control", "no-store")]
        return await reply(request, made, self.options.idle, "")

    async def look(self) -> None:
        """Ask the server behind once, so that the operator learns at the start what is wrong with it."""
        try:
            await self.health.reach()
        except NotForgejo:
            self.options.say(f"{self.options.upstream} answers, but not as a Forgejo; check the address")
        except (ShimError, Broken):  # told already, or nothing that lasts
            pass

    def _refusal(self, request: web.BaseRequest, error: ShimError) -> Reply:
        return self._fault(error) if type(error) is ShimError else refusal(error, self.peer(request).base_url)

    def _fault(self, error: Exception) -> Reply:
        """What nobody thought of: said to the operator by its place alone, since its text may be a caller's."""
        at = traceback.extract_tb(error.__traceback__)[-1]
        print(f"forgejo-shim: {type(error).__name__} at {at.filename}:{at.lineno}", file=sys.stderr, flush=True)
        return Reply(500, [JSON], FAILED, cause="proxy-failed")

    async def _other(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if is_own(path):
            if self.options.own_is_apart:
                return await self._say(request, 404, "text/plain", b"404 page not found\n")
            return await self._own(request, path)
        if not request.raw_path.startswith("/"):
            raise BadRequest("the target is no path; a proxy for clients is not offered here", 400, cause="")
        if path == SWAGGER and request.method in ("GET", "HEAD"):
            return await self.swagger.answer(request, self._ask_without, self.options.idle)
        if path == FACE + SWAGGER and request.method in ("GET", "HEAD"):
            return await self._say(request, 200, JSON[1], self.swagger.of_face)
        if wants_websocket(request):
            return await websocket(request, self.upstream, self.peer(request), self.options.identity)
        return await pass_on(request, await self._ask(request), self.options.idle)

    async def _own(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return await self._say(request, 405, "text/plain", b"405 method not allowed\n")
        match path.removeprefix(OWN).removeprefix("/"):
            case "":
                return await self._say(request, 200, "text/plain", (ABOUT % self.options.version).encode())
            case "healthz":
                return await self._say(request, 200, "text/plain", b"alive\n")
            case "readyz":
                ready = await self.health.ready()
                return await self._say(request, 200 if ready.ok else 503, JSON[1], ready.as_bytes())
            case "metrics":
                return await self._say(request, 200, CONTENT_TYPE, self.metrics.text())
        return await self._say(request, 404, "text/plain", b"404 page not found\n")

    async def _say(self, request: web.BaseRequest, status: int, kind: str, body: bytes) -> web.StreamResponse:
        headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
        return await reply(request, Reply(status, headers, body), self.options.idle, "")

    async def _operation(
        self, request: web.BaseRequest, operation: Operation, query: str, name: str
    ) -> web.StreamResponse:
        peer = self.peer(request)
        headers = Headers(to_upstream(head_in(request), peer, self.options.identity))
        who = caller_of(headers, query, peer)
        net = UpstreamNet(self.upstream, self.signing_in, headers, partial(self.searches.one, who), peer.base_url)
        target = ""
        if operation.is_of_face:
            with self.streams.one_more(who):
                meant = await translate(net, self.server, operation, headers, self.rights.of(headers, query))
            if isinstance(meant, Reply):
                meant.headers.append(("X-Request-Id", name))
                return await reply(request, meant, self.options.idle)
            operation, target = meant, meant.target
        has = await capability(net, self.server, operation)
        if has is Capability.PRESENT or (has is Capability.UNKNOWN and operation.method == operation.verb):
            native = await self._ask(request, target)
            kind = native.headers.get("Content-Type", "")
            text = await native.read() if native.status == 404 and kind.startswith("text/plain") else b""
            if not await learn_from(net, self.server, operation, native.status, kind, text):
                if text:
                    found = Reply(native.status, Headers(head_of(native)).without("Content-Length"), text)
                    return await reply(request, found, self.options.idle, "native")
                return await pass_on(request, native, self.options.idle, "native")
        caller = self.rights.of(headers, query)
        with self.streams.one_more(who):
            made = await answer(net, self.server, operation, headers, caller, self.options.writes)
            made.headers.append(("X-Request-Id", name))
            if isinstance(made.body, bytes):
                return await reply(request, made, self.options.idle)
            return await self._stream(request, made, operation, net, caller)

    async def _stream(
        self, request: web.BaseRequest, made: Reply, operation: Operation, net: UpstreamNet, caller: Caller
    ) -> web.StreamResponse:
        """Send a body that may outlive the time for which the caller's yes is kept."""
        assert not isinstance(made.body, bytes)
        if isinstance(made.body, AsyncIterator):
            chunks = made.body
            made.headers.append(UNBUFFERED)
        else:
            chunks = pieces(made.body)

        async def may() -> bool:
            reader = Reader(net, self.server, operation.repo, operation.query) if operation.repo else None
            return reader is not None and await question(reader, operation, Afresh(caller)) is None

        kind = "follow" if "follow" in operation.parts else "log"
        with self.metrics.streams.labels(kind).track_inprogress():
            async with asked_again(max(self.options.keep, 1.0), may, lambda: break_off(request)) as through:
                made.body = through(chunks)
                return await reply(request, made, self.options.idle)

    def _note(
        self,
        request: web.BaseRequest,
        out: web.StreamResponse | None,
        operation: Operation | None,
        path: str,
        name: str,
        seconds: float,
    ) -> None:
        """Count and log a request at its end."""
        template = operation.template if operation else ""
        status = out.status if out is not None else LEFT
        backend = (out.headers.get(MARK) if out is not None else None) or ("own" if is_own(path) else "pass")
        size = request.writer.output_size
        self.metrics.note(template, backend, status, seconds, size)
        if self.log:
            broken = request.transport is None or request.transport.is_closing()
            cause = out.cause if isinstance(out, Outgoing) else ""
            given = request.raw_path.partition("?")[0]
            shown = given if given.startswith("/") else "-"  # http://name:password@host/ may be sent, too
            self.log.note(name, request.method, shown, status, size, seconds, backend, template, broken, cause)

    async def _ask(self, request: web.BaseRequest, target: str = "") -> aiohttp.ClientResponse:
        return await ask(request, self.upstream, self.peer(request), self.options.identity, target)

    async def _ask_without(self, request: web.BaseRequest, without: tuple[str, ...]) -> aiohttp.ClientResponse:
        """GET what a caller asks for without some of its headers."""
        headers = Headers(to_upstream(head_in(request), self.peer(request), self.options.identity)).without(*without)
        return await self.upstream.open("GET", request.raw_path, headers)

    def peer(self, request: web.BaseRequest) -> Peer:
        """Who sent the request."""
        address = request.remote or ""
        listed = bool(self.options.trusted) and is_listed(address, self.options.trusted)
        told = request.headers if listed else {}
        scheme, host = told.get("X-Forwarded-Proto", request.scheme), request.headers.get("Host", "")
        return Peer(address, listed, scheme, told.get("X-Forwarded-Host", host))

    async def close(self, patience: float = 2.0) -> None:
        """Wait for what was cut off to end, then close everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.under_way:
                    await asyncio.sleep(0.01)
        await self.upstream.close()
        if self.log:
            self.log.close()


def is_own(path: str) -> bool:
    """Whether a path is the proxy's own and never the server's."""
    return path == OWN or path.startswith(f"{OWN}/")


def known(method: str, path: str, query: str, *, face: bool) -> Operation | None:
    """The operation that a request asks for: of forgejo-proxy's (`face`: below `/api/v1` too), the additions or the
    contract."""
    ours = recognise_face(method, path, query, everywhere=face)
    return ours or recognise_addition(method, path, query) or recognise(method, path, query)
