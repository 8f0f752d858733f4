"""The routes of GitHub's API below `/api/v3`, a row each: how a client asks, and which operation it means by that.

Rules: pure. What a row gives its operation is said in Forgejo's words (github_query.py).
"""

from __future__ import annotations

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
    DISABLE_WORKFLOW,
    DISPATCH,
    ENABLE_WORKFLOW,
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
)
from .github_query import of_artifacts, of_checks, of_job, of_jobs, of_list, of_runs, of_suites, of_suites_checks
from .route import Route, Table

ROOT = "/api/v3"
ACTIONS = REPO + "/actions"
RUN = ACTIONS + "/runs/{run_id}"
WORKFLOW_PATH = ACTIONS + "/workflows/{workflow}"
ATTEMPT = RUN + "/attempts/{attempt}"
# A run is a check suite, and a job a check run, by the same ids.
CHECK_RUN, CHECK_SUITE = REPO + "/check-runs/{job_id}", REPO + "/check-suites/{run_id}"
COMMIT = REPO + "/commits/{commit}"
TIMING, PENDING, APPROVALS = (f"{RUN}/{what}" for what in ("timing", "pending_deployments", "approvals"))

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
    Route("GET", ACTIONS + "/jobs/{job_id}", JOB, of_job),
    Route("GET", RUN + "/logs", RUN_STEP_LOGS, by_address=True),
    Route("GET", ATTEMPT + "/logs", RUN_STEP_LOGS, by_address=True),
    Route("GET", ACTIONS + "/jobs/{job_id}/logs", JOB_LOG, by_address=True),
    Route("GET", RUN + "/artifacts", RUN_ARTIFACTS, of_artifacts),
    Route("GET", ACTIONS + "/artifacts", ARTIFACTS, of_artifacts),
    Route("GET", ACTIONS + "/artifacts/{artifact_id}", ARTIFACT),
    Route("GET", ACTIONS + "/artifacts/{artifact_id}/zip", ARTIFACT_ZIP, by_address=True),
    Route("GET", CHECK_RUN, JOB, of_job),
    Route("GET", CHECK_RUN + "/annotations", FINDINGS),
    Route("GET", CHECK_SUITE, RUN_SUMMARY),
    Route("GET", CHECK_SUITE + "/check-runs", RUN_DETAILS, of_suites_checks),
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
    Route("PUT", WORKFLOW_PATH + "/enable", ENABLE_WORKFLOW),
    Route("PUT", WORKFLOW_PATH + "/disable", DISABLE_WORKFLOW),
)

_TABLE = Table(ROOT, ROUTES, of_list)
call_of = _TABLE.call_of
