"""A request under way: who sent it, and what it is called in log and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ..faces.face import Face, Reply
from ..operations import Call
from .headers import Network, Peer, is_listed
from .own import is_own


@dataclass
class Exchange:
    """Its name in the logs, its path as Forgejo's router sees it, its query, the face that answers it, and what that
    knows it as."""

    name: str
    path: str
    query: str
    face: Face
    known: Call | Reply | None = None

    @property
    def call(self) -> Call | None:
        """The operation that it calls."""
        return self.known if isinstance(self.known, Call) else None

    @property
    def backend(self) -> str:
        """Who answers where no operation is called."""
        return "own" if isinstance(self.known, Reply) or is_own(self.path) else "pass"


def peer_of(request: web.BaseRequest, trusted: Sequence[Network]) -> Peer:
    """Who sent a request; peers in `trusted` networks may say for whom."""
    address = request.remote or ""
    listed = bool(trusted) and is_listed(address, trusted)
    told = request.headers if listed else {}
    scheme, host = told.get("X-Forwarded-Proto", request.scheme), request.headers.get("Host", "")
    return Peer(address, listed, scheme, told.get("X-Forwarded-Host", host))
