"""Asking for `Client`: one request to the API, its redirects, and the error that an answer stands for; or a flow.

Rules: what the network raises is Unreachable. A redirect is followed to a renamed repository only, and never to another
origin. No credential is taken from anywhere but the arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from .api import error_of
from .arguments import Timeout
from .capabilities import Capabilities
from .environment import Session
from .errors import NotForgejo, PageChanged, Refused, ServerRefusal, ShimError, Unreachable, WebAccount
from .flows.rights import Caller
from .models import Headers, WebCookie, WebCredentials, WebLogin
from .network import check_head, network_errors
from .operations import API, Call, recognise
from .requests_adapter import ShimAdapter
from .requests_transport import RequestsTransport, as_requests, headers_of
from .transport import ERROR_LIMIT, JSON_LIMIT, BrokenBody, Transport, run

T = TypeVar("T")

CHUNK = 64 * 1024  # bytes read at once
REDIRECTS = 5
_SENDABLE = r"[\x20-\x7e]*"
_ODD = "holds a line break or a character that none has"


class ClientSession:
    """The server of `adapter` as one caller sees it: the credentials, certificates and proxies of `session` hold."""

    def __init__(self, session: Session, adapter: ShimAdapter, timeout: Timeout) -> None:
        self.session = session
        self.adapter = adapter
        self.base_url = adapter.base_url
        self.timeout = timeout

    def run(self, flow: Callable[[Transport, Caller], Coroutine[Any, Any, T]], what: str = "", template: str = "") -> T:
        """What a flow gives that is asked beside the operations; `what` names it in the API's no. Raises ShimError."""
        request = self.session.prepare_request(requests.Request("GET", f"{self.base_url}{API}/version"))
        how = self.session.merge_environment_settings(request.url or "", {}, True, None, None)
        net = RequestsTransport(self.adapter, request, {**how, "timeout": self.timeout})
        with self._network(what), self._no_token_said():
            try:
                return run(flow(net, self.adapter.rights.of(headers_of(request), "")))
            except ServerRefusal as refused:
                raise error_of(
                    refused.status, "application/json", refused.body, what or self.base_url, template
                ) from None
            except BrokenBody as broken:
                lost = as_requests(broken, None, self.base_url)
            raise lost

    def run_call(
        self, path: str, flow: Callable[[Call, Transport, Caller], Coroutine[Any, Any, T]], what: str, template: str
    ) -> T:
        """What a flow gives of the call that a GET of `path` is, or, of a renamed repository, of the one that its
        redirect leads to. Raises ShimError."""

        async def ask(net: Transport, caller: Caller) -> T:
            at = path
            for _ in range(REDIRECTS):
                call = recognise("GET", *at.partition("?")[::2])
                if not call:
                    raise self._elsewhere(self.base_url)
                try:
                    return await flow(call, net, caller)
                except ServerRefusal as refused:
                    location = Headers(refused.headers).get("Location")
                    if not 300 <= refused.status < 400 or not location:
                        raise
                    at = self.redirected(at, location)
            raise self._circle(what)

        return self.run(ask, what, template)

    def capabilities(self) -> Capabilities:
        """What the server offers, as it is kept or read now. Raises ShimError."""
        return self.run(lambda net, caller: self.adapter.server.capabilities(net))

    def json(self, path: str, what: str, template: str = "") -> object:
        """The JSON that is answered to `path`; `what` names it in errors. Raises ShimError."""
        return self.page(path, what, template)[0]

    def page(self, path: str, what: str, template: str = "") -> tuple[object, int | None]:
        """The JSON of a page of a list, and the count of all if the answer tells it. Raises ShimError."""
        body, headers = self._read(path, what, template)
        total = headers.get("X-Total-Count", "")
        try:
            return json.loads(body), int(total) if total.isdecimal() else None
        except (ValueError, RecursionError):
            raise PageChanged(f"{what}: the answer is no JSON") from None

    def body(self, path: str, what: str, template: str = "") -> bytes:
        """The bytes of JSON that is answered to `path`. Raises ShimError."""
        return self._read(path, what, template)[0]

    def post(self, path: str, what: str, template: str) -> None:
        """Ask once for something to be done. Raises ShimError: `write-unknown` where it may have been done."""
        try:
            self.open(path, what, template, {}, "POST").close()
        except Unreachable as error:
            if error.cause != "unreachable" or not error.was_sent:
                raise
            raise Unreachable(
                f"{self.base_url} was asked and did not answer to the end, so it may have been done; look at the run"
                " before asking again",
                cause="write-unknown",
            ) from None

    def _read(self, path: str, what: str, template: str) -> tuple[bytes, Mapping[str, str]]:
        with self._network(what), self.open(path, what, template, {"Accept": "application/json"}) as response:
            if not response.headers.get("Content-Type", "").startswith("application/json"):
                raise NotForgejo(f"{what}: the answer is no JSON, so {self.base_url} is no Forgejo; check the address")
            body = bytearray()
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > JSON_LIMIT:
                    raise PageChanged(f"{what}: the answer is longer than {JSON_LIMIT} bytes")
            return bytes(body), response.headers

    def open(
        self, path: str, what: str, template: str, headers: Mapping[str, str], method: str = "GET"
    ) -> requests.Response:
        """The open 200 or 206, or the 204 of a POST. Raises ShimError for every other answer."""
        for _ in range(REDIRECTS):
            try:
                with self._network(what):
                    response = self.session.request(
                        method,
                        self.base_url + path,
                        headers=dict(headers),
                        stream=True,
                        timeout=self.timeout,
                        allow_redirects=False,
                    )
                    check_head(response)
            except ValueError:  # `requests` looks at a redirect before it gives it out
                raise self._no_address() from None
            if response.status_code in ((200, 206) if method == "GET" else (204,)):
                return response
            with self._network(what), response:
                if not response.is_redirect:
                    kind = response.headers.get("Content-Type", "")
                    body = response.raw.read(ERROR_LIMIT, decode_content=True)
                    error = error_of(response.status_code, kind, body, what, template)
                    error.is_relayed = getattr(response, "backend", "") == "native"
                    with self._no_token_said():
                        raise error
                path = self.redirected(path, response.headers["Location"])
        raise self._circle(what)

    def _circle(self, what: str) -> NotForgejo:
        return NotForgejo(f"{what}: {self.base_url} redirects in a circle; check the address")

    def _elsewhere(self, where: str) -> NotForgejo:
        return NotForgejo(f"{self.base_url} redirects elsewhere, to {where}; is something in front of it?")

    def _network(self, what: str) -> AbstractContextManager[None]:
        """Where what the network raises is Unreachable; `what` was waited for, and how long, if it does not come."""
        seconds = self.timeout[1] if isinstance(self.timeout, tuple) else self.timeout
        return network_errors(self.base_url, asked=f"{what}, waited for {seconds:g} seconds" if what else "")

    @contextmanager
    def _no_token_said(self) -> Iterator[None]:
        """Take the caller's token out of an error: what stands in front of a server may repeat what it was sent."""
        try:
            yield
        except ShimError as error:
            if isinstance(self.session.auth, Token) and self.session.auth.token:
                error.message = error.message.replace(self.session.auth.token, "…")
                error.args = (error.message,)
            raise

    def _no_address(self) -> NotForgejo:
        return NotForgejo(f"{self.base_url} redirects to what is no address; check the address of the server")

    def redirected(self, path: str, location: str) -> str:
        """The path that a redirect leads to below the base URL, whatever origin it names (Forgejo's own are paths).

        Raises NotForgejo.
        """
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
            raise self._elsewhere(where)
        return API + rest + (f"?{target.query}" if target.query else "")


@dataclass(frozen=True, repr=False)
class Token(AuthBase):
    """The caller's token as a header of requests `below` an address. Set without one too, so that `requests` takes
    nothing from a .netrc file."""

    token: str | None
    below: str = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request to such an address, and to no other."""
        if self.token and (request.url or "").startswith(self.below):
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
