"""A request's path as Forgejo's router sees it, and the parameters that its query has there.

Rules: pure. Go's `net/url` and Forgejo's `stripSlashesMiddleware` (routers/common/middleware.go, the same from 11 to
16) in one function, held against what real servers took for which route (tests/data/routes.jsonl). Fixed parts are
compared as they stand, still encoded; what stands for a name or a number is decoded once, by whoever reads it.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

_PLAIN = re.compile(r"(?:/[A-Za-z0-9._~-]+)+\Z")  # as it stands: the most, so they are found out first
_REFUSED = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})")  # 400 from net/http, before any router
_NOT_READ = re.compile(r";|%(?![0-9A-Fa-f]{2})")  # net/url, ParseQuery: a parameter with one of these is left out
_VALID = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@\[\]/%-]*\Z")  # net/url, validEncoded
_KEPT = "$&+,/:;=@~"  # what net/url leaves as it is when it has to encode a path itself


def routed(path: str) -> str:
    """The path that is compared with the routes, for a path as it is sent (without its query); "" if none is compared.

    Slashes in a row are one, those at the end are left out. A path with a character that none may have is decoded and
    encoded anew, as a whole (net/url, EscapedPath).
    """
    if _PLAIN.match(path):
        return path
    if _REFUSED.search(path):
        return ""
    if not _VALID.match(path):
        path = quote(unquote_to_bytes(path.encode("utf-8", "surrogateescape")), safe=_KEPT)
    return re.sub("/{2,}", "/", path).rstrip("/")


def tidied(path: str) -> str:
    """What a server in between may make of a path, as nginx does where it rewrites what it passes on: decoded once,
    without dot segments, and without a `#` and what is behind it."""
    return posixpath.normpath(unquote(path, errors="surrogateescape").partition("#")[0])


def parameters(query: str) -> list[tuple[str, str]]:
    """A query's parameters with their values, decoded, in order, as Go reads them: what it cannot read is left out."""
    return parse_qsl("&".join(one for one in query.split("&") if not _NOT_READ.search(one)), keep_blank_values=True)


def first_values(query: str) -> dict[str, str]:
    """The first value of each parameter that has one."""
    return {name: value for name, value in reversed(parameters(query)) if value}
