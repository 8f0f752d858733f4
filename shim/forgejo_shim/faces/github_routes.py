"""The routes of GitHub's API below `/api/v3`, a row each: how a client asks, and which operation it means by that.

Rules: pure. Ids are decimal numbers; a path with another one is none of these. What a row gives its operation is said
in Forgejo's words (github_query.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlencode

from ..operations import (
    ARTIFACT,
    ARTIFACT_ZIP,
    ARTIFACTS,
    JOB,
    JOB_LOG,
    ONE_RUN,
    REPO,
    REPOSITORY,
    RUN_ARTIFACTS,
    RUN_DETAILS,
    RUN_LIST,
    RUN_STEP_LOGS,
    RUN_SUMMARY,
    USER,
    WORKFLOW,
    WORKFLOWS,
    Call,
    Operation,
)
from ..router import parameters
from .github_query import of_artifacts, of_jobs, of_list, of_runs

ROOT = "/api/v3"
ACTIONS = REPO + "/actions"
RUN = ACTIONS + "/runs/{run_id}"
WORKFLOW_PATH = ACTIONS + "/workflows/{workflow}"
ATTEMPT = RUN + "/attempts/{attempt}"
TIMING, PENDING, APPROVALS = (f"{RUN}/{what}" for what in ("timing", "pending_deployments", "approvals"))


@dataclass(frozen=True)
class Route:
    """How a client asks for an operation. `path` is below `/api/v3`, `query` makes Forgejo's query of the client's, and
    `by_address` says that the answer is an address (operations.py, Call)."""

    method: str
    path: str
    operation: Operation
    query: Callable[[str], str] = of_list
    by_address: bool = False


ROUTES = (
    Route("GET", "/user", USER),
    Route("GET", REPO, REPOSITORY),
    Route("GET", ACTIONS + "/runs", RUN_LIST, of_runs),
    Route("GET", RUN, ONE_RUN),
    Route("GET", RUN + "/jobs", RUN_DETAILS, of_jobs),
    Route("GET", ATTEMPT, ONE_RUN),
    Route("GET", ATTEMPT + "/jobs", RUN_DETAILS),
    Route("GET", TIMING, RUN_SUMMARY),
    Route("GET", PENDING, RUN_SUMMARY),
    Route("GET", APPROVALS, RUN_SUMMARY),
    Route("GET", ACTIONS + "/workflows", WORKFLOWS),
    Route("GET", WORKFLOW_PATH, WORKFLOW),
    Route("GET", WORKFLOW_PATH + "/runs", RUN_LIST, of_runs),
    Route("GET", ACTIONS + "/jobs/{job_id}", JOB, lambda query: f"brief=true&{of_list(query)}"),
    Route("GET", RUN + "/logs", RUN_STEP_LOGS, by_address=True),
    Route("GET", ATTEMPT + "/logs", RUN_STEP_LOGS, by_address=True),
    Route("GET", ACTIONS + "/jobs/{job_id}/logs", JOB_LOG, by_address=True),
    Route("GET", RUN + "/artifacts", RUN_ARTIFACTS, of_artifacts),
    Route("GET", ACTIONS + "/artifacts", ARTIFACTS, of_artifacts),
    Route("GET", ACTIONS + "/artifacts/{artifact_id}", ARTIFACT),
    Route("GET", ACTIONS + "/artifacts/{artifact_id}/zip", ARTIFACT_ZIP, by_address=True),
)

_IDS = ("run_id", "job_id", "artifact_id")


def _pattern(path: str) -> re.Pattern[str]:
    number, name = "[0-9]{1,18}", "[^/]+"
    parts = re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{number if found[1] in NUMBERS else name})", path)
    return re.compile(f"{ROOT}{parts}\\Z")


NUMBERS = (*_IDS, "attempt")
_PATTERNS = tuple((route, _pattern(route.path)) for route in ROUTES)


def call_of(method: str, path: str, query: str) -> Call | None:
    """The call that a request is; `path` as Forgejo's router sees it. Raises BadRequest for a query that means
    nothing."""
    for route, pattern in _PATTERNS:
        if route.method == method and (found := pattern.match(path)):
            return _called(route, found, query)
    return None


def _called(route: Route, found: re.Match[str], query: str) -> Call:
    parts = found.groupdict()
    number = next((parts[name] for name in _IDS if name in parts), "")
    behind = found.string[found.end("repo") :] if "repo" in parts else ""
    return Call(
        operation=route.operation,
        method=route.method,
        owner_segment=parts.get("owner", ""),
        repo_segment=parts.get("repo", ""),
        id=int(number or 0),
        attempt=int(parts["attempt"]) if "attempt" in parts else None,
        query=_with_workflow(route.query(query), parts.get("workflow")),
        tail=re.sub(r"\{\w+\}", number, route.operation.path.removeprefix(REPO)),
        route=ROOT + route.path,
        root=ROOT,
        as_value=True,
        by_address=route.by_address,
        sent=behind + (f"?{query}" if query else ""),
    )


def _with_workflow(query: str, segment: str | None) -> str:
    """The query with the workflow that a part of the path names."""
    if segment is None:
        return query
    name = unquote(segment, errors="surrogateescape")
    return urlencode([*parameters(query), ("workflow", name)], errors="surrogateescape")
