"""Documents at http(s) addresses.

Rules: only a whole 200 is a document; nothing is unpacked, and nothing read past the limit. No redirect leads from
https to http. Credentials are the caller's own matter (`Web.auth`), and never go to an address that only a document
names; nothing is taken from a .netrc file. A document's name has no query and no fragment, which can hold credentials.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from . import reading
from .document import Beside, Document, parse
from .errors import Unreadable
from .network import network_errors

CHUNK = 64 * 1024
REDIRECTS = 5
SIGN_IN = ("/login", "/signin", "/sign-in", "/sign_in")  # how the path of a page to sign in ends
_ADDRESS = re.compile("https?://", re.IGNORECASE)
_DOCUMENT = re.compile(r"\.(?:json|ya?ml|tmpl)", re.IGNORECASE)


class NoCredentials(AuthBase):
    """Sends none; without it `requests` looks for some in a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


@dataclass(frozen=True)
class Web:
    """How addresses are asked; a program with certificates, credentials or words of its own puts them here.

    `auth` is for the addresses that the user gives and where they redirect to. `timeout` is in seconds. `session` makes
    the session for an address. `network_errors(name)` turns what the network raises into Unreadable, or into
    an error of that program, which passes through.
    """

    auth: AuthBase = field(default_factory=NoCredentials)
    timeout: float = 60
    session: Callable[[str], requests.Session] = lambda url: requests.Session()
    network_errors: Callable[[str], AbstractContextManager[None]] = network_errors


def is_address(source: str) -> bool:
    """Whether a source is an address."""
    return bool(_ADDRESS.match(source))


def check_address(source: str, instead: str = "leave them out") -> None:
    """Raises Unreadable if that is no address, or one with credentials in it; `instead` says what to do with those."""
    try:
        parts = urlsplit(source)
        if "@" in parts.netloc:
            raise Unreadable(f"the address holds credentials; {instead}")
        requests.Request("GET", f"{parts.scheme}://{parts.netloc}").prepare()
        is_valid = bool(parts.hostname) and not re.search(r"[\s\\]", source)
    except (ValueError, requests.RequestException):
        is_valid = False
    if not is_valid:
        raise Unreadable(f"{source!a} is no address; give http(s)://host[:port][/path]")


def fetch_document(source: str, web: Web, server_document: str = "", absent: str = "") -> Document:
    """The document at an address; at `server_document` below it if that is a path and the address names no document.

    `absent` says why a server may have none. Raises Unreadable.
    """
    check_address(source)
    url = _document_of(source, server_document) if server_document else source
    try:
        data = _fetched(url, web, absent)
    except _NotFound as error:
        is_server = url != source
        hint = f"; that is no such server's address{', or ' + absent if absent else ''}" if is_server else ""
        raise Unreadable(error.message + hint) from None
    return parse(data, shown(url), _beside(url, web))


def _document_of(source: str, server_document: str) -> str:
    parts = urlsplit(source)
    if parts.query or _DOCUMENT.fullmatch(parts.path[parts.path.rfind(".") :]):
        return source
    return parts._replace(path=parts.path.rstrip("/") + server_document, fragment="").geturl()


def shown(url: str) -> str:
    """An address for people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" + ("?…" if parts.query else "")


class _NotFound(Unreadable):
    """404."""


def _fetched(url: str, web: Web, absent: str = "") -> bytes:
    """The body of the 200 that `url` leads to."""
    name = shown(url)
    with web.session(url) as session:
        session.auth = web.auth
        for _ in range(REDIRECTS + 1):
            with web.network_errors(shown(url)), _answer(session, url, web.timeout) as response:
                if not response.is_redirect:
                    return _body(response, shown(url))
                url = _onward(url, response.headers["Location"], name, absent)
    raise Unreadable(f"{name} redirects more than {REDIRECTS} times; give the address that it should lead to")


def _answer(session: requests.Session, url: str, timeout: float) -> requests.Response:
    """The open answer. Asked of the adapter, since a session would read a redirect's body to its end, however long."""
    headers = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.1", "Accept-Encoding": "identity"}
    request = session.prepare_request(requests.Request("GET", url, headers=headers))
    how: dict[str, Any] = {**session.merge_environment_settings(request.url or "", {}, True, None, None)}
    return session.get_adapter(url).send(request, timeout=timeout, **how)


def _onward(url: str, location: str, name: str, absent: str) -> str:
    """Where a redirect leads."""
    try:
        found = urljoin(url, location)
        parts = urlsplit(found)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_address = False
    if not is_address:
        raise Unreadable(f"{name} redirects to what is no address; give the address that it should lead to")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise Unreadable(f"{name} redirects from https to http, which is not followed; give the address in the end")
    if parts.path.endswith(SIGN_IN):
        hint = f", or {absent}" if absent else ""
        raise Unreadable(f"{name} leads to a sign-in page; the document is not public{hint}")
    return found


def _body(response: requests.Response, name: str) -> bytes:
    status = response.status_code
    if status != HTTPStatus.OK:
        known = {code.value: code.phrase for code in HTTPStatus}
        kind = _NotFound if status == HTTPStatus.NOT_FOUND else Unreadable
        raise kind(f"{name} answers {status} {known.get(status, '')}".rstrip())
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Unreadable(f"{name} is answered compressed, though that was not asked for; save the document in a file")
    data = bytearray()
    while chunk := response.raw.read(CHUNK, decode_content=False):
        data += chunk
        if len(data) > reading.LIMIT:
            raise reading.too_long(name)
    return bytes(data)


def _beside(url: str, web: Web) -> Beside:
    """The files of the same server; no credential goes to what a document names."""
    nobody = replace(web, auth=NoCredentials())
    read = reading.Room(lambda name: _fetched(urljoin(url, re.sub("^/+", "/", quote(name))), nobody)).read
    return Beside(unquote(urlsplit(url).path), read)
