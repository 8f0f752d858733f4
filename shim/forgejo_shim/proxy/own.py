"""`/-/shim`: the proxy's own pages, which never reach the server behind."""

from __future__ import annotations

from aiohttp import web

from ..faces.face import Reply
from ..faces.forgejo import JSON
from .health import Health
from .metrics import CONTENT_TYPE, Metrics
from .relay import reply

OWN = "/-/shim"
NOT_FOUND = b"404 page not found\n"
ABOUT = f"""forgejo-shim %s

{OWN}/healthz  whether the proxy is alive
{OWN}/readyz   whether the server behind and the web session can be used
{OWN}/metrics  figures for Prometheus
"""


def is_own(path: str) -> bool:
    """Whether a path is the proxy's own and never the server's."""
    return path == OWN or path.startswith(f"{OWN}/")


async def say(
    request: web.BaseRequest, body: bytes, idle: float, status: int = 200, kind: str = "text/plain"
) -> web.StreamResponse:
    """Answer with a page of the proxy's own."""
    headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
    return await reply(request, Reply(status, headers, body), idle, "")


class OwnPages:
    """What the proxy tells of itself."""

    def __init__(self, version: str, health: Health, metrics: Metrics, idle: float) -> None:
        self._version = version
        self._health = health
        self._metrics = metrics
        self._idle = idle

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer a request for `path`, which is the proxy's own."""
        if request.method not in ("GET", "HEAD"):
            return await say(request, b"405 method not allowed\n", self._idle, 405)
        match path.removeprefix(OWN).removeprefix("/"):
            case "":
                return await say(request, (ABOUT % self._version).encode(), self._idle)
            case "healthz":
                return await say(request, b"alive\n", self._idle)
            case "readyz":
                ready = await self._health.ready()
                return await say(request, ready.as_bytes(), self._idle, 200 if ready.ok else 503, JSON[1])
            case "metrics":
                return await say(request, self._metrics.text(), self._idle, kind=CONTENT_TYPE)
        return await say(request, NOT_FOUND, self._idle, 404)
