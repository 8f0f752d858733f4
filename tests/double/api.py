"""The API face below `/api/v1`: who asks, which route, may they (routers/api/v1/api.go).

Rules
-----
* Only what is in the request's own credentials counts: token, Basic, `?token=`; cookies are ignored.
* In this order: credentials (401), sign-in required (403), route (`404 page not found` as text, 405), the token's scope
  (403), the repository (301, 307, 404), its unit Actions (403, 404), the route's own answer.
* Errors are JSON with `message` and `url`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .accounts import Access
from .entities import ADMIN, OWNER, READ, WRITE, Repo, Run, Task, Token, User
from .messages import PLAIN, Match, Request, Response, Routes, json_answer, redirect, whole
from .objects import Objects

if TYPE_CHECKING:
    from . import Double

CATEGORIES = {"admin": "admin", "orgs": "organization", "org": "organization", "teams": "organization"}
CATEGORIES |= {"user": "user", "users": "user", "repos": "repository"}
_NOT_READER = "user should have specific read permission or be a repo admin or a site admin"


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str | None, *, bare: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.bare = status, message, bare


NOT_FOUND = (404, None)
"""Refused(*NOT_FOUND): the answer for what isn't there or may not be seen."""


@dataclass
class Caller:
    """Who asks: nobody, a user, a user through a token."""

    request: Request
    user: User | None = None
    token: Token | None = None
    task: Task | None = None
    """The job that asks with its own token."""
    by_password: bool = False

    def need(self) -> User:
        """The user, or 401."""
        if not self.user:
            raise Refused(401, "token is required")
        return self.user

    def need_admin(self) -> User:
        user = self.need()
        if not user.admin:
            raise Refused(403, "user should be the site admin")
        return user


