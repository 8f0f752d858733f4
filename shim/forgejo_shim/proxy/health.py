"""Whether the proxy can do its work: the server behind answers, and the web session is good or not needed.

Rules: one check at a time and at most one in `EVERY` seconds, whatever the load; each ends within `PATIENCE` seconds.
Who shows figures waits `SOON` seconds for one, then takes the finding before. A shared state that cannot be used is
told, and is no reason not to be asked: each replica goes on without it. Reasons are causes (spec/README.md) and never
name an account: whoever reaches the proxy may read them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass

from ..api import is_forgejos
from ..capabilities import UNKNOWN as NOTHING_KNOWN
from ..capabilities import Capability
from ..errors import NotForgejo, ShimError, Unreachable
from ..operations import API, CONTRACT
from ..server import Server
from ..transport import BrokenBody, Transport, read_head
from .changes import Changes
from .conditions import Condition, Part, Since, Watched

EVERY = 5.0  # seconds for which a finding holds
PATIENCE = 10.0  # seconds a check may take
PARTS = "upstream", "web_session"
SOON = 2.0  # seconds within which figures are shown


@dataclass(frozen=True)
class Ready:
    """The finding."""

    upstream: Part
    web_session: Part
    shared_state: Part | None = None

    @property
    def ok(self) -> bool:
        """Whether requests can be served now."""
        return self.upstream.ok and self.web_session.ok

    def part(self, name: str) -> Part:
        """One of the two by its name."""
        return self.upstream if name == "upstream" else self.web_session

    def as_bytes(self) -> bytes:
        """As JSON, what is not known left out."""
        told = {name: part for name, part in asdict(self).items() if part}
        parts = {name: {k: v for k, v in part.items() if v is not None} for name, part in told.items()}
        return json.dumps({"ready": self.ok, **parts}).encode() + b"\n"


UNKNOWN = Part(False, "not checked")


class Health:
    """The checks of one proxy. `net` asks without a caller; `writes`: whether the web session has to write, too;
    `changes` are what traffic notices of the server and of the web session.

    `version` is what the server said last of its own, "" if nothing; `known` what it was last seen to offer.
    """

    def __init__(
        self,
        net: Transport,
        server: Server,
        now: Callable[[], float] = time.monotonic,
        *,
        writes: bool = True,
        changes: Iterable[Changes] = (),
        watched: Iterable[Watched] = (),
    ) -> None:
        self.version, self.known = "", NOTHING_KNOWN
        self._parts = [(name, one, Since(one.since)) for name, one in zip(PARTS, changes, strict=False)]
        self._watched = tuple(watched)
        self._asking: asyncio.Task[Ready] | None = None
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
                for name, changes, since in self._parts:
                    since.note(found.part(name), changes.since)
            return self._found[1]

    async def conditions(self) -> list[Condition]:
        """How everything is; where a check takes longer than `SOON`, as it was found before."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self.ready())
        await asyncio.wait({self._asking}, timeout=SOON)
        found = self._found[1] if self._found else Ready(UNKNOWN, UNKNOWN)
        return [Condition(name, found.part(name), since.at) for name, _, since in self._parts] + [
            one.condition() for one in self._watched
        ]

    async def _check(self) -> Ready:
        upstream = await _part(self._upstream)
        web_session = await _part(self._web_session) if upstream.ok else UNKNOWN
        return Ready(upstream, web_session, next((one.condition().part for one in self._watched), None))

    async def _upstream(self) -> Part:
        self.version = await self.reach()
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
        self.known = known = await self._server.capabilities(self._net)
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
