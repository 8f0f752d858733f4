"""The transport of flows over `requests` (transport.py): the wrapped adapter, and the caller's own request.

Rules: the caller's headers go to `/api` of the base URL only, the flow's own to the web UI of the same base URL only;
verify, certificates, proxies and time-outs of the call hold for every request that it causes. It never waits elsewhere.
What the network raises is raised as of the caller's own request (network.py).
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from .answer_body import to_urllib3
from .faces.face import Reply
from .identity import identity_headers
from .models import Headers, Pairs
from .network import broken_body, check_head, for_caller, reason
from .transport import ERROR_LIMIT, Answer, BrokenBody, Native, PeekedAnswer, run

T = TypeVar("T")


class Wrapped(Protocol):
    """The adapter that requests go through; `signing_in` is held by whoever signs in."""

    base_url: str
    signing_in: threading.Lock

    def pass_on(self, request: requests.PreparedRequest, how: dict[str, Any]) -> requests.Response:
        """Send a request through that adapter, with `how` as the other arguments of its `send`."""


class RequestsTransport:
    """The transport of one request's flow; `how` are the other arguments of the call that causes it."""

    def __init__(self, wrapped: Wrapped, request: requests.PreparedRequest, how: dict[str, Any]) -> None:
        self.base_url = self.server_name = wrapped.base_url
        self._wrapped = wrapped
        self._request = request
        self._how = how
        self._caller = identity_headers(headers_of(request))

    @property
    @asynccontextmanager
    async def signing_in(self) -> AsyncIterator[None]:
        """As in `Transport`."""
        with self._wrapped.signing_in:
            yield

    async def native(self, target: str) -> Native:
        """As in `Transport`."""
        request = self._request
        if target:
            request = request.copy()
            request.url = self.base_url + target
        response = self._wrapped.pass_on(request, self._how)
        is_text = response.headers.get("Content-Type", "").startswith("text/plain")
        told = _look_at(response) if response.status_code == 404 and is_text else b""
        return NativeResponse(response, told)

    async def api(self, path: str, method: str = "GET", headers: Pairs = (), body: bytes = b"") -> Answer:
        """As in `Transport`."""
        return await self.web(method, path, [*self._caller, *headers], body)

    async def web(self, method: str, path: str, headers: Pairs, body: bytes = b"") -> Answer:
        """As in `Transport`."""
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.url = self.base_url + path
        request.headers = CaseInsensitiveDict(headers)
        request.headers["Cache-Control"] = "no-cache, no-store"  # a cache below: a right is asked for, never kept
        request.prepare_body(body or None, None)
        try:
            response = self._wrapped.pass_on(request, self._how)
            check_head(response)
            return OpenResponse(response)
        except requests.RequestException as error:
            lost = Lost(for_caller(error, self._request))
        raise lost

    def searching(
        self, repo: str, job_id: int, is_found: Callable[[], Awaitable[object]]
    ) -> AbstractAsyncContextManager[dict[int, tuple[int, ...]]]:
        """As in `Transport`."""
        return nullcontext({})

    async def sleep(self, seconds: float) -> None:
        """As in `Transport`."""
        time.sleep(seconds)

    @asynccontextmanager
    async def beside(self, flow: Coroutine[Any, Any, T]) -> AsyncIterator[Awaitable[T]]:
        """As in `Transport`."""
        with closing(flow):
            yield flow

    async def aside(self, work: Callable[[], T]) -> T:
        """As in `Transport`."""
        return work()

    def now(self) -> float:
        """As in `Transport`."""
        return time.time()


class Lost(BrokenBody):
    """A request of a flow that the network did not carry, in the form that flows know; `error` is what callers know."""

    def __init__(self, error: requests.RequestException) -> None:
        super().__init__(reason(error))
        self.error = self.__cause__ = error


def as_requests(
    broken: BrokenBody, request: requests.PreparedRequest | None, base_url: str
) -> requests.RequestException:
    """What `requests` raises where a flow raises BrokenBody, with the server's address and why."""
    if isinstance(broken, Lost):
        return broken.error
    told = BrokenBody(f"{base_url}: {broken}")
    told.__cause__ = broken.__cause__
    return broken_body(told, request)


@dataclass(eq=False)
class OpenResponse:
    """An open response of the wrapped adapter, in the form that flows read."""

    response: requests.Response

    def __post_init__(self) -> None:
        self.raw, self.status = self.response.raw, self.response.status_code

    @cached_property
    def headers(self) -> Headers:
        """The headers as they came."""
        return Headers(self.raw.headers.items())

    async def read(self, size: int) -> bytes:
        """As in `Answer`."""
        try:
            data: bytes = self.raw.read(size)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise BrokenBody(reason(error)) from error
        return data

    async def close(self) -> None:
        """As in `Answer`."""
        self.raw.close()
        self.raw.release_conn()


@dataclass(eq=False)
class NativeResponse(OpenResponse):
    """The server's own answer to the caller's request."""

    told: bytes


def _look_at(response: requests.Response) -> bytes:
    """The beginning of a body, decoded; the body can then be read as if nobody had looked at it. Raises BrokenBody."""
    answer, headers = OpenResponse(response), response.raw.headers
    start = run(answer.read(ERROR_LIMIT))
    reply = Reply(response.status_code, list(headers.items()), PeekedAnswer(answer, start))
    response.raw = to_urllib3(reply, response.request.method or "", response.request.path_url)
    try:
        return urllib3.HTTPResponse(io.BytesIO(start), headers, preload_content=False).read(decode_content=True)
    except urllib3.exceptions.DecodeError:
        return start


def headers_of(request: requests.PreparedRequest) -> Headers:
    """A request's headers as texts."""
    return Headers((name, value.decode("latin-1") if isinstance(value, bytes) else value)
                   for name, value in request.headers.items())  # fmt: skip
