"""The proxy itself: what is done with each request.

What is asked for is read of the path as Forgejo's router would see it (router.py); what passes is the path as it came.

1. `/-/shim` and what is below it is the proxy's own (health.py, metrics.py), never the server's.
2. A call of an operation, by one of the faces: natively where the server has it, else by the flows, which ask the API
   in the caller's name first (flows/dispatch.py; flows/rights.py keeps a yes for a short time). A stream that outlives
   that time is asked for again, and ends at the first no.
3. `/swagger.v1.json` is the server's with what the proxy adds (swagger.py). All else passes through (relay.py).
A request that has come through this proxy before is 508: its own address was given to it as the server behind.
An error of the shim's is the JSON that Forgejo would give, with a `cause`. Each request is counted and logged once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from time import perf_counter, time
from typing import cast

from aiohttp import web

from ..errors import BadRequest, ServerRefusal, ShimError, Unreachable, loop
from ..faces.all import FORGEJO_PROXY
from ..faces.face import Face, Reply, recognise
from ..faces.forgejo import JSON
from ..faces.forgejo_proxy import ROOT
from ..flows.dispatch import Native, Request, dispatch
from ..flows.log_parts import LogPart
from ..flows.rights import Caller, Uncached, check_may_read
from ..models import Headers, Pairs
from ..operations import Call
from ..router import routed
from ..server import Server
from ..transport import BrokenBody
from .access import AccessLog
from .aiohttp_inside import CallerResponse
from .exchange import Exchange, peer_of
from .faces_at import FacesAt
from .headers import CONDITIONS, Peer, end_to_end, to_upstream
from .health import Health
from .limits import asked_again, callers_of
from .metrics import METRICS, Metrics
from .options import Options
from .own import NOT_FOUND, OwnPages, is_own, say
from .relay import MARK, ask, body_of, break_off, pass_on, reply, request_headers, wants_websocket, websocket
from .state import State
from .swagger import SWAGGER, Swagger
from .tickets import Tickets, has_ticket, let_go, moved
from .upstream import NAME, THE_SERVER, Upstream, UpstreamAnswer
from .upstream_transport import NativeUpstream, UpstreamTransport, pieces

FAILED = b'{"message":"the proxy failed at this; see its log","cause":"proxy-failed"}'
UNBUFFERED = ("X-Accel-Buffering", "no")  # to nginx and those that do as it does: each piece at once, not many together
LEFT = 499  # the status in log and metrics of a request whose caller went away before the answer


class Proxy:
    """A handler for aiohttp's low-level server. Made and closed within the running loop."""

    def __init__(self, options: Options, log: AccessLog | None = None) -> None:
        self.options, self.log = options, log
        self.upstream = Upstream(options)
        self.state = State(options, self._signed_in)
        self.session, self.rights = self.state.session, self.state.rights
        self.server = Server(options.upstream, self.session, self.state.store)
        self.faces = FacesAt(options.faces, options.gitea_host, time)
        self.swagger = Swagger(writes=options.writes and options.web is not None, face=FORGEJO_PROXY in options.faces)
        self.tickets = Tickets(self.server.store, options.upstream, options.identity)
        self.signing_in = asyncio.Lock()
        net, both = UpstreamTransport(self.upstream, self.signing_in, ()), (self.upstream.changes, self.session.changes)
        watched = (*options.watched, *self.state.watched)
        self.health = Health(net, self.server, writes=options.writes, changes=both, watched=watched)
        self.metrics = Metrics(options.version, options.shared and options.shared / METRICS, options.since)
        self.own_pages = OwnPages(options, self.health, self.metrics)
        self.under_way = self._sign_ins = 0
        self._ids = map(f"{os.urandom(4).hex()}-{{:x}}".format, count(1))
        self._count()

    def _count(self) -> None:
        counter, gauge = self.metrics.counter, self.metrics.gauge
        counter("upstream_requests", "Requests sent to the server behind.", lambda: self.upstream.sent)
        counter("sign_ins", "Sign-ins of the web account that went well.", lambda: self._sign_ins)
        counter("kept_answers_used", "Questions of a caller's rights not put, by a kept yes.", lambda: self.rights.used)
        gauge("sign_in_refusals", "Sign-ins of the web account that failed in a row.", lambda: self.session.refusals)
        gauge(
            "streams_of_busiest_caller", "Answers from the web that one caller has under way.", self.state.streams.most
        )
        gauge("streams_per_caller", "How many one caller may have under way.", lambda: self.options.streams)
        counter("log_lines_lost", "Lines of the access log not written.", lambda: self.log.lost if self.log else 0)

    def _signed_in(self, cookies: dict[str, str]) -> None:
        self._sign_ins += 1

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started = perf_counter()
        given, _, query = request.raw_path.partition("?")
        asked = Exchange(next(self._ids), routed(given), query, self.faces.forgejo)
        out: web.StreamResponse | None = None
        self.under_way += 1
        try:
            out = await self._answering(request, asked)
        except ConnectionError:  # the caller's
            raise
        except Exception as error:
            out = await self._failed(request, asked, error)
        finally:
            self.under_way -= 1
            self._note(request, out, asked, perf_counter() - started)
        return out

    async def own(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request at the address that is the proxy's own."""
        return await self.own_pages.answer(request, routed(request.raw_path.partition("?")[0]))

    def _answering(self, request: web.BaseRequest, asked: Exchange) -> Awaitable[web.StreamResponse]:
        """What answers a request. Raises ShimError."""
        if self.upstream.name in request.headers.getall(NAME, ()):
            return self._looped(request)
        if self.options.faces or "/actions/" in asked.path:
            peer = self.peer(request)
            if found := recognise(self.faces.at(peer.host), request.method, asked.path, asked.query, peer.base_url):
                asked.face, asked.known = found
                if isinstance(asked.known, Reply):
                    return self._say(request, asked, asked.known, "")
                if asked.known.by_address and has_ticket(asked.query):
                    return self._with_ticket(request, asked)
                return self._answer(request, asked, asked.known, self._headers(request))
        return self._other(request, asked.path)

    async def _failed(self, request: web.BaseRequest, asked: Exchange, error: Exception) -> web.StreamResponse:
        """Answer with an error; where an answer had begun, it is broken off."""
        if isinstance(error, BrokenBody):
            error = Unreachable(f"{THE_SERVER} cannot be reached: {error}; try again later")
        made = self._refusal(request, asked.face, error)
        if request.writer.output_size:
            break_off(request)
            raise ConnectionResetError("the answer had begun")
        return await self._say(request, asked, made, "web" if asked.call else "")

    async def _say(
        self, request: web.BaseRequest, asked: Exchange, made: Reply, backend: str = "web"
    ) -> web.StreamResponse:
        """Answer as the face does."""
        made.headers += asked.face.headers(asked.name)
        return await reply(request, made, self.options.idle, backend)

    async def _looped(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request of this proxy's own that has come back: says so to itself (`Upstream` knows the name)."""
        made = self._refusal(request, self.faces.forgejo, loop())
        made.headers += [(NAME, self.upstream.name), ("Cache-Control", "no-store")]
        return await reply(request, made, self.options.idle, "")

    def _refusal(self, request: web.BaseRequest, face: Face, error: Exception) -> Reply:
        if not isinstance(error, ShimError) or type(error) is ShimError:
            return self._fault(error)
        return face.render_error(error, self.peer(request).base_url)

    def _fault(self, error: Exception) -> Reply:
        """What nobody thought of: said to the operator by its place alone, since its text may be a caller's."""
        at = traceback.extract_tb(error.__traceback__)[-1]
        print(f"forgejo-shim: {type(error).__name__} at {at.filename}:{at.lineno}", file=sys.stderr, flush=True)
        return Reply(500, [JSON], FAILED, cause="proxy-failed")

    async def _other(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if is_own(path):
            if self.options.own_is_apart:
                return await say(request, NOT_FOUND, self.options.idle, 404)
            return await self.own_pages.answer(request, path)
        if not request.raw_path.startswith("/"):
            raise BadRequest("the target is no path; a proxy for clients is not offered here", 400, cause="")
        if path == SWAGGER and request.method in ("GET", "HEAD"):
            return await self.swagger.answer(request, self._ask_without, self.options.idle)
        if path == ROOT + SWAGGER and request.method in ("GET", "HEAD"):
            return await say(request, self.swagger.of_face, self.options.idle, kind=JSON[1])
        if wants_websocket(request):
            return await websocket(request, self.upstream, self._headers(request))
        target, back = self.faces.handed(request.raw_path)
        passed = await ask(request, self.upstream, self._headers(request), target)
        return await pass_on(request, passed, self.options.idle, back=back)

    async def _with_ticket(self, request: web.BaseRequest, asked: Exchange) -> web.StreamResponse:
        """Answer a request that comes with a ticket as the one that this stands for."""
        method, path, given = request.method, asked.path, Headers(self._headers(request))
        query, headers = await self.tickets.caller(method, path, asked.query, given)
        known = asked.face.recognise(method, path, query)
        assert isinstance(known, Call)
        return await self._answer(request, asked, replace(known, by_address=False), list(headers))

    async def _answer(
        self, request: web.BaseRequest, asked: Exchange, call: Call, to_server: Pairs
    ) -> web.StreamResponse:
        """Answer a call of an operation; the server gets the headers `to_server`."""
        to_server = Headers(to_server).without(*CONDITIONS) if call.by_address else to_server
        peer, headers = self.peer(request), Headers(to_server)
        who, caller = callers_of(headers, call.query, peer, self.state.name), self.rights.of(headers, call.query)
        net = UpstreamTransport(
            self.upstream,
            self.signing_in,
            headers,
            partial(self.state.searches.one, who),
            peer.base_url,
            partial(ask, request, self.upstream, to_server, method=call.method if call.as_value else ""),
        )
        async with AsyncExitStack() as until_sent:
            count = partial(until_sent.enter_async_context, self.state.streams.slot(who))
            asks = Request(headers, caller, self.options.writes, count, partial(body_of, request, self.options.idle))
            value = await dispatch(net, self.server, call, asks)
            if call.by_address:
                await let_go(value)
                address = await self.tickets.address(asked.path, asked.query, headers)
                return await self._say(request, asked, moved(peer.base_url + address))
            more = asked.face.headers(asked.name)
            if isinstance(value, Native):
                await until_sent.aclose()
                return await self._native(request, cast(NativeUpstream, value.answer), more if call.as_value else [])
            made = asked.face.render(value, call, peer.base_url)
            if isinstance(made.body, bytes) or request.method == "HEAD":
                return await self._say(request, asked, made)
            made.headers += more
            grows = isinstance(value, LogPart) and value.grows
            return await self._stream(request, made, call, net, caller, "follow" if grows else "log")

    async def _native(self, request: web.BaseRequest, native: NativeUpstream, more: Pairs) -> web.StreamResponse:
        if native.told:
            kept = Headers(end_to_end(native.headers)).without("Content-Length")
            return await reply(request, Reply(native.status, [*kept, *more], native.told), self.options.idle, "native")
        return await pass_on(request, native.response, self.options.idle, [(MARK, "native"), *more])

    async def _stream(
        self, request: web.BaseRequest, made: Reply, call: Call, net: UpstreamTransport, caller: Caller, kind: str
    ) -> web.StreamResponse:
        """Send a body that may outlive the time for which the caller's yes is kept; `kind` is for the figures."""
        assert not isinstance(made.body, bytes)
        if isinstance(made.body, AsyncIterator):
            chunks = made.body
            made.headers.append(UNBUFFERED)
        else:
            chunks = pieces(made.body)

        async def may() -> bool:
            with suppress(ServerRefusal):
                await check_may_read(net, call, Uncached(caller))
                return True
            return False

        with self.metrics.streams.labels(kind).track_inprogress():
            async with asked_again(max(self.options.keep, 1.0), may, lambda: break_off(request)) as through:
                made.body = through(chunks)
                return await reply(request, made, self.options.idle)

    def _note(self, request: web.BaseRequest, out: web.StreamResponse | None, asked: Exchange, seconds: float) -> None:
        """Count and log a request at its end."""
        route = asked.call.route if asked.call else ""
        status = out.status if out is not None else LEFT
        backend = (out.headers.get(MARK) if out is not None else None) or asked.backend
        size = request.writer.output_size
        cause = out.cause if isinstance(out, CallerResponse) else ""
        self.metrics.note(route, backend, status, seconds, size, cause)
        if self.log:
            broken = request.transport is None or request.transport.is_closing()
            given = request.raw_path.partition("?")[0]
            shown = given if given.startswith("/") else "-"  # http://name:password@host/ may be sent, too
            self.log.note(asked.name, request.method, shown, status, size, seconds, backend, route, broken, cause)

    async def _ask_without(self, request: web.BaseRequest, without: tuple[str, ...]) -> UpstreamAnswer:
        """GET what a caller asks for without some of its headers."""
        headers = Headers(self._headers(request)).without(*without)
        return await self.upstream.open("GET", request.raw_path, headers)

    def _headers(self, request: web.BaseRequest) -> Pairs:
        """A request's headers as the server behind gets them. Raises BadRequest."""
        return to_upstream(request_headers(request), self.peer(request), self.options.identity)

    def peer(self, request: web.BaseRequest) -> Peer:
        """Who sent the request."""
        return peer_of(request, self.options.trusted)

    async def close(self, patience: float = 2.0) -> None:
        """Wait for what was cut off to end, then close everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.under_way:
                    await asyncio.sleep(0.01)
        await self.state.close()
        await self.upstream.close()
        self.metrics.take()
        if self.log:
            self.log.close()
