"""Whether the proxy can do its work: the server behind answers, and the web session is good or not needed.

Rules: one check at a time and at most one in `EVERY` seconds, whatever the load; each ends within `PATIENCE` seconds.
Reasons are causes (spec/README.md) and never name an account: whoever reaches the proxy may read them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from ..api import is_forgejos
from ..capabilities import Capability
from ..errors import NotForgejo, ShimError, Unreachable
from ..operations import API, CONTRACT
from ..server import Server
from ..transport import BrokenBody, Transport, read_head

EVERY = 5.0  # seconds for which a finding holds
PATIENCE = 10.0  # seconds a check may take


@dataclass(frozen=True)
class Part:
    """One thing that has to work; `retry_in` are the seconds until it is tried again, if that waits on purpose."""

    ok: bool
    says: str
    retry_in: int | None = None


@dataclass(frozen=True)
class Ready:
    """The finding."""

    upstream: Part
    web_session: Part

    @property
    def ok(self) -> bool:
        """Whether requests can be served now."""
        return self.upstream.ok and self.web_session.ok

    def as_bytes(self) -> bytes:
        """As JSON, what is not known left out."""
        parts = {name: {k: v for k, v in part.items() if v is not None} for name, part in asdict(self).items()}
        return json.dumps({"ready": self.ok, **parts}).encode() + b"\n"


UNKNOWN = Part(False, "not checked")


class Health:
    """The checks of one proxy. `net` asks without a caller; `writes`: whether the web session has to write, too."""

    def __init__(
        self, net: Transport, server: Server, now: Callable[[], float] = time.monotonic, *, writes: bool = True
    ) -> None:
        self._net = net
        self._server = server
        self._from_web = [row for row in CONTRACT if not row.native_only and (writes or not row.writes)]
        self._now = now
        self._checking = asyncio.Lock()
        self._found: tuple[float, Ready] | None = None

    async def ready(self) -> Ready:
        """What was found within the last seconds, or is found now."""
        async with self._checking:
            if self._found is None or self._now() - self._found[0] >= EVERY:
                found = await self._check()
                self._found = self._now(), found
            return self._found[1]

    async def _check(self) -> Ready:
        upstream = await _part(self._upstream)
        return Ready(upstream, await _part(self._web_session) if upstream.ok else UNKNOWN)

    async def _upstream(self) -> Part:
        await self.reach()
        return Part(True, "reachable")

    async def reach(self) -> str:
        """The version of the server behind, "" if it tells none. Raises ShimError if that is no Forgejo's answer."""
        answer = await self._net.api(f"{API}/version")
        body = await read_head(answer)
        if answer.status >= 500:
            raise Unreachable("the server failed", cause="server-failed")
        refused = answer.status in (401, 403) and is_forgejos(answer.status, "", body)  # where all wants a sign-in
        version = _version(body) if answer.status == 200 else None
        if not refused and version is None:
            raise NotForgejo("the server is no Forgejo")
        return version or ""

    async def look(self, say: Callable[[str], None]) -> None:
        """Ask the server behind once, so that the operator learns at the start what is wrong with it."""
        try:
            await self.reach()
        except NotForgejo:
            say(f"{self._server.base_url} answers, but not as a Forgejo; check the address")
        except (ShimError, BrokenBody):  # told already, or nothing that lasts
            pass

    async def _web_session(self) -> Part:
        session = self._server.session
        known = await self._server.capabilities(self._net)
        if all(known.of(row.method, row.path) is Capability.PRESENT for row in self._from_web):
            return Part(True, "not needed")
        if session.credentials is None:
            return Part(True, "anonymous")
        await session.ensure_signed_in(self._net)
        return Part(True, "signed in")


def _version(body: bytes) -> str | None:
    """The version in Forgejo's answer; None if it is not its answer."""
    try:
        version = json.loads(body).get("version")
    except (ValueError, AttributeError, RecursionError):
        return None
    return version if isinstance(version, str) else None


async def _part(check: Callable[[], Awaitable[Part]]) -> Part:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check()
    except ShimError as error:
        return Part(False, error.cause or "error", error.retry_after)
    except (BrokenBody, TimeoutError, OSError):
        return Part(False, "unreachable")
