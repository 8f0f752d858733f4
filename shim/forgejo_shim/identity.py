"""Which parts of a request say who the caller is.

Rules: pure. They go with every question that is put to the API in the caller's name, and never to a web route.
"""

from __future__ import annotations

from urllib.parse import urlencode

from .models import Headers
from .router import parameters

# Query parameters that decide who the caller is (Forgejo 11-16: services/auth, routers/api/shared).
QUERY = ("token", "access_token", "sudo")
# Headers of the caller that belong to the request itself, not to the question whether it may be asked.
_NOT_FOR_THE_QUESTION = (
    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
    "content-length", "content-type", "content-encoding", "transfer-encoding", "accept-encoding", "expect",
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade", "host",
    "cookie",
)  # fmt: skip


def with_identity(path: str, query: str) -> str:
    """`path` with those parameters of the caller's query that decide who the caller is."""
    identity = urlencode(identity_of(query))
    return path + ("&" if "?" in path else "?") * bool(identity) + identity


def identity_of(query: str) -> list[tuple[str, str]]:
    """Those parameters of a query that decide who the caller is."""
    return [(key, value) for key, value in parameters(query) if key in QUERY]


def identity_headers(headers: Headers) -> list[tuple[str, str]]:
    """The caller's headers as they go with the question: who asks, not what for. Never to a web route."""
    return headers.without(*_NOT_FOR_THE_QUESTION)
