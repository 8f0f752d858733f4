"""One server as the flows see it: what it offers, how its web UI is asked, and the shim's session there.

Rules: capabilities per operation, from `/swagger.v1.json`, corrected by what the server was seen to answer; kept for an
hour. The dialect is learnt from each page that tells it, and never forgotten while flows go by it. The document is read
without any credential: it is a web route (routers/web/web.go, 11.0.15 to 16), and tokens go to `/api` only.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from .capabilities import UNKNOWN, Capabilities, Capability, parse_swagger
from .operations import Operation
from .store.facts import CACHE_SECONDS, SERVER
from .store.protocol import Store
from .transport import JSON_LIMIT, Transport, read_all
from .webui.grammar import Dialect
from .webui.session import USER_AGENT, WebSession


class Server:
    """What is known of the server at `base_url`, shared by all requests to it.

    `dialect` is that of its web UI as far as it has been seen; `capabilities` reads what is kept of it.
    """

    def __init__(self, base_url: str, session: WebSession, store: Store) -> None:
        self.base_url = base_url
        self.session = session
        self.store = store
        self.dialect = Dialect()

    async def learn_dialect(self, **seen: bool | None) -> None:
        """Note what an answer told of the dialect."""
        if (dialect := replace(self.dialect, **seen)) != self.dialect:
            self.dialect = dialect
            await self.store.put(self.base_url, SERVER, {"dialect": asdict(dialect)}, CACHE_SECONDS)

    async def capabilities(self, net: Transport) -> Capabilities:
        """What the server offers: kept for an hour, else one read of its swagger document."""
        kept, dialect = await self.store.get(self.base_url, SERVER, ["capabilities", "dialect"])
        if kept and 0 <= net.now() - kept["at"] < CACHE_SECONDS:
            if dialect and self.dialect == Dialect():  # else this process knows better: each page tells it again
                self.dialect = Dialect(**dialect)
            return _load(kept)
        headers = [("User-Agent", USER_AGENT), ("Accept", "application/json")]
        answer = await net.web("GET", "/swagger.v1.json", headers)
        found = UNKNOWN
        if answer.status == 200:
            found = parse_swagger(await read_all(answer, JSON_LIMIT, f"the swagger document of {net.server_name}"))
        else:
            await answer.close()
        await self.store.put(self.base_url, SERVER, _kept(found, net.now()), CACHE_SECONDS)
        return found

    async def correct(self, net: Transport, known: Capabilities, operation: Operation, present: bool) -> None:
        """Note that an operation was seen to be present or absent, whatever the document says."""
        wanted = Capability.PRESENT if present else Capability.ABSENT
        if known.of(operation.method, operation.path) is not wanted:
            corrected = known.corrected(operation.method, operation.path, present)
            await self.store.put(self.base_url, SERVER, _kept(corrected, net.now()), CACHE_SECONDS)


def _kept(known: Capabilities, now: float) -> dict[str, Any]:
    operations = None if known.operations is None else sorted(known.operations)
    value = {"at": now, "operations": operations, "version": known.version, "seen": sorted(known.seen)}
    return {"capabilities": value}


def _load(kept: dict[str, Any]) -> Capabilities:
    operations = None if kept["operations"] is None else frozenset(kept["operations"])
    return Capabilities(operations, kept["version"], frozenset((name, present) for name, present in kept["seen"]))
