"""GitHub's REST API below `/api/v3`, where clients of GitHub ask an Enterprise server: the answers that need no server,
the headers and the errors (github_routes.py has the routes, github_json.py the values).

Rules: everything below `/api/v3`, and GraphQL, is answered here or is 404 in GitHub's form, and never passed on. HEAD
is asked as GET. Nothing is counted, so the limit of requests that is told is never used up. A message of a 401 is
GitHub's: Forgejo's repeats the credential. Beyond GitHub's form, an error's `cause` says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from ..errors import ServerRefusal, ShimError
from ..flows.dispatch import Value
from ..operations import Call
from ..router import routed
from .face import Reply
from .forgejo import Json
from .github_answers import render
from .github_reply import reply_error, reply_json
from .github_routes import ROOT, call_of
from .route import method_of

GRAPHQL = "/api/graphql"
# Of the Enterprise server whose API this is a part of; clients ask it which features they may use (gh: from 3.21 on it
# asks to be told of the run that a dispatch began).
VERSION = "3.21.0"
LIMIT = 5000  # requests an hour, as GitHub tells them
STATUSES = {
    "not-over": 403,
    "nothing-failed": 403,
    "filter-not-understood": 422,
    "dispatch-refused": 422,
}  # by an error's cause, where GitHub has another one
HOUR = 3600


@dataclass(frozen=True)
class GitHub:
    """The face; `now` tells seconds since the epoch."""

    now: Callable[[], float] = lambda: 0.0

    def recognise(self, method: str, path: str, query: str, base_url: str = "") -> Call | Reply | None:
        """The operation that a request asks for, or what is answered without a server."""
        path, method = routed(path), method_of(method)
        if path != GRAPHQL and path != ROOT and not path.startswith(ROOT + "/"):
            return None
        if method == "GET" and (said := self._said(path.removeprefix(ROOT), base_url)):
            return reply_json(said)
        try:
            return call_of(method, path, query) or reply_error(404, "Not Found")
        except ShimError as error:
            return self.render_error(error, base_url)

    def _said(self, path: str, base_url: str) -> Json | None:
        """What is told without the server at a path below the root."""
        match path:
            case "":
                at = base_url + ROOT
                return {"rate_limit_url": f"{at}/rate_limit", "openapi_url": f"{at}/openapi.json"}
            case "/rate_limit":
                core = self._limits()
                return {"resources": {"core": core, "search": core | {"resource": "search"}}, "rate": core}
            case "/meta":
                return {"verifiable_password_authentication": False, "installed_version": VERSION}
            case "/openapi.json":
                return document()
        return None

    def render(self, value: Value, call: Call, base_url: str) -> Reply:
        """The value as GitHub gives it."""
        return render(value, call, base_url)

    def render_error(self, error: ShimError, base_url: str) -> Reply:
        """The error in GitHub's form."""
        if isinstance(error, ServerRefusal):
            return reply_error(error.status, _refusal(error), [pair for pair in error.headers if _is_kept(pair[0])])
        if type(error) is ShimError:
            raise error
        status = STATUSES.get(error.cause, error.status)
        more = [("Retry-After", str(error.retry_after))] if error.retry_after else []
        return reply_error(status, error.message, more, error.cause)

    def headers(self, name: str) -> list[tuple[str, str]]:
        """The request's name, the form of the answer, and the limit of requests."""
        limits = {f"X-RateLimit-{key.capitalize()}": str(value) for key, value in self._limits().items()}
        ids = {"X-GitHub-Request-Id": name, "X-GitHub-Media-Type": "github.v3; format=json"}
        return list({"X-Request-Id": name, **ids, **limits}.items())

    def _limits(self) -> Json:
        reset = (int(self.now()) // HOUR + 1) * HOUR
        return {"limit": LIMIT, "remaining": LIMIT, "reset": reset, "used": 0, "resource": "core"}


@cache
def document() -> Json:
    """The OpenAPI document of this face: spec/ of the project, shipped with the package."""
    told: Json = json.loads(files(__package__).joinpath("github.openapi.json").read_bytes())
    return told


def _is_kept(name: str) -> bool:
    return name.lower() in ("location", "retry-after", "www-authenticate", "allow")


def _refusal(error: ServerRefusal) -> str:
    """What is said of the server's own no."""
    if error.status == 401:
        return "Bad credentials"
    try:
        message = json.loads(error.body)["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        message = ""
    if error.status != 404 and message and isinstance(message, str):
        return message
    return HTTPStatus(error.status).phrase if error.status in set(HTTPStatus) else "the server refused this"
