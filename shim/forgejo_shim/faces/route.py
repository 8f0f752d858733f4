"""How a client of another API asks for an operation: rows of a face's table, and the call that a request is by them.

Rules: pure. Ids are decimal numbers; a path with another one is none of these. What a row gives its operation is said
in Forgejo's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlencode

from ..operations import REPO, Call, Operation
from ..router import parameters

IDS = ("job_id", "run_id", "artifact_id", "runner_id")  # the first that a path has is the call's
NUMBERS = (*IDS, "attempt")


Query = Callable[[str], str]


@dataclass(frozen=True)
class Route:
    """A row. `path` is below the face's root, `query` makes Forgejo's query of the client's where the face's usual one
    does not; `by_address` and `then` are the call's (operations.py)."""

    method: str
    path: str
    operation: Operation
    query: Query | None = None
    by_address: bool = False
    then: Operation | None = None


class Table:
    """The routes of a face below its `root`; `query` is what they usually make of a query."""

    def __init__(self, root: str, routes: Iterable[Route], query: Query) -> None:
        self.root = root
        self._query = query
        self._patterns = tuple((route, _pattern(root, route.path)) for route in routes)

    def call_of(self, method: str, path: str, query: str) -> Call | None:
        """The call that a request is; `path` as Forgejo's router sees it. Raises BadRequest for a query that means
        nothing."""
        for route, pattern in self._patterns:
            if route.method == method and (found := pattern.match(path)):
                return self._called(route, found, query)
        return None

    def _called(self, route: Route, found: re.Match[str], query: str) -> Call:
        parts = found.groupdict()
        number = next((parts[name] for name in IDS if name in parts), "")
        behind = found.string[found.end("repo") if "repo" in parts else len(self.root) :]
        tail = re.sub(r"\{(\w+)\}", lambda name: parts.get(name[1]) or number, route.operation.path.removeprefix(REPO))
        return Call(
            operation=route.operation,
            method=route.method,
            owner_segment=parts.get("owner", ""),
            repo_segment=parts.get("repo", ""),
            id=int(number or 0),
            attempt=int(parts["attempt"]) if "attempt" in parts else None,
            query=_with_names((route.query or self._query)(query), parts),
            tail=tail,
            route=self.root + route.path,
            root=self.root,
            as_value=True,
            by_address=route.by_address,
            then=route.then,
            of_run=int(parts["run_id"]) if "run_id" in parts and "job_id" in parts else None,
            sent=behind + (f"?{query}" if query else ""),
        )


def method_of(sent: str) -> str:
    """The method that a route is looked up by: HEAD is GET, without the body."""
    return "GET" if sent.upper() == "HEAD" else sent.upper()


def _pattern(root: str, path: str) -> re.Pattern[str]:
    kinds = {**dict.fromkeys(NUMBERS, "[0-9]{1,18}"), "commit": ".+"}  # a branch can have slashes in its name
    parts = re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{kinds.get(found[1], '[^/]+')})", path)
    return re.compile(f"{root}{parts}\\Z")


def _with_names(query: str, parts: dict[str, str]) -> str:
    """The query with the workflow or the commit that a part of the path names."""
    named = [(name, unquote(parts[name], errors="surrogateescape")) for name in ("workflow", "commit") if name in parts]
    return urlencode([*parameters(query), *named], errors="surrogateescape") if named else query
