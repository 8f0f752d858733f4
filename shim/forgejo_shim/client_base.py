"""What a client has before it asks for anything: its session, its caller's token, its server; and how it ends.

Rules: one session and one adapter hold the connections and the web account. A client of another caller of the same
server shares both, but no credential and no cookie.
"""

from __future__ import annotations

import copy
from os import PathLike
from types import TracebackType
from typing import Self

from requests.cookies import RequestsCookieJar

from . import arguments
from .address import base_url_of
from .arguments import Timeout
from .client_session import ClientSession, Token, refuse_unsendable
from .environment import Session
from .models import WebCredentials
from .requests_adapter import mount
from .store.protocol import Store
from .store.session_file import SessionFile


class ClientBase:
    """A server and a caller; `Client` says what the arguments are."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        web: WebCredentials | None = None,
        store: Store | None = None,
        session_file: SessionFile | None = None,
        timeout: Timeout = (10.0, 60.0),
        ca_file: str | PathLike[str] | None = None,
    ) -> None:
        token = None if token is None else arguments.text(token, "token")
        refuse_unsendable(token, web)
        self.timeout = arguments.timeout(timeout)
        base_url = arguments.text(base_url, "base_url")
        self.session = Session(base_url_of(base_url), str(ca_file) if ca_file else None)
        self.session.auth = Token(token)
        self.adapter = mount(self.session, base_url, web=web, store=store, session_file=session_file, writes=True)
        self.base_url = self.adapter.base_url
        self._ask_through(self.session)

    def _ask_through(self, session: Session) -> None:
        """Have all that is asked go through this session."""
        self._asking = ClientSession(session, self.adapter, self.timeout)

    def as_caller(self, token: str | None) -> Self:
        """The same server as another caller sees it: asked with that token, over the same connections and web account.

        It ends with this client, and is not closed by itself. Raises Refused for a token that no header can carry.
        """
        refuse_unsendable(token if token is None else arguments.text(token, "token"), None)
        other = copy.copy(self)
        other.session = copy.copy(self.session)
        other.session.cookies = RequestsCookieJar()  # what the API sets for one caller is not sent for another
        other.session.auth = Token(token)
        other._ask_through(other.session)
        return other

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
