"""The routes of GitHub's and Gitea's faces, and what of Forgejo's own API decides who gets something there.

Rules: routes come from the faces' tables, so that none is forgotten. `decides` names questions, which are put to the
server itself with the caller's credentials: the first one that is no yes is the verdict. What would change something
is asked of what is not there, or not over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import requests
from callers import Caller, ask
from forgejo_shim.faces import gitea, gitea_routes, github_routes
from forgejo_shim.faces.route import Route
from forgejo_shim.operations import (
    CANCEL_RUN,
    COMMIT_JOBS,
    COMMIT_RUNS,
    COMMIT_STATUS,
    DELETE_ARTIFACT,
    DELETE_RUN,
    DISPATCH,
    REPOSITORY,
    RERUN_JOB,
    USER,
)
from forgejo_shim.scopes import OF_RUNNERS, OWNERS
from seeded import Job
from targets import Live

NOBODYS = 999_999_999  # the id of nothing
ROOTS = {"github": github_routes.ROOT, "gitea": gitea.ROOT + "/api/v1"}
ROUTES = {"github": github_routes.ROUTES, "gitea": gitea_routes.ROUTES}
ANYWHERE = ("/user", *OWNERS)  # routes of no repository begin so
OF_COMMITS = (COMMIT_RUNS, COMMIT_JOBS, COMMIT_STATUS)
# What is not changed even by who may: runs of these stories are over, or go on.
THERE = {
    RERUN_JOB: ("running",),
    DELETE_RUN: ("running",),
    CANCEL_RUN: ("foreign", "public", "of-org", "switched-off", "renamed"),
}
NATIVE_WRITES = {CANCEL_RUN: "native", DELETE_RUN: "delete-run", DELETE_ARTIFACT: "native"}  # where that is a feature
FIRST = {"/user": "/user", "/admin": "/admin/orgs?limit=1"}
EMPTY = {"ref": ""}  # the body of a dispatch that starts nothing


@dataclass(frozen=True)
class Question:
    """Method and path below `/api/v1`; `yes` is the status of a yes, and what its message is then."""

    path: str
    method: str = "GET"
    yes: tuple[int, str] = (200, "")
    body: dict[str, str] | None = field(default=None, hash=False)

    def put(self, live: Live, caller: Caller) -> requests.Response:
        return ask(live.server.base_url, self.path, caller, self.method, json=self.body)

    def is_yes(self, told: requests.Response) -> bool:
        status, message = self.yes
        return told.status_code == status and (not message or told.json().get("message") == message)


def is_of_repository(route: Route) -> bool:
    return not route.path.startswith(ANYWHERE)


def path_of(live: Live, route: Route, job: Job, full: str) -> str:
    """The path of a route below the face's root, asked for the job in a repository under a name."""
    owner, _, repo = full.partition("/")
    is_read = route.method == "GET"
    is_there = is_read or job.run.key in THERE.get(route.operation, ())
    return route.path.format(
        owner=owner,
        repo=repo,
        run_id=(job.run.id or 1) if is_there else NOBODYS,
        job_id=job.id if is_there else NOBODYS,
        attempt=1,
        artifact_id=NOBODYS,
        runner_id=NOBODYS,
        workflow=f"{job.run.key}.yml" if is_read or route.operation is DISPATCH else "none.yml",
        commit="main",
        org=live.world.repos["org"].full.partition("/")[0],
    )


def decides(live: Live, route: Route, path: str, full: str) -> list[Question]:
    """What the server is asked for a route that is asked for by this path, in order."""
    actions = f"/repos/{full}/actions"
    read = Question(f"{actions}/{'tasks' if live.major == 11 else 'runs'}?limit=1&page=1")
    write = Question(f"{actions}/workflows/none.yml/dispatches", "POST", (400, "ref is empty"), EMPTY)
    if route.operation in OF_RUNNERS:
        return [Question(path if full else route.operation.path.format(org=path.split("/")[2], runner_id=NOBODYS))]
    if not is_of_repository(route):
        scope = path.partition("/actions/")[0]
        found = [Question(FIRST.get(scope, scope))]
        return found if route.operation is USER else [*found, Question("/repos/search?limit=1")]
    if route.operation is REPOSITORY:
        return [Question(f"/repos/{full}")]
    if route.operation in OF_COMMITS:
        return [read, Question(f"/repos/{full}/commits?limit=1&sha=main")]
    if route.method == "GET":
        return [read]
    is_name = not full.endswith(".git")  # else nothing is looked for
    if NATIVE_WRITES.get(route.operation) in live.target.features:
        if route.operation is DELETE_ARTIFACT or not is_name:
            return [Question(path.replace("/force-cancel", "/cancel"), route.method, (404, ""))]
        return [read] if str(NOBODYS) in path else [read, write]
    if route.operation is DELETE_RUN:
        return [read]
    if route.then and "{job_id}" in route.path:  # the job is looked for first
        return [read, write] if live.major >= 12 and str(NOBODYS) not in path else [read]
    return [read, write] if route.operation is DISPATCH and is_name else [write]