class Api:
    """Answers `/api/v1`; the routes themselves are in `api_actions.py` and `api_admin.py`."""

    def __init__(self, double: Double) -> None:
        from .api_actions import ActionsApi
        from .api_admin import AdminApi
        from .api_commits import CommitsApi
        from .api_lists import ListsApi

        self.double, self.model, self.face = double, double.model, double.face
        self.objects = Objects(self.face, double.root_url)
        others = [kind(self).routes() for kind in (ActionsApi, AdminApi, CommitsApi, ListsApi)]
        self.routes = Routes([("GET", "/version", self.version), *(route for routes in others for route in routes)])

    def answer(self, request: Request) -> Response:
        try:
            response = self._answer(request, request.path.removeprefix("/api/v1") or "/")
        except Refused as refused:
            response = self._error(refused)
        if response.header("Cache-Control") is None and response.status != 416:
            response.set("Cache-Control", self.face.cache_control)
        if response.status != 416:
            response.set("X-Content-Type-Options", "nosniff")
        return response

    def _answer(self, request: Request, path: str) -> Response:
        caller = self._caller(request)
        if self.double.require_signin_view and not caller.user:
            raise Refused(403, "Only signed in user is allowed to call APIs.", bare=True)
        match = self.routes.find(request.method, path)
        if match is None:
            headers = [("Content-Type", PLAIN), ("X-Content-Type-Options", "nosniff")]
            return Response(404, headers, b"404 page not found\n")
        if match.handler is None:
            return Response(405, [("Allow", match.allow)])
        self._check_scope(caller, path)
        try:
            return self._call(match, caller)
        except Refused as refused:
            if refused.status == 500 and not (caller.user and caller.user.admin):
                raise Refused(500, "") from None  # why, only administrators are told (services/context/api.go)
            raise

    def _call(self, match: Match, caller: Caller) -> Response:
        assert match.handler
        if "owner" not in match.arguments:
            return match.handler(caller, **match.arguments)
        arguments = dict(match.arguments)
        repo = self._repo(caller, arguments.pop("owner"), arguments.pop("repo"))
        if isinstance(repo, Response):
            return repo
        return match.handler(caller, repo, self.access(caller, repo), **arguments)

    def access(self, caller: Caller, repo: Repo) -> Access:
        """What the caller may do here; a job may write in its own repository."""
        own = caller.task and caller.task.job.run.repo is repo
        return Access(WRITE, WRITE) if own else self.model.access(caller.user, repo)

    def version(self, caller: Caller) -> Response:
        return json_answer(200, {"version": self.face.version})

    def _error(self, refused: Refused) -> Response:
        url = f"{self.double.root_url}api/swagger"
        if refused.bare:
            return json_answer(refused.status, {"message": refused.message})
        if refused.message is None:
            body = {"errors": [], "message": "The target couldn't be found.", "url": url}
            return json_answer(refused.status, body)
        return json_answer(refused.status, {"message": refused.message, "url": url})

    # --- who

    def _caller(self, request: Request) -> Caller:
        caller = Caller(request)
        words = request.headers.get("Authorization", "").split()
        kind, secret = words if len(words) == 2 else ("", "")  # of three words none counts (seen on 11.0.15 and 15.0.2)
        if kind.lower() not in ("basic", "token", "bearer"):
            secret = ""
        secret = secret or request.one("token") or request.one("access_token")
        if kind.lower() == "basic":
            self._basic(caller, secret)
        elif secret:
            self._by_token(caller, secret)
        if caller.user:
            self._check_account(caller.user)
            self._sudo(caller)
        return caller

    def _by_token(self, caller: Caller, secret: str) -> None:
        task = self.model.task_of_token(secret)
        if task and task.status == "running":
            caller.task, caller.user = task, User(-2, "forgejo-actions")
            return
        caller.token = self.model.tokens.get(secret)
        if not caller.token:
            raise Refused(401, self.face.bad_token.format(secret=secret))
        caller.user = caller.token.user

    def _basic(self, caller: Caller, secret: str) -> None:
        try:
            name, _, password = base64.b64decode(secret).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return
        for candidate in (password, name):
            if token := self.model.tokens.get(candidate):
                caller.token, caller.user = token, token.user
                return
        user = self.model.user(name)
        if not user:
            raise Refused(401, self.face.bad_user.format(name=name, secret=password))
        if user.password != password:
            raise Refused(401, self.face.bad_password.format(uid=user.id, name=user.name, secret=password))
        code = caller.request.headers.get("X-Forgejo-OTP") or caller.request.headers.get("X-Gitea-OTP") or ""
        if user.totp_secret and not self.model.is_totp(user, code):
            raise Refused(401, self.face.bad_otp.format(secret=password))
        caller.user, caller.by_password = user, True

    def _check_account(self, user: User) -> None:
        if not user.active or user.prohibit_login:
            raise Refused(
                403, "This account is prohibited from signing in, please contact your site administrator.", bare=True
            )
        if user.must_change_password:
            url = f"{self.double.root_url}user/change_password"
            raise Refused(403, f"You must change your password. Change it at: {url}", bare=True)

    def _sudo(self, caller: Caller) -> None:
        name = caller.request.one("sudo") or caller.request.headers.get("Sudo", "")
        if not name or not caller.user:
            return
        if not caller.user.admin:
            raise Refused(403, "Only administrators allowed to sudo.", bare=True)
        other = self.model.user(name)
        if not other:
            raise Refused(*NOT_FOUND)
        caller.user = other

    def _check_scope(self, caller: Caller, path: str) -> None:
        category = CATEGORIES.get(path.strip("/").partition("/")[0])
        if not caller.token or not category:
            return
        level = "read" if caller.request.method in ("GET", "HEAD") else "write"
        if not caller.token.allows(f"{level}:{category}"):
            raise Refused(403, f"token does not have at least one of required scope(s): [{level}:{category}]")

    # --- what

    def _repo(self, caller: Caller, owner: str, name: str) -> Repo | Response:
        repo = self.model.repo(owner, name)
        if not repo:
            moved = self.model.moved(owner, name)
            if not moved:
                return self._no_repo(caller, owner)
            old = f"{quote(owner)}/{quote(name)}"
            path = caller.request.request_uri.replace(old, quote(moved.full_name), 1)
            return redirect(caller.request, self.face.rename_status, self.double.sub_path + path)
        if not self.access(caller, repo).mode:
            raise Refused(*NOT_FOUND)
        return repo

    def _no_repo(self, caller: Caller, owner: str) -> Response:
        if renamed := self.model.old_users.get(owner.lower()):
            path = caller.request.request_uri.replace(f"/{quote(owner)}", f"/{quote(renamed.name)}", 1)
            return redirect(caller.request, 307, self.double.sub_path + path)
        if self.model.user(owner):
            raise Refused(*NOT_FOUND)
        errors = [f"user redirect does not exist [name: {owner}]"]
        body = {"errors": errors, "message": "GetUserByName", "url": f"{self.double.root_url}api/swagger"}
        return json_answer(404, body)

    def need_actions(self, repo: Repo, access: Access, mode: int = READ) -> None:
        """The unit Actions must be on and the caller's access high enough; up to 11 a repository's admin reads it
        switched off as well (`reqRepoReader`, 11.0.15: routers/api/v1/api.go)."""
        if not repo.has_actions and self.face.disabled_unit_is_404:
            raise Refused(*NOT_FOUND)
        if mode == READ and access.mode >= ADMIN:
            return
        if not repo.has_actions or access.actions < mode:
            what = _NOT_READER if mode == READ else "user should have a permission to write to a repo"
            raise Refused(403, what)

    def need_owner(self, caller: Caller, access: Access, mode: int = OWNER) -> None:
        caller.need()
        if access.mode < mode:
            raise Refused(403, "user should be the owner of the repo")

    def run(self, repo: Repo, text: str) -> Run:
        """A run of this repository by its database id."""
        run = self.model.runs.get(whole(text))
        if not run:
            raise Refused(404, f"run with id {whole(text)}: {MISSING}")
        if run.repo is not repo:
            raise Refused(404, MISSING)
        return run

    def one_page(self, request: Request, things: Sequence[Any]) -> Sequence[Any]:
        """`page` and `limit`, 30 by default, at most 50; without a page, all (models/db/list.go, FindAndCount)."""
        size, page = whole(request.one("limit")), whole(request.one("page"))
        if page < 1:
            return things
        size = min(size, 50) if size > 0 else 30
        return things[(page - 1) * size : page * size]


MISSING = "resource does not exist"
