"""The shim for `requests`: one adapter on a session, and every request of the contract works.

    session = requests.Session()
    mount(session, "https://forge.example", web=WebLogin("log-reader", "…"))
    session.get("https://forge.example/api/v1/repos/o/r/actions/jobs/7/logs")

What is done with a request: flows/dispatch.py says so, step by step. Rules here: a request that no face knows is passed
on as it came; the web session's cookies never get into the caller's jar; redirects are not followed. The adapter wraps
the one that was mounted before, so retries and caches of the session compose.
"""

from __future__ import annotations

import copy
import threading
import time
from functools import partial
from math import inf
from types import NoneType
from typing import Any, Literal, NoReturn, SupportsIndex, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from . import arguments
from .address import base_url_of, with_and_without_port
from .answer_body import to_urllib3
from .errors import ShimError
from .faces.all import all_faces
from .faces.face import Face, Reply, recognise
from .flows.dispatch import Native, Request, dispatch
from .flows.rights import Rights
from .models import WebCookie, WebCredentials, WebLogin
from .operations import Call
from .requests_transport import NativeResponse, RequestsTransport, as_requests, headers_of
from .server import Server
from .store.memory import MemoryStore
from .store.protocol import Store
from .store.session_file import SessionFile
from .transport import BrokenBody, run
from .webui.session import WebSession


def mount(
    session: requests.Session,
    base_url: str,
    *,
    web: WebCredentials | None = None,
    store: Store | None = None,
    session_file: SessionFile | None = None,
    writes: bool = False,
    face: Literal["forgejo-proxy"] | None = None,
) -> ShimAdapter:
    """Make `session` speak Forgejo 16's job and log endpoints with the Forgejo at `base_url`, whatever its version.

    `web` is the account that reads the web UI where the server lacks an operation: a `WebLogin`, a `WebCookie`, or None
    for anonymous. `store` keeps facts about the server (memory by default), `session_file` the web session. `writes`:
    whether rerun, cancel and the deletion of artifacts are offered, which the web account does for who may write.
    `face`: whose routes stand at `/api/v1` too, in the place of the operations by run id; they always stand below
    `/compat`.
    Mounted again on the same session, it takes the place of what was mounted before.
    Raises ShimError if `base_url` is no http(s) address or holds credentials, TypeError for arguments of a wrong type.
    """
    arguments.methods(store, "store", "get", "put")
    arguments.of_type(web, "web", "a WebLogin, a WebCookie or None", WebLogin, WebCookie, NoneType)
    arguments.of_type(session_file, "session_file", "a SessionFile or None", SessionFile, NoneType)
    arguments.of_type(writes, "writes", "True or False", bool)
    face = arguments.face(face)
    base_url = base_url_of(arguments.text(base_url, "base_url"))
    inner = session.get_adapter(base_url + "/")
    if isinstance(inner, ShimAdapter) and inner.base_url == base_url:
        inner = inner.inner
    adapter = ShimAdapter(base_url, inner, web, store or MemoryStore(), session_file, writes, face)
    for alike in with_and_without_port(base_url):
        session.mount(alike + "/", adapter)
    return adapter


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
        store: Store,
        session_file: SessionFile | None,
        writes: bool = False,
        face: str | None = None,
    ) -> None:
        self.base_url = base_url
        self.inner = inner
        self.writes = writes
        self._anew = partial(
            type(self), base_url, web=web, store=store, session_file=session_file, writes=writes, face=face
        )
        self._faces = all_faces((face,) if face else (), writes=writes)
        account = web.user if isinstance(web, WebLogin) else "cookie"
        kept = session_file.load(base_url, account) if session_file and web else {}
        on_change = (lambda cookies: session_file.save(base_url, account, cookies)) if session_file else None
        self.server = Server(base_url, WebSession(web, kept, on_change), store)
        self.signing_in = threading.Lock()
        self.rights = Rights(inf, time.monotonic)
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
        face = self._faces[-1]
        lost: requests.RequestException | None = None
        try:
            if not (found := self._recognised(request, proxies)):
                return _marked(self.pass_on(request, {**how, "stream": stream}), "native")
            face, call = found
            assert isinstance(call, Call)  # the faces here have no answer of their own
            headers = headers_of(request)
            asked = Request(headers, self.rights.of(headers, call.query), self.writes)
            value = run(dispatch(RequestsTransport(self, request, how), self.server, call, asked))
            if isinstance(value, Native):
                return _marked(cast(NativeResponse, value.answer).response, "native")
            reply = face.render(value, call, self.base_url)
        except ShimError as error:
            reply = face.render_error(error, self.base_url)  # raises it, where the fault is not the server's
        except BrokenBody as broken:
            lost = as_requests(broken, request, self.base_url)
        if lost:
            raise lost  # not where it was caught, so that it keeps its own context
        raw = to_urllib3(reply, request.method or "", request.path_url)
        made = HTTPAdapter.build_response(cast(HTTPAdapter, self), request, raw)
        return _marked(made, "web", reply.task)

    def pass_on(self, request: requests.PreparedRequest, how: dict[str, Any]) -> requests.Response:
        """Send a request through the wrapped adapter; `how` are the other arguments of its `send`."""
        self.sent += 1
        return self.inner.send(request, **how)

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

    def _recognised(self, request: requests.PreparedRequest, proxies: Any) -> tuple[Face, Call | Reply] | None:
        asked_of = urlsplit(request.url or "")[:2]
        if all(asked_of != urlsplit(alike)[:2] for alike in with_and_without_port(self.base_url)):
            return None  # another server's, where somebody mounted the adapter there too
        target = HTTPAdapter.request_url(cast(HTTPAdapter, self), request, proxies)
        if not target.startswith("/"):  # to a proxy: the whole URL, from which urllib3 takes dot segments out
            target = urllib3.util.parse_url(target).request_uri
        path, _, query = target.partition("?")
        prefix = urlsplit(self.base_url).path
        if not path.startswith(prefix + "/"):
            return None
        return recognise(self._faces, request.method or "", path[len(prefix) :], query)


def _marked(response: requests.Response, backend: Backend, task: int | None = None) -> requests.Response:
    response.backend = backend  # type: ignore[attr-defined]
    response.task = task  # type: ignore[attr-defined]
    response.__attrs__ = [*getattr(response, "__attrs__", []), "backend", "task"]  # what a pickle of it keeps
    return response
