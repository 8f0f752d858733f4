"""Requests and answers as the faces see them; how they come and go on the wire is `server.py`'s business."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes

PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json;charset=utf-8"


class Source(Protocol):
    """A body that is not in memory."""

    @property
    def size(self) -> int: ...
    def read(self, start: int, stop: int) -> Iterator[bytes | memoryview]: ...


@dataclass
class Request:
    """One request; `path` is as it came, but for the part that a reverse proxy strips: still percent-encoded."""

    method: str
    target: str
    headers: Message
    body: bytes = b""

    def __post_init__(self) -> None:
        target = self.target if self.target.startswith("/") else "/" + self.target.partition("//")[2].partition("/")[2]
        self.path, _, self.raw_query = target.partition("?")

    def as_routed(self) -> Request | None:
        """The request with the path that routes are compared with; None if net/http answers it with 400.

        Empty segments are left out (routers/common/middleware.go, stripSlashesMiddleware); a path with a byte that
        should have been encoded is encoded anew (net/url, EscapedPath).
        """
        if re.search("[\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})", self.path):
            return None
        path = self.path
        if re.search(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@\[\]/%]", path):
            path = quote(unquote_to_bytes(path.encode("latin-1")), safe="/$&+,:;=@~")
        path = "/" + "/".join(segment for segment in path.split("/") if segment)
        return replace(self, target=path + f"?{self.raw_query}" * bool(self.raw_query))

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Without the parameters that Go does not read: `;` or a broken `%` in them (net/url, ParseQuery)."""
        read = (pair for pair in self.raw_query.split("&") if not re.search(";|%(?![0-9A-Fa-f]{2})", pair))
        return parse_qs("&".join(read), keep_blank_values=True)

    def one(self, name: str) -> str:
        """A query parameter's first value, or an empty text."""
        return self.query.get(name, [""])[0]

    @cached_property
    def cookies(self) -> dict[str, str]:
        jar: SimpleCookie = SimpleCookie()
        for header in self.headers.get_all("Cookie", []):
            try:
                jar.load(header)
            except CookieError:
                continue
        return {name: morsel.value for name, morsel in jar.items()}

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is something else."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def form(self) -> dict[str, str]:
        if not self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def request_uri(self) -> str:
        return self.path + (f"?{self.raw_query}" if self.raw_query else "")


@dataclass
class Response:
    """One answer. A body longer than 2 KiB goes in chunks unless `Content-Length` is among the headers, as in Go."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    source: Source | None = None
    span: tuple[int, int] = (0, 0)
    """The part of `source` to send."""
    without_body: bool = False
    """Say the body's length and then close without it, as net/http does where a handler breaks its word."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def set(self, name: str, value: str) -> None:
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        self.headers.append((name, value))

    def add(self, name: str, value: str) -> None:
        self.headers.append((name, value))


def plain(status: int, text: str) -> Response:
    """What Go's http.Error sends: the text and a newline."""
    headers = [("Content-Type", PLAIN), ("X-Content-Type-Options", "nosniff")]
    return Response(status, headers, f"{text}\n".encode())


def html(status: int, body: str) -> Response:
    return Response(status, [("Content-Type", HTML)], body.encode())


def json_answer(status: int, content: Any) -> Response:
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
    return Response(status, [("Content-Type", JSON)], data.encode())


REASONS = {301: "Moved Permanently", 303: "See Other", 307: "Temporary Redirect"}


def redirect(request: Request, status: int, location: str) -> Response:
    """What Go's http.Redirect sends: a short page, but not after a POST."""
    if request.method not in ("GET", "HEAD"):
        return Response(status, [("Location", location)])
    shown = location.replace("&", "&amp;")
    body = f'<a href="{shown}">{REASONS[status]}</a>.\n\n'
    return Response(status, [("Content-Type", HTML), ("Location", location)], body.encode())


def whole(text: str) -> int:
    """A number from a path or query as Forgejo takes it: 0 if it is none, the nearest 64-bit one if it is too big."""
    try:
        number = int(text) if text.isascii() and not set(text) - set("+-0123456789") else 0
    except ValueError:
        return 0
    return max(-(2**63), min(number, 2**63 - 1))


END = "/"
"""Where a path may end in the tree of routes; no segment is called so."""
Handler = Callable[..., Response]
Route = tuple[str, str, Handler]
"""Method, path with `{name}` for one segment and `{name*}` for the rest, handler."""


@dataclass(frozen=True)
class Match:
    """A route; without a handler, `allow` names the methods that the path is known with."""

    handler: Handler | None
    arguments: Mapping[str, str]
    allow: str = ""


class Routes:
    """A table of routes, asked segment by segment."""

    def __init__(self, table: list[Route]) -> None:
        self._tree: dict[str, Any] = {}
        for method, path, handler in table:
            node = self._tree
            names = []
            for segment in path.strip("/").split("/"):
                if segment.startswith("{"):
                    names.append(segment.strip("{}*"))
                    segment = "{*}" if segment.endswith("*}") else "{}"
                node = node.setdefault(segment, {})
            node.setdefault(END, {})[method] = (handler, names)

    def find(self, method: str, path: str) -> Match | None:
        """The route of a path: fixed segments before placeholders, but only where they know the method."""
        known: set[str] = set()
        for methods, values in self._walk(self._tree, path.strip("/").split("/"), []):
            if method in methods:
                handler, names = methods[method]
                return Match(handler, {name: unquote(value) for name, value in zip(names, values, strict=True)})
            known |= methods.keys()
        return Match(None, {}, ", ".join(sorted(known))) if known else None

    def _walk(
        self, node: dict[str, Any], segments: list[str], values: list[str]
    ) -> Iterator[tuple[dict[str, Any], list[str]]]:
        if not segments:
            if END in node:
                yield node[END], values
            return
        first, rest = segments[0], segments[1:]
        if first in node:
            yield from self._walk(node[first], rest, values)
        if "{}" in node and first:
            yield from self._walk(node["{}"], rest, [*values, first])
        if "{*}" in node:
            yield node["{*}"][END], [*values, "/".join(segments)]
