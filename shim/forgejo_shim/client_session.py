"""Asking the API for `Client`: one request, its redirects, and the error that an answer stands for.

Rules: a redirect is followed to a renamed repository only, and never to another origin. No credential is taken from
anywhere but the arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from .api import error_of
from .arguments import Timeout
from .environment import Session
from .errors import NotForgejo, PageChanged, Refused, WebAccount
from .models import WebCookie, WebCredentials, WebLogin
from .operations import API
from .transport import ERROR_LIMIT, JSON_LIMIT

CHUNK = 64 * 1024  # bytes read at once
REDIRECTS = 5
_SENDABLE = r"[\x20-\x7e]*"
_ODD = "holds a line break or a character that none has"


class ClientSession:
    """The API below `base_url` as one caller sees it. What the network raises is raised as it is."""

    def __init__(self, session: Session, base_url: str, timeout: Timeout) -> None:
        self.session = session
        self.base_url = base_url
        self.timeout = timeout

    def json(self, path: str, what: str, template: str = "") -> object:
        """The JSON that is answered to `path`; `what` names it in errors. Raises ShimError."""
        try:
            return json.loads(self.body(path, what, template))
        except (ValueError, RecursionError):
            raise PageChanged(f"{what}: the answer is no JSON") from None

    def body(self, path: str, what: str, template: str = "") -> bytes:
        """The bytes of JSON that is answered to `path`. Raises ShimError."""
        response = self.open(path, what, template, {"Accept": "application/json"})
        with response:
            if not response.headers.get("Content-Type", "").startswith("application/json"):
                raise NotForgejo(f"{what}: the answer is no JSON, so {self.base_url} is no Forgejo; check the address")
            body = bytearray()
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > JSON_LIMIT:
                    raise PageChanged(f"{what}: the answer is longer than {JSON_LIMIT} bytes")
            return bytes(body)

    def open(self, path: str, what: str, template: str, headers: Mapping[str, str]) -> requests.Response:
        """The open 200 or 206. Raises ShimError for every other answer, and what `requests` raises."""
        for _ in range(REDIRECTS):
            try:
                response = self.session.get(
                    self.base_url + path,
                    headers=dict(headers),
                    stream=True,
                    timeout=self.timeout,
                    allow_redirects=False,
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError):
                raise
            except ValueError:  # `requests` looks at a redirect before it gives it out
                raise self._no_address() from None
            if response.status_code in (200, 206):
                return response
            with response:
                if not response.is_redirect:
                    kind = response.headers.get("Content-Type", "")
                    body = response.raw.read(ERROR_LIMIT, decode_content=True)
                    error = error_of(response.status_code, kind, body, what, template)
                    error.is_relayed = getattr(response, "backend", "") == "native"
                    raise error
                path = self._redirected(path, response.headers["Location"])
        raise NotForgejo(f"{what}: {self.base_url} redirects in a circle; check the address")

    def _no_address(self) -> NotForgejo:
        return NotForgejo(f"{self.base_url} redirects to what is no address; check the address of the server")

    def _redirected(self, path: str, location: str) -> str:
        """The path that a redirect leads to below the base URL, whatever origin it names (Forgejo's own are paths)."""
        try:
            target = urlsplit(urljoin(self.base_url + path, location))
            port = target.port
        except ValueError:
            raise self._no_address() from None
        where = f"{target.scheme}://{target.hostname}" + (f":{port}" if port else "")
        asked, _, query = path.partition("?")
        if target.path.endswith(asked) and target.query == query:
            moved = where + target.path.removesuffix(asked)
            raise NotForgejo(f"{self.base_url} redirects to {moved}; give that address") from None
        _, found, rest = target.path.partition(API)
        if not found:  # a sign-in page, where a token has no business
            raise NotForgejo(f"{self.base_url} redirects elsewhere, to {where}; is something in front of it?") from None
        return API + rest + (f"?{target.query}" if target.query else "")


@dataclass(frozen=True, repr=False)
class Token(AuthBase):
    """The caller's token as a header. Set without one too, so that `requests` takes nothing from a .netrc file."""

    token: str | None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request."""
        if self.token:
            request.headers["Authorization"] = f"token {self.token}"
        return request


def refuse_unsendable(token: str | None, web: WebCredentials | None) -> None:
    """Raise Refused or WebAccount for what no header can carry, before anything repeats it in a message of its own."""
    if token is not None and not re.fullmatch(_SENDABLE, token):
        raise Refused(f"the token {_ODD}; check how it was copied", cause="token-unsendable")
    if isinstance(web, WebCookie) and not re.fullmatch(_SENDABLE, web.cookie):
        raise WebAccount(f"the web cookie {_ODD}; check how it was copied", cause="web-account-unsendable")
    if isinstance(web, WebLogin):
        try:
            f"{web.user}{web.password}".encode()
        except UnicodeEncodeError:
            raise WebAccount(
                "the web account's name or password is not UTF-8 text; check it", cause="web-account-unsendable"
            ) from None
