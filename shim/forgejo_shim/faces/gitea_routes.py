"""The routes of Gitea's API that mean something else to Forgejo, or nothing, a row each: how a client asks, and which
operation it means by that.

Rules: pure. What a row gives its operation is said in Forgejo's words (gitea_query.py). What has no row here is the
same in Forgejo's API (spec/gitea-actions.md says so of each).
"""

from __future__ import annotations

from ..operations import (
    ARTIFACT,
    ARTIFACT_ZIP,
    ARTIFACTS,
    DELETE_ARTIFACT,
    DELETE_RUN,
    DISABLE_WORKFLOW,
    DISPATCH,
    ENABLE_WORKFLOW,
    JOB,
    JOB_LOG,
    ONE_RUN,
    REPO,
    RERUN_FAILED,
    RERUN_JOB,
    RERUN_RUN,
    RUN_ARTIFACTS,
    RUN_DETAILS,
    RUN_LIST,
    WORKFLOW,
    WORKFLOWS,
)
from ..scopes import JOBS, OWNERS, REGISTRATION, RUNNER, RUNNERS, RUNS, SCOPES
from .gitea_query import of_artifacts, of_dispatch, of_job, of_jobs, of_runners, of_runs, of_workflows
from .route import Route

ACTIONS = REPO + "/actions"
RUN = ACTIONS + "/runs/{run_id}"
ATTEMPT = RUN + "/attempts/{attempt}"
ONE_JOB = ACTIONS + "/jobs/{job_id}"
ONE_ARTIFACT = ACTIONS + "/artifacts/{artifact_id}"
ONE_WORKFLOW = ACTIONS + "/workflows/{workflow}"
ONE_RUNNER = "/actions/runners/{runner_id}"

ROUTES = (
    Route("GET", ACTIONS + "/runs", RUN_LIST, of_runs),
    Route("GET", RUN, ONE_RUN),
    Route("DELETE", RUN, DELETE_RUN),
    Route("GET", ATTEMPT, ONE_RUN),
    Route("GET", ATTEMPT + "/jobs", RUN_DETAILS, of_jobs),
    Route("GET", RUN + "/jobs", RUN_DETAILS, of_jobs),
    Route("GET", RUN + "/artifacts", RUN_ARTIFACTS, of_artifacts),
    Route("GET", ONE_JOB, JOB, of_job),
    Route("GET", ONE_JOB + "/logs", JOB_LOG),
    Route("GET", ACTIONS + "/artifacts", ARTIFACTS, of_artifacts),
    Route("GET", ONE_ARTIFACT, ARTIFACT),
    Route("DELETE", ONE_ARTIFACT, DELETE_ARTIFACT),
    Route("GET", ONE_ARTIFACT + "/zip", ARTIFACT_ZIP, by_address=True),
    Route("GET", ACTIONS + "/workflows", WORKFLOWS, of_workflows),
    Route("GET", ONE_WORKFLOW, WORKFLOW),
    Route("GET", ONE_WORKFLOW + "/runs", RUN_LIST, of_runs),
    Route("PUT", ONE_WORKFLOW + "/enable", ENABLE_WORKFLOW),
    Route("PUT", ONE_WORKFLOW + "/disable", DISABLE_WORKFLOW),
    Route("POST", ONE_WORKFLOW + "/dispatches", DISPATCH, of_dispatch),
    Route("POST", RUN + "/rerun", RERUN_RUN, then=ONE_RUN),
    Route("POST", RUN + "/rerun-failed-jobs", RERUN_FAILED),
    Route("POST", RUN + "/jobs/{job_id}/rerun", RERUN_JOB, then=JOB),
    *(Route("GET", scope + "/actions/runs", RUNS[scope], of_runs) for scope in OWNERS),
    *(Route("GET", scope + "/actions/jobs", JOBS[scope], of_jobs) for scope in SCOPES),
    *(Route("GET", scope + "/actions/runners", RUNNERS[scope], of_runners) for scope in SCOPES),
    *(Route("GET", scope + ONE_RUNNER, RUNNER[scope]) for scope in SCOPES),
    *(Route("PATCH", scope + ONE_RUNNER, RUNNER[scope]) for scope in SCOPES),
    *(Route("POST", scope + "/actions/runners/registration-token", REGISTRATION[scope]) for scope in SCOPES),
)
