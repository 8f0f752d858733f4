"""What serving needs, each thing tried once as serving would do it.

Rules: nothing listens, and there is one sign-in at most. What needs the server is not tried where that does not answer.
Each trial ends within `PATIENCE` seconds. What is said names the server by its address: it is the operator who reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_hex

from ..capabilities import Capability
from ..errors import ShimError, Unreachable
from ..operations import CONTRACT
from ..server import Server
from ..store.facts import SERVER
from ..store.memory import MemoryStore
from ..store.protocol import Store
from ..store.shared import SharedStore
from ..store.shared_places import SharedPlaces
from ..transport import BrokenBody
from ..webui.session import WebSession
from .certificate import Certificate
from .health import PATIENCE, Health
from .options import Options
from .state import why
from .upstream import THE_SERVER, Upstream
from .upstream_transport import UpstreamTransport


@dataclass(frozen=True)
class Tried:
    """One thing that was tried, what is said of it, and the error if it does not work."""

    name: str
    says: str
    error: ShimError | None = None


async def tried(
    options: Options, certificate: Callable[[], Certificate | None], store: Callable[[], Store]
) -> AsyncIterator[Tried]:
    """Everything, one after the other; `certificate` and `store` open what the options name."""

    async def ends() -> str:
        return _validity(certificate())

    async def keeps() -> str:
        return await _state(store(), options.upstream)

    server = TriedServer(replace(options, say=lambda line: None))
    try:
        yield (upstream := await _one("upstream", server.reach()))
        for name, trial in (("operations", server.operations), ("account", server.account)):
            yield Tried(name, "not tried") if upstream.error else await _one(name, trial())
    finally:
        await server.close()
    yield await _one("certificate", ends())
    yield await _one("state", keeps())


async def _one(name: str, trial: Awaitable[str]) -> Tried:
    try:
        async with asyncio.timeout(PATIENCE):
            return Tried(name, await trial)
    except TimeoutError:
        error: ShimError = Unreachable(f"no answer within {PATIENCE:g} s; try again later")
    except (BrokenBody, OSError) as broken:
        error = Unreachable(f"the answer broke off: {broken}; try again later")
    except ShimError as found:
        error = found
    return Tried(name, error.message, error)


class TriedServer:
    """The trials of the server that `options` name. Used within the running loop; `close` at the end."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._upstream = Upstream(options)
        self._session = WebSession(options.web)
        self._server = Server(options.upstream, self._session, MemoryStore())
        self._net = UpstreamTransport(self._upstream, asyncio.Lock(), ())
        self._net.server_name = options.upstream
        self._health = Health(self._net, self._server, writes=options.writes)

    async def reach(self) -> str:
        """Ask for the version. Raises ShimError."""
        try:
            version = await self._health.reach()
        except ShimError as error:
            error.message = error.message.replace(THE_SERVER, self._options.upstream)
            raise
        return f"{self._options.upstream} is a Forgejo{f' {version}' if version else ' that tells no version'}"

    async def operations(self) -> str:
        """Read the swagger document. Raises ShimError."""
        known = await self._server.capabilities(self._net)
        found = [known.of(row.method, row.path) for row in CONTRACT]
        if Capability.UNKNOWN in found:
            return "/swagger.v1.json tells nothing of operations; each is tried when it is asked for"
        return f"{found.count(Capability.PRESENT)} of the {len(CONTRACT)} are the server's own"

    async def account(self) -> str:
        """Sign in. Raises ShimError."""
        if self._options.web is None:
            return "none is given; what is made from the web UI is of public repositories only"
        await self._session.ensure_signed_in(self._net)
        return f"the {self._session.account} is signed in"

    async def close(self) -> None:
        """Close the connections."""
        await self._upstream.close()


def _validity(certificate: Certificate | None) -> str:
    if certificate is None:
        return "none is given; it serves plain HTTP"
    ends = certificate.ends()
    if ends <= datetime.now(UTC):
        raise ShimError(f"the certificate {certificate.name} ended on {ends:%Y-%m-%d %H:%M} UTC; renew it")
    return f"{certificate.name} fits its key, and ends on {ends:%Y-%m-%d %H:%M} UTC"


async def _state(store: Store, base: str) -> str:
    if isinstance(store, MemoryStore):
        return "kept in memory, until it ends"
    mark = token_hex(8)
    await store.put(base, SERVER, {f"check {mark}": mark}, ttl=PATIENCE)
    if await store.get(base, SERVER, [f"check {mark}"]) != [mark]:
        raise ShimError("the state cannot be written and read; see who may write it, and whether it has room")
    if isinstance(store, SharedStore):
        places = SharedPlaces(store, base)
        await places.take({f"check {mark}": 1}, mark)
        await places.leave([f"check {mark}"], mark)
        await store.close()
        if store.trouble:
            raise ShimError(f"the shared state cannot be used: {why(store.trouble)}")
    return "can be written and read"
