"""The adapter below the shim: it sends what it is given, keeps what was sent, and may act before.

Rules: works for real servers and the double alike, since it counts on the client's side; nothing is changed on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from forgejo_shim import ShimAdapter, mount
from hand import plain_session
from requests.adapters import HTTPAdapter

APART = ("/swagger.v1.json", "/user/login", "/user/two_factor", "/user/settings")
"""Capability reads and sign-ins: counted apart from the requests of a read."""


@dataclass(frozen=True)
class Sent:
    """A request as it left, with the status of its answer; header names in lower case."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    how: dict[str, Any]
    status: int
    set_cookies: tuple[str, ...]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def is_api(self) -> bool:
        return "/api/v1/" in self.path

    @property
    def text(self) -> str:
        """Everything that the server got: request line, headers, body."""
        return f"{self.method} {self.url} {self.headers} {self.body!r}"


class Wire(HTTPAdapter):
    """Sends and keeps; `before` is called with the number of requests sent so far."""

    def __init__(self, before: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.before = before

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        if self.before:
            self.before(len(self.sent))
        response = super().send(request, *args, **how)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        cookies = tuple(response.raw.headers.getlist("Set-Cookie"))
        url = request.url or ""
        self.sent.append(Sent(request.method or "", url, headers, body, how, response.status_code, cookies))
        return response

    @property
    def web(self) -> list[Sent]:
        """What went to web routes, swagger included."""
        return [sent for sent in self.sent if not sent.is_api]

    @property
    def api(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.is_api]

    @property
    def counted(self) -> list[Sent]:
        """What a read cost: all but sign-ins, capability reads and questions of the caller's rights."""
        return [s for s in self.sent if not s.path.endswith(APART) and "page=999999" not in s.url]

    def clear(self) -> None:
        self.sent.clear()


def behind(
    base_url: str, token: str | None = None, wire: Wire | None = None, **mounted: Any
) -> tuple[requests.Session, Wire, ShimAdapter]:
    """A session with the shim mounted over a `Wire`; `mounted` are the arguments of `mount`."""
    session, wire = plain_session(), wire or Wire()
    if token:
        session.headers["Authorization"] = f"token {token}"
    session.mount(base_url + "/", wire)
    return session, wire, mount(session, base_url, **mounted)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
