"""Documents for the tests: a small Swagger 2.0 one, and a web server on 127.0.0.1 that gives what it is told.

Rules: a `Site` writes down what it was asked; `pages` holds what it answers by path, a function where the answer is no
ordinary one.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SELF_SIGNED = Path(__file__).parent / "data" / "self_signed.pem"
USERS = "/users/{id}"


def small(**changed: Any) -> dict[str, Any]:
    """A document of one operation, `GET /users/{id}`, that answers a `User` of `id` and `name`."""
    fields = changed.pop("fields", {"id": {"type": "integer"}, "name": {"type": "string"}})
    parameter = {"name": "id", "in": "path", "required": True, "type": "integer"}
    answer = {"description": "one", "schema": {"$ref": "#/definitions/User"}}
    operation = {"operationId": "getUser", "parameters": [parameter], "responses": {"200": answer}}
    return {
        "swagger": "2.0",
        "info": {"title": "t", "version": "1"},
        "basePath": "/api/v1",
        "produces": ["application/json"],
        "paths": {USERS: {"get": operation}},
        "definitions": {"User": {"type": "object", "properties": fields}},
        **changed,
    }


def text_of(document: Any) -> bytes:
    """A document as JSON, a line a part."""
    return json.dumps(document, indent=2).encode()


@dataclass
class Page:
    """An answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def moved(location: str, status: int = 302) -> Page:
    return Page(b"moved", status, {"Location": location})


Answer = Page | Callable[[BaseHTTPRequestHandler], None]


class Site:
    """The server; leaving the `with` block ends it. `seen` are the requests."""

    def __init__(self, *, tls: bool = False) -> None:
        self.pages: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server wants
                site.seen.append((self.path, dict(self.headers)))
                page = site.pages.get(self.path, Page(b"404 page not found\n", 404))
                if not isinstance(page, Page):
                    page(self)
                    return
                self.send_response(page.status)
                for name, value in {"Content-Length": str(len(page.body)), **page.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(page.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(SELF_SIGNED)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
