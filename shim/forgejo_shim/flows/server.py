"""One server as the flows see it: what it offers, how its web UI is asked, and the shim's session there.

Rules: capabilities per operation, from `/swagger.v1.json`, corrected by what the server was seen to answer; both they
and the dialect are kept for an hour. The document is read without any credential: it is a web route
(routers/web/web.go, 11.0.15 to 16), and tokens go to `/api` only.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from ..capabilities import UNKNOWN, Capabilities, Capability, read_swagger
from ..web import Dialect
from .kept import LIFE, SERVER, State
from .net import JSON_LIMIT, Net, whole
from .websession import USER_AGENT, WebSession


class Server:
    """What is known of the server at `base_url`, shared by all requests to it."""

    def __init__(self, base_url: str, session: WebSession, state: State) -> None:
        self.base_url = base_url
        self.session = session
        self.state = state

    @property
    def dialect(self) -> Dialect:
        """The dialect of the web UI as far as it has been seen."""
        return Dialect(**(self.state.get(self.base_url, SERVER, "dialect") or {}))

    def learn_dialect(self, **seen: bool | None) -> None:
        """Note what an answer told of the dialect."""
        if (dialect := replace(self.dialect, **seen)) != self.dialect:
            self.state.put(self.base_url, SERVER, "dialect", asdict(dialect))

    async def capabilities(self, net: Net) -> Capabilities:
        """What the server offers: kept for an hour, else one read of its swagger document."""
        kept = self.state.get(self.base_url, SERVER, "capabilities")
        if kept and 0 <= net.now() - kept["at"] < LIFE:
            return _load(kept)
        answer = await net.web("GET", "/swagger.v1.json", [("User-Agent", USER_AGENT), ("Accept", "application/json")])
        found = UNKNOWN
        if answer.status == 200:
            found = read_swagger(await whole(answer, JSON_LIMIT, f"the swagger document of {net.called}"))
        else:
            await answer.close()
        self.state.put(self.base_url, SERVER, "dialect", None)
        self._keep(found, net)
        return found

    def correct(self, net: Net, known: Capabilities, method: str, template: str, present: bool) -> None:
        """Note that an operation was seen to be present or absent, whatever the document says."""
        wanted = Capability.PRESENT if present else Capability.ABSENT
        if known.of(method, template) is not wanted:
            self._keep(known.corrected(method, template, present), net)

    def _keep(self, known: Capabilities, net: Net) -> None:
        operations = None if known.operations is None else sorted(known.operations)
        value = {"at": net.now(), "operations": operations, "version": known.version, "seen": sorted(known.seen)}
        self.state.put(self.base_url, SERVER, "capabilities", value)


def _load(kept: dict[str, Any]) -> Capabilities:
    operations = None if kept["operations"] is None else frozenset(kept["operations"])
    return Capabilities(operations, kept["version"], frozenset((name, present) for name, present in kept["seen"]))
