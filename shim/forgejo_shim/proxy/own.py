"""`/-/shim`: the proxy's own pages, which never reach the server behind.

Rules: whoever asks gets them; none names an account, a user or a repository. The address of the server behind is told
where they are served at an address of their own only.
"""

from __future__ import annotations

import re
import time

from aiohttp import web

from ..faces.face import Reply
from ..faces.forgejo import JSON
from .answered import answered
from .figures import read
from .health import Health
from .metrics import CONTENT_TYPE, Metrics
from .options import Options
from .page import View, policy, render
from .relay import reply

OWN = "/-/shim"
NOT_FOUND = b"404 page not found\n"
ABOUT = f"""forgejo-shim %s

{OWN}/healthz  whether the proxy is alive
{OWN}/readyz   whether the server behind and the web session can be used
{OWN}/metrics  figures for Prometheus
"""
PAGE = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", policy()),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Vary", "Accept"),
    ("Cache-Control", "no-store"),
]


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

    def __init__(self, options: Options, health: Health, metrics: Metrics) -> None:
        self._options = options
        self._health = health
        self._metrics = metrics
        self._idle = options.idle

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer a request for `path`, which is the proxy's own."""
        if request.method not in ("GET", "HEAD"):
            return await say(request, b"405 method not allowed\n", self._idle, 405)
        match path.removeprefix(OWN).removeprefix("/"):
            case "" if wants_html(request.headers.get("Accept", "")):
                return await reply(
                    request, Reply(200, list(PAGE), render(await self._view(request.raw_path))), self._idle, ""
                )
            case "":
                return await say(request, (ABOUT % self._options.version).encode(), self._idle)
            case "healthz":
                return await say(request, b"alive\n", self._idle)
            case "readyz":
                ready = await self._health.ready()
                return await say(request, ready.as_bytes(), self._idle, 200 if ready.ok else 503, JSON[1])
            case "metrics":
                self._metrics.show(await self._health.conditions())
                return await say(request, self._metrics.text(), self._idle, kind=CONTENT_TYPE)
        return await say(request, NOT_FOUND, self._idle, 404)

    async def _view(self, target: str) -> View:
        """What the page at `target` shows now."""
        options, health = self._options, self._health
        conditions = await health.conditions()
        return View(
            options.version,
            options.upstream if options.own_is_apart else "",
            health.version,
            conditions,
            read(self._metrics.families()),
            answered(health.known, allowed=options.writes, has_account=options.web is not None),
            time.time(),
            "" if target.partition("?")[0].endswith("/") else "shim/",
        )


def wants_html(accept: str) -> bool:
    """Whether who accepts this is a browser: it names HTML, and does not refuse it."""
    for kind, _, more in (one.partition(";") for one in accept.lower().split(",")):
        if kind.strip() == "text/html":
            return not re.search(r"\bq\s*=\s*0(\.0*)?\s*(;|$)", more)
    return False
