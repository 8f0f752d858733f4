"""The double: an embedded Forgejo with the outside of 11, 12, 13, 14, 15.0.2 and 16, for tests without a server.

Rules
-----
* It speaks the HTTP that real servers speak: web pages, API, runners' protocol; differences between versions are the
  table in `faces.py`. Behaviour that only the double has is a bug.
* It binds to 127.0.0.1, keeps everything in memory, and forgets it at `stop`.
* Besides HTTP: `model` builds runs quickly, `faults` spoils answers, `requests` says what was asked.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .api import Api
from .artifact_uploads import PREFIXES, ArtifactUploads
from .entities import Job, Repo, Run, Task, User
from .faces import FACES
from .faults import Fault, Faults
from .logs import GeneratedLog
from .messages import PLAIN, Request, Response, plain
from .model import JobSpec, Model
from .runner_api import PREFIX, RunnerApi
from .server import Seen, Server
from .web import Web

__all__ = ["Double", "Fault", "GeneratedLog", "Job", "JobSpec", "Model", "Repo", "Run", "Seen", "Task", "User"]


class Double:
    """One instance. Use it as a context manager, or `start` and `stop` it.

    `face`: "11", "12", "13.0.3", "13", "14", "15" or "16".
    `root_url`: ROOT_URL, ending in `/`; by default the double's own address. Its path is the sub-path, which the server
        itself does not expect in requests.
    `mounted_at`: the prefix that a reverse proxy in front strips, as `/forge`; other paths are 404.
    `require_signin_view`, `swagger`, `internal_signin`, `session_cookie`: the settings of those names.
    `admin`, `password`: the first account.
    """

    def __init__(
        self,
        face: str = "15",
        *,
        root_url: str | None = None,
        mounted_at: str = "",
        require_signin_view: bool = False,
        swagger: bool = True,
        internal_signin: bool = True,
        session_cookie: str | None = None,
        admin: str = "root1",
        password: str = "Passw0rd!y",
        port: int = 0,
    ) -> None:
        self.face = FACES[face]
        self.require_signin_view = require_signin_view
        self.swagger = swagger
        self.internal_signin = internal_signin
        self.session_cookie = session_cookie or self.face.session_cookie
        self.mounted_at = mounted_at.rstrip("/")
        self._server = Server(port, self._answer)
        self.url: str = f"http://127.0.0.1:{self._server.server_address[1]}{self.mounted_at}"
        """The base URL to use, without a slash at its end."""
        self.root_url: str = (root_url or self.url).rstrip("/") + "/"
        self.sub_path: str = urlsplit(self.root_url).path.rstrip("/")
        self.model = Model(self.face)
        self.admin: User = self.model.add_user(admin, password, admin=True)
        self.registration_tokens: dict[str, User | Repo | None] = {}
        self._web, self._api, self._runners = Web(self), Api(self), RunnerApi(self)
        self._uploads = ArtifactUploads(self)
        self.faults = Faults(self.drop_sessions, f"{self.sub_path}/user/login")
        self._thread: threading.Thread | None = None

    @property
    def requests(self) -> list[Seen]:
        """Every request so far, in the order of their answers."""
        return self._server.seen

    def drop_sessions(self) -> None:
        """Forget every web session, as a restart does."""
        self._web.sessions.drop()

    def registration_token(self, scope: User | Repo | None) -> str:
        """The token with which runners register for the instance, an owner or a repository."""
        for token, known in self.registration_tokens.items():
            if known is scope:
                return token
        token = secrets.token_hex(20)
        self.registration_tokens[token] = scope
        return token

    # --- life

    def start(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def kill(self) -> None:
        """End at once, as a killed process does: connections break, sessions are lost. `revive` goes on from there."""
        self.stop()
        self._server.break_all()
        self.drop_sessions()

    def revive(self) -> None:
        """Listen again, at the same address."""
        seen, port = self._server.seen, self._server.server_address[1]
        self._server = Server(port, self._answer)
        self._server.seen = seen
        self.start()

    def upgrade(self, face: str) -> None:
        """Go on as another version with the same data, as after a restart; sessions are lost."""
        self.face = self.model.face = FACES[face]
        self._web, self._api, self._runners = Web(self), Api(self), RunnerApi(self)
        self._uploads = ArtifactUploads(self)
        self.faults.lose_sessions = self.drop_sessions

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- one request

    def _answer(self, request: Request) -> tuple[Response, Fault | None]:
        if self.mounted_at:
            if not request.path.startswith(f"{self.mounted_at}/"):
                return plain(404, "404 page not found"), None
            request.path = request.path.removeprefix(self.mounted_at)
        fault = self.faults.of(request)
        if fault and fault.before:
            fault.before()
        instead = fault.instead(request) if fault and fault.instead else None
        if instead:
            return instead, fault
        with self.model.lock:
            response = self._face(request)
            return fault.swap(response) if fault and fault.swap else response, fault

    def _face(self, asked: Request) -> Response:
        request = asked.as_routed()
        if request is None:
            return Response(400, [("Content-Type", PLAIN)], b"400 Bad Request")
        if request.path.startswith(PREFIX):
            return self._runners.answer(request)
        if request.path.startswith(PREFIXES):
            return self._uploads.answer(request)
        if request.path == "/api/v1" or request.path.startswith("/api/v1/"):
            return self._api.answer(request)
        if request.path == "/api/forgejo/v1/version":
            return self._api.answer(replace(request, target="/api/v1/version"))
        return self._web.answer(request)
