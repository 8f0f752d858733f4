"""Web sessions: cookies, CSRF tokens, sign-in.

Rules
-----
* Sessions live in memory; a cookie that names none begins an empty session under that very name (seen on 11 to 16).
* Every web answer sets the session cookie if the request had none, and up to 13 `_csrf` where a token is due.
* A CSRF token is bound to the session's user, not to the session (services/context/csrf.go, up to 13).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from urllib.parse import quote, unquote

from .entities import User
from .messages import Request, Response
from .model import Model

CSRF_LIFE = 24 * 3600
CSRF_RENEWAL = 600


class Answered(Exception):
    """An answer that ends the handling of a request early."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(slots=True)
class Session:
    """What the server remembers of a browser."""

    user: User | None = None
    csrf_user: int | None = None
    """Whom the last token was for."""
    second_factor: User | None = None
    """Signed in by password, the one-time code still missing."""
    totp_secret: str = ""
    """Shown on the enrolment page, not yet confirmed."""


class Visit:
    """One web request: who it is, and the cookies that its answer sets."""

    def __init__(self, web: Sessions, request: Request) -> None:
        self.web = web
        self.request = request
        self.cookies: list[str] = []
        given = request.cookies.get(web.cookie, "")
        self.session_id = given or secrets.token_hex(8)
        self.session = web.open.setdefault(self.session_id, Session())
        if not given:
            self.set(web.cookie, self.session_id)
        if self.session.user and self.session.user.id not in web.model.user_ids:
            self.session.user = None
        if web.model.face.csrf_token:
            self._prepare_csrf()

    @property
    def user(self) -> User | None:
        return self.session.user

    def set(self, name: str, value: str, max_age: int | None = None) -> None:
        life = "" if max_age is None else f"; Max-Age={max(max_age, 0)}"
        self.cookies.append(f"{name}={value}; Path={self.web.sub_path or '/'}{life}; HttpOnly; SameSite=Lax")

    def finish(self, response: Response) -> Response:
        for cookie in self.cookies:
            response.add("Set-Cookie", cookie)
        return response

    # --- CSRF

    def _prepare_csrf(self) -> None:
        user_id = self.user.id if self.user else 0
        given = self.request.cookies.get("_csrf", "")
        if self.session.csrf_user == user_id and time.time() - _issued(given) <= CSRF_RENEWAL:
            return
        self.session.csrf_user = user_id
        self.set("_csrf", self.web.csrf_token(user_id), CSRF_LIFE)

    def csrf_fits(self) -> bool:
        token = self.request.headers.get("X-Csrf-Token") or self.request.form.get("_csrf", "")
        at = _issued(token)
        fits = token == self.web.csrf_token(self.user.id if self.user else 0, at) and time.time() - at < CSRF_LIFE
        if not fits:
            self.set("_csrf", "", -1)
        return fits

    # --- sign-in

    def begin(self, session: Session) -> None:
        """Go on in another session, under a new id."""
        self.web.open.pop(self.session_id, None)
        self.session_id, self.session = secrets.token_hex(8), session
        self.web.open[self.session_id] = session
        self.cookies = [cookie for cookie in self.cookies if not cookie.startswith(f"{self.web.cookie}=")]
        self.set(self.web.cookie, self.session_id)

    def sign_in(self, user: User) -> str:
        """Sign in; where to go next."""
        self.begin(Session(user))
        self.set("lang", "en-US")
        user.language = "en-US"
        if self.web.model.face.csrf_token:
            self.set("_csrf", "", -1)
        if wanted := unquote(self.request.cookies.get("redirect_to", "")):
            self.set("redirect_to", "", -1)
            return wanted
        return f"{self.web.sub_path}/"

    def remember_where(self) -> None:
        self.set("redirect_to", quote(self.web.sub_path + self.request.request_uri, safe=""))


class Sessions:
    """All web sessions of one instance."""

    def __init__(self, model: Model, cookie: str, sub_path: str) -> None:
        self.model = model
        self.cookie = cookie
        self.sub_path = sub_path
        self.open: dict[str, Session] = {}
        self._secret = secrets.token_bytes(16)

    def csrf_token(self, user_id: int, at: int | None = None) -> str:
        issued = int(time.time()) if at is None else at
        signed = hmac.new(self._secret, f"{user_id}:{issued}".encode(), hashlib.sha1).hexdigest()
        return f"{signed}:{issued}"

    def drop(self) -> None:
        """Forget every session."""
        self.open.clear()


def _issued(token: str) -> int:
    """When a token was made; 0 if it doesn't say."""
    text = token.rpartition(":")[2]
    return int(text) if text.isdigit() else 0
