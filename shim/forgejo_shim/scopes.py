"""Operations on what belongs to a repository, an organisation, an account or the server, asked for by Gitea's face
only: their runners, and the runs and jobs of all their repositories.

Rules: as in operations.py; `{org}` and `{runner_id}` in a path are what the caller sent.
"""

from __future__ import annotations

from .operations import REPO, Operation

OWNERS = ("/orgs/{org}", "/user", "/admin")
SCOPES = (REPO, *OWNERS)

RUNNERS = {scope: Operation("GET", scope + "/actions/runners") for scope in SCOPES}
RUNNER = {scope: Operation("GET", scope + "/actions/runners/{runner_id}") for scope in SCOPES}
REGISTRATION = {scope: Operation("GET", scope + "/actions/runners/registration-token") for scope in SCOPES} | {
    "/admin": Operation("GET", "/admin/runners/registration-token")  # which every version has (routers/api/v1/api.go)
}
RUNS = {scope: Operation("GET", scope + "/actions/runs") for scope in OWNERS}
JOBS = {scope: Operation("GET", scope + "/actions/jobs") for scope in SCOPES}

OF_RUNNERS = frozenset([*RUNNERS.values(), *RUNNER.values(), *REGISTRATION.values()])
OF_OWNERS = frozenset([*RUNS.values(), *JOBS.values()])
