"""The shim for `requests`: one adapter on a session, and every request of the contract works.

    session = requests.Session()
    mount(session, "https://forge.example", web=WebLogin("log-reader", "…"))
    session.get("https://forge.example/api/v1/repos/o/r/actions/jobs/7/logs")

What the adapter does with a request: flows/answer.py says so, step by step. Rules here: the caller's headers go to
`/api` of the base URL only; the web session's cookies go to the web UI of the same base URL only and never into the
caller's jar; redirects are not followed; verify, certificates, proxies and time-outs of the call hold for every request
that it causes. The adapter wraps the one that was mounted before, so retries and caches of the session compose.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import re
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Literal, NoReturn, SupportsIndex, TypeVar, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict

from .answer_body import received
from .capabilities import Capabilities, Capability
from .contract import API, WRITES, Operation, as_caller, question_headers, recognise, recognise_addition
from .errors import ShimError
from .flows import by_number
from .flows.answer import answer, capability, learn_from, refusal
from .flows.kept import State
from .flows.net import ERROR_LIMIT, Answer, Broken, Reply, Started, run
from .flows.server import Server
from .flows.trial import try_web
from .flows.websession import WebSession
from .models import Headers, Job, Repo, WebCredentials, WebLogin
from .network import broken_body, from_flow
from .state import MemoryState, SessionFile

T = TypeVar("T")

CALLERS = 1000  # for how many different callers a yes is remembered at once


def mount(
    session: requests.Session,
    base_url: str,
    *,
    web: WebCredentials | None = None,
    state: State | None = None,
    session_file: SessionFile | None = None,
    writes: bool = False,
) -> ShimAdapter:
    """Make `session` speak Forgejo 16's job and log endpoints with the Forgejo at `base_url`, whatever its version.

    `web` is the account that reads the web UI where the server lacks an operation: a `WebLogin`, a `WebCookie`, or None
    for anonymous. `state` keeps facts about the server (memory by default), `session_file` the web session. `writes`:
    whether rerun and cancel are offered, which the web account does for who may write.
    Mounted again on the same session, it takes the place of what was mounted before.
    Raises ShimError if `base_url` is no http(s) address or holds credentials.
    """
    base_url = base_url_of(base_url)
    inner = session.get_adapter(base_url + "/")
    if isinstance(inner, ShimAdapter) and inner.base_url == base_url:
        inner = inner.inner
    adapter = ShimAdapter(base_url, inner, web, state or MemoryState(), session_file, writes)
    for alike in _with_and_without_port(base_url):
        session.mount(alike + "/", adapter)
    return adapter


def _with_and_without_port(base_url: str) -> tuple[str, ...]:
    """The addresses that are this one: sessions compare texts, and a scheme's own port may be written or left out."""
    parts = urlsplit(base_url)
    own = 443 if parts.scheme == "https" else 80
    if parts.port not in (None, own):
        return (base_url,)
    host = parts.netloc.removesuffix(f":{own}")
    return tuple(parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{own}"))


def base_url_of(text: str) -> str:
    """`text` as a base URL, as `requests` will write it, without a slash at the end. Raises ShimError.

    A text with an `@` may hold a password, so it is never repeated.
    """
    if "@" in text:
        raise ShimError("the server's address holds an @; give credentials as a token or a web account instead")
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[?#\s\\]", text)
        fits = fits and not {".", ".."} & set(parts.path.split("/"))
        url = requests.Request("GET", text).prepare().url if fits else None
    except (ValueError, requests.RequestException):
        url = None
    if url is None:
        raise ShimError(f"{text!a} is no address of a server; give http(s)://host[:port][/path]")
    return url.rstrip("/")


Backend = Literal["native", "web"]


def backend_of(response: requests.Response) -> Backend | None:
    """Where an answer came from: "native" or "web". None if it does not tell: it did not come through a mounted
    session, or is one that a cache or a recording gave again."""
    return getattr(response, "backend", None)


def task_of(response: requests.Response) -> int | None:
    """The task id that a log of the web is proved to be of. None if there is none, or if it does not tell."""
    return getattr(response, "task", None)


class ShimAdapter(BaseAdapter):
    """Mounted on a Forgejo's base URL; see the module's docstring.

    Every response has `backend` and `task`, which `backend_of` and `task_of` read. What else an adapter has
    (`max_retries`, `poolmanager`) is that of the wrapped one, `inner`. A copy signs in for itself; a pickle is refused
    with TypeError, since it would hold the web account.
    """

    def __init__(
        self,
        base_url: str,
        inner: BaseAdapter,
        web: WebCredentials | None,
        state: State,
        session_file: SessionFile | None,
        writes: bool = False,
    ) -> None:
        self.base_url = base_url
        self.inner = inner
        self.writes = writes
        self._anew = partial(type(self), base_url, web=web, state=state, session_file=session_file, writes=writes)
        account = web.user if isinstance(web, WebLogin) else "cookie"
        kept = session_file.load(base_url, account) if session_file and web else {}
        on_change = (lambda cookies: session_file.save(base_url, account, cookies)) if session_file else None
        self.server = Server(base_url, WebSession(web, kept, on_change), state)
        self._allowed: dict[bytes, set[str]] = {}
        self._signing_in = threading.Lock()
        self._digest_key = os.urandom(32)
        self.sent = 0  # requests to the server so far

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Answer an operation of the contract or an addition, by the server or from its web UI; pass all else on."""
        how = {"stream": True, "timeout": timeout, "verify": verify, "cert": cert, "proxies": proxies}
        operation = self._operation(request, proxies)
        if operation is None:
            return _marked(self.pass_on(request, {**how, "stream": stream}), "native")
        net = _Net(self, request, how)
        try:
            known = run(capability(net, self.server, operation))
            if known is Capability.PRESENT or (known is Capability.UNKNOWN and operation.method == operation.verb):
                response = _marked(self.pass_on(request, how), "native")
                if not self._is_absent(net, operation, response):
                    return response
                response.close()
            headers = Headers((name, _text(value)) for name, value in request.headers.items())
            reply = run(answer(net, self.server, operation, headers, self._allowed_for(request), self.writes))
        except ShimError as error:
            reply = refusal(error, self.base_url)  # raises it, where the fault is not the server's
        except Broken as broken:
            lost = _as_requests(broken, request)
            reply = None
        if reply is None:
            raise lost  # not where it was caught, so that it keeps its own context
        raw = received(reply, request.method or "", request.path_url)
        made = HTTPAdapter.build_response(cast(HTTPAdapter, self), request, raw)
        return _marked(made, "web", reply.task)

    def pass_on(self, request: requests.PreparedRequest, how: dict[str, Any]) -> requests.Response:
        """Send one request through the wrapped adapter."""
        self.sent += 1
        return self.inner.send(request, **how)

    def run_numbers(self, session: requests.Session, timeout: Any, repo: Repo, page: int = 1) -> list[tuple[int, str]]:
        """Run numbers and titles from the web UI, newest first, 50 a page (1-based), for servers whose API has no runs
        (Forgejo 11). `session` is the caller: its credentials, certificates and proxies hold. Raises ShimError."""
        net, allowed = self._asked_by(session, timeout)
        return self._run(by_number.run_numbers(net, self.server, repo, allowed, page))

    def latest_number(self, session: requests.Session, timeout: Any, repo: Repo) -> int | None:
        """The newest run's number from the web UI, None if there is no run. Raises ShimError."""
        net, allowed = self._asked_by(session, timeout)
        return self._run(by_number.latest_number(net, self.server, repo, allowed))

    def jobs_by_number(self, session: requests.Session, timeout: Any, repo: Repo, run_number: int) -> list[Job]:
        """The jobs of a run from the web UI, by run number. Raises ShimError."""
        net, allowed = self._asked_by(session, timeout)
        return self._run(by_number.jobs(net, self.server, repo, allowed, run_number))

    def capabilities(self, session: requests.Session, timeout: Any) -> Capabilities:
        """What the server offers, as it is kept or read now."""
        return self._run(self.server.capabilities(self._asked_by(session, timeout)[0]))

    def try_web(self, session: requests.Session, timeout: Any, repo: Repo | None) -> None:
        """Sign in with the web account, if there is one, and look at the Actions of `repo`, if one is given.

        Raises ShimError, with the cause, if either fails.
        """
        self._run(try_web(self._asked_by(session, timeout)[0], self.server, repo))

    def _asked_by(self, session: requests.Session, timeout: Any) -> tuple[_Net, set[str]]:
        """The transport of what `session` asks beside the contract, and the repositories that it may read."""
        caller = session.prepare_request(requests.Request("GET", f"{self.base_url}{API}/version"))
        how = session.merge_environment_settings(caller.url or "", {}, True, None, None)
        return _Net(self, caller, {**how, "timeout": timeout}), self._allowed_for(caller)

    def _run(self, flow: Coroutine[Any, Any, T]) -> T:
        try:
            return run(flow)
        except Broken as broken:
            lost = _as_requests(broken, None)
        raise lost

    def close(self) -> None:
        """Close the wrapped adapter."""
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def max_retries(self) -> Any:
        """The wrapped adapter's, to be read and set."""
        return cast(HTTPAdapter, self.inner).max_retries

    @max_retries.setter
    def max_retries(self, value: Any) -> None:
        cast(HTTPAdapter, self.inner).max_retries = value

    def __copy__(self) -> ShimAdapter:
        return self._anew(self.inner)

    def __deepcopy__(self, copied: dict[int, Any]) -> ShimAdapter:
        return self._anew(copy.deepcopy(self.inner, copied))

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"a session that forgejo_shim is mounted on for {self.base_url} cannot be pickled, since the pickle would"
            " hold its web account; make and mount one where it is to be used"
        )

    def _operation(self, request: requests.PreparedRequest, proxies: Any) -> Operation | None:
        asked_of = urlsplit(request.url or "")[:2]
        if all(asked_of != urlsplit(alike)[:2] for alike in _with_and_without_port(self.base_url)):
            return None  # another server's, where somebody mounted the adapter there too
        target = HTTPAdapter.request_url(cast(HTTPAdapter, self), request, proxies)
        if not target.startswith("/"):  # to a proxy: the whole URL, from which urllib3 takes dot segments out
            target = urllib3.util.parse_url(target).request_uri
        path, _, query = target.partition("?")
        prefix = urlsplit(self.base_url).path
        if not path.startswith(prefix + "/"):
            return None
        asked = request.method or "", path[len(prefix) :], query
        found = recognise_addition(*asked) or recognise(*asked)
        return None if found and found.template in WRITES and not self.writes else found

    def _is_absent(self, net: _Net, operation: Operation, response: requests.Response) -> bool:
        """Whether a native answer says that the operation is absent; what it tells is noted, its body stays whole."""
        kind = response.headers.get("Content-Type", "")
        text = _looked_at(response) if response.status_code == 404 and kind.startswith("text/plain") else b""
        return run(learn_from(net, self.server, operation, response.status_code, kind, text))

    def _allowed_for(self, request: requests.PreparedRequest) -> set[str]:
        """The repositories whose question was a yes for this very caller; who that is, is kept as a digest only."""
        headers = sorted(question_headers(Headers(request.headers.items())))
        caller = repr((headers, as_caller("", urlsplit(request.url or "").query)))
        if len(self._allowed) > CALLERS:
            self._allowed.clear()
        digest = hashlib.blake2b(caller.encode(), key=self._digest_key).digest()
        return self._allowed.setdefault(digest, set())


class _Net:
    """The transport of one request's flow (flows/net.py), over the wrapped adapter. It never waits elsewhere."""

    def __init__(self, adapter: ShimAdapter, request: requests.PreparedRequest, how: dict[str, Any]) -> None:
        self.base_url = self.called = adapter.base_url
        self.signing_in = _Lock(adapter._signing_in)
        self._adapter = adapter
        self._caller = question_headers(Headers((k, _text(v)) for k, v in request.headers.items()))
        self._how = how
        self._request = request

    async def api(self, path: str) -> Answer:
        return self._send("GET", path, self._caller, b"")

    async def ask(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
        return self._send(method, path, [*self._caller, *headers], body)

    async def web(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
        return self._send(method, path, headers, body)

    def searching(
        self, repo: str, job_id: int, is_found: Callable[[], bool]
    ) -> AbstractAsyncContextManager[dict[int, tuple[int, ...]]]:
        return nullcontext({})

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def aside(self, work: Callable[[], T]) -> T:
        return work()

    def now(self) -> float:
        return time.time()

    def _send(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Send a request of the flow's. What the network raises is raised as of the caller's own (network.py)."""
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.url = self.base_url + path
        request.headers = CaseInsensitiveDict(headers)
        request.headers["Cache-Control"] = "no-cache, no-store"  # a cache below: a right is asked for, never kept
        request.prepare_body(body or None, None)
        try:
            return _Answer(self._adapter.pass_on(request, self._how))
        except requests.RequestException as error:
            lost = _Lost(from_flow(error, self._request))
        raise lost


class _Lost(Broken):
    """A request of a flow that the network did not carry, in the form that flows know; `error` is what callers know."""

    def __init__(self, error: requests.RequestException) -> None:
        super().__init__(type(error).__name__)
        self.error = self.__cause__ = error


def _as_requests(broken: Broken, request: requests.PreparedRequest | None) -> requests.RequestException:
    return broken.error if isinstance(broken, _Lost) else broken_body(broken, request)


class _Lock(AbstractAsyncContextManager[None]):
    """A thread's lock in the form that flows use."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class _Answer:
    """An open response of the wrapped adapter, in the form that flows read."""

    def __init__(self, response: requests.Response) -> None:
        self.raw = response.raw
        self.status = response.status_code
        self.headers = Headers(self.raw.headers.items())

    async def read(self, size: int) -> bytes:
        try:
            data: bytes = self.raw.read(size)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Broken(f"{type(error).__name__} while the answer was read") from error
        return data

    async def close(self) -> None:
        self.raw.close()
        self.raw.release_conn()


def _looked_at(response: requests.Response) -> bytes:
    """The beginning of a body, decoded; the body can then be read as if nobody had looked at it. Raises Broken."""
    answer, headers = _Answer(response), response.raw.headers
    start = run(answer.read(ERROR_LIMIT))
    reply = Reply(response.status_code, list(headers.items()), Started(answer, start))
    response.raw = received(reply, response.request.method or "", response.request.path_url)
    try:
        return urllib3.HTTPResponse(io.BytesIO(start), headers, preload_content=False).read(decode_content=True)
    except urllib3.exceptions.DecodeError:
        return start


def _marked(response: requests.Response, backend: Backend, task: int | None = None) -> requests.Response:
    response.backend = backend  # type: ignore[attr-defined]
    response.task = task  # type: ignore[attr-defined]
    response.__attrs__ = [*getattr(response, "__attrs__", []), "backend", "task"]  # what a pickle of it keeps
    return response


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
