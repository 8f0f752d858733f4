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
    CANCEL_RUN,
    COMMIT_JOBS,
    COMMIT_RUNS,
    COMMIT_STATUS,
    DELETE_ARTIFACT,
    DELETE_RUN,
    DISPATCH,
    FINDINGS,
    JOB,
    JOB_LOG,
    ONE_RUN,
    REPO,
    REPOSITORY,
    RERUN_FAILED,
    RERUN_JOB,
    RERUN_RUN,
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
from .github_query import of_artifacts, of_checks, of_jobs, of_list, of_runs, of_suites

ROOT = "/api/v3"
ACTIONS = REPO + "/actions"
RUN = ACTIONS + "/runs/{run_id}"
WORKFLOW_PATH = ACTIONS + "/workflows/{workflow}"
ATTEMPT = RUN + "/attempts/{attempt}"
# A run is a check suite, and a job a check run, by the same ids.
CHECK_RUN, CHECK_SUITE = REPO + "/check-runs/{job_id}", REPO + "/check-suites/{run_id}"
COMMIT = REPO + "/commits/{commit}"
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
    Route("GET", CHECK_RUN, JOB, lambda query: f"brief=true&{of_list(query)}"),
    Route("GET", CHECK_RUN + "/annotations", FINDINGS),
    Route("GET", CHECK_SUITE, RUN_SUMMARY),
    Route("GET", CHECK_SUITE + "/check-runs", RUN_DETAILS, of_jobs),
    Route("GET", COMMIT + "/check-suites", COMMIT_RUNS, of_suites),
    Route("GET", COMMIT + "/check-runs", COMMIT_JOBS, of_checks),
    Route("GET", COMMIT + "/status", COMMIT_STATUS),
    Route("POST", RUN + "/rerun", RERUN_RUN),
    Route("POST", RUN + "/rerun-failed-jobs", RERUN_FAILED),
    Route("POST", ACTIONS + "/jobs/{job_id}/rerun", RERUN_JOB),
    Route("POST", RUN + "/cancel", CANCEL_RUN),
    Route("POST", RUN + "/force-cancel", CANCEL_RUN),
    Route("DELETE", RUN, DELETE_RUN),
    Route("DELETE", ACTIONS + "/artifacts/{artifact_id}", DELETE_ARTIFACT),
    Route("POST", WORKFLOW_PATH + "/dispatches", DISPATCH),
)

_IDS = ("run_id", "job_id", "artifact_id")


def _pattern(path: str) -> re.Pattern[str]:
    kinds = {**dict.fromkeys(NUMBERS, "[0-9]{1,18}"), "commit": ".+"}  # a branch can have slashes in its name
    parts = re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{kinds.get(found[1], '[^/]+')})", path)
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
        query=_with_names(route.query(query), parts),
        tail=re.sub(r"\{\w+\}", number, route.operation.path.removeprefix(REPO)),
        route=ROOT + route.path,
        root=ROOT,
        as_value=True,
        by_address=route.by_address,
        sent=behind + (f"?{query}" if query else ""),
    )


def _with_names(query: str, parts: dict[str, str]) -> str:
    """The query with the workflow or the commit that a part of the path names."""
    named = [(name, unquote(parts[name], errors="surrogateescape")) for name in ("workflow", "commit") if name in parts]
    return urlencode([*parameters(query), *named], errors="surrogateescape") if named else query
