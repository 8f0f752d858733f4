"""Gitea's API below `/compat/gitea`, and below `/api/v1` at a host of its own (gitea_routes.py has the routes,
gitea_json.py the values).

Rules: what has a route is Gitea's; all else below `/compat/gitea/api/v1` is handed on to Forgejo's `/api/v1`, which is
the same API but for those. HEAD of a route is asked as GET. Errors are Forgejo's, whose form Gitea shares; a `cause`
says why, as everywhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from ..errors import ShimError
from ..flows.dispatch import Value
from ..operations import API, Call
from ..router import routed
from .face import Reply
from .forgejo import Forgejo, Json, reply_json
from .gitea_json import render
from .gitea_query import of_list
from .gitea_routes import ROUTES
from .route import Table, method_of

ROOT = "/compat/gitea"  # in front of `/api/v1`
SWAGGER = ROOT + "/swagger.v1.json"
STATUSES = {"not-over": 409}  # by an error's cause, where Gitea has another one


@dataclass(frozen=True)
class Gitea:
    """The face; `root` stands in front of `/api/v1`."""

    root: str = ROOT
    table: Table = field(init=False)

    def __post_init__(self) -> None:
        """Make the table of its routes."""
        object.__setattr__(self, "table", Table(self.root + API, ROUTES, of_list))

    def recognise(self, method: str, path: str, query: str, base_url: str = "") -> Call | Reply | None:
        """The operation that a request asks for, if it means something else to Forgejo; or the document."""
        path, method = routed(path), method_of(method)
        if (method, path) == ("GET", SWAGGER):
            return reply_json(document())
        try:
            return self.table.call_of(method, path, query)
        except ShimError as error:
            return self.render_error(error, base_url)

    def render(self, value: Value, call: Call, base_url: str) -> Reply:
        """The value as Gitea gives it."""
        return render(value, call, base_url)

    def render_error(self, error: ShimError, base_url: str) -> Reply:
        """The error as Forgejo gives it."""
        made = Forgejo().render_error(error, base_url)
        return replace(made, status=STATUSES.get(error.cause, made.status))

    def headers(self, name: str) -> list[tuple[str, str]]:
        """As in Forgejo's answers."""
        return Forgejo().headers(name)


@cache
def document() -> Json:
    """The Swagger document of this face's own routes: spec/ of the project, shipped with the package."""
    told: Json = json.loads(files(__package__).joinpath("gitea.swagger.json").read_bytes())
    return told


def handed_on(target: str) -> str:
    """Where a request is sent on to that has no route: without the root in front of `/api/v1`, else as it came."""
    return re.sub(r"\A/+compat/+gitea/*(?=/api/+v1/)", "", target)


def handed_back(location: str) -> str:
    """Where such a request is redirected to, in this API: a path in Forgejo's, perhaps below the server's own."""
    return re.sub(rf"\A((?:/(?!/)[^?#]*?)??)({API}/)", rf"\1{ROOT}\2", location)
