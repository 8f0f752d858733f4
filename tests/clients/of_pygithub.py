"""PyGithub as a command: `WHAT [NUMBER]`, see README.md."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from github import Auth, Github, GithubException

RUN = ("id", "run_number", "run_attempt", "event", "status", "conclusion", "head_branch", "head_sha")
JOB = ("id", "run_id", "name", "status", "conclusion")
STEP = ("number", "name", "status", "conclusion")
ARTIFACT = ("id", "name", "size_in_bytes", "expired")
WORKFLOW = ("id", "name", "path", "state")

github = Github(
    auth=Auth.Token(os.environ["TOKEN"]),
    base_url=os.environ["SERVER"] + "/api/v3",
    verify=os.environ["SSL_CERT_FILE"],
    retry=None,
    per_page=2,
    lazy=True,
)
repo = github.get_repo(os.environ["REPOSITORY"])


def told(one: Any, fields: Iterable[str]) -> dict[str, Any]:
    return {field: getattr(one, field) for field in fields}


def job(one: Any) -> dict[str, Any]:
    return {**told(one, JOB), "steps": [told(step, STEP) for step in one.steps]}


def content(address: str) -> bytes:
    """What is at an address, along its redirections."""
    _, _, chunks = github.requester.getStream(address, chunk_size=65536)
    return b"".join(chunks)


def done(went: bool) -> bool:
    """PyGithub tells what was refused by a False alone."""
    if not went:
        raise RuntimeError("False")
    return went


WHATS: dict[str, Callable[..., Any]] = {
    "runs": lambda: [told(run, RUN) for run in repo.get_workflow_runs()],
    "run": lambda run_id: told(repo.get_workflow_run(run_id), RUN),
    "jobs": lambda run_id: [job(one) for one in repo.get_workflow_run(run_id).jobs()],
    "attempt": lambda run_id, number: [job(one) for one in repo.get_workflow_run(run_id).get_attempt(number).jobs()],
    "job": lambda job_id: job(repo.get_workflow_job(job_id)),
    "log": lambda job_id: content(repo.get_workflow_job(job_id).logs_url()),
    "logs": lambda run_id: content(repo.get_workflow_run(run_id).logs_url),
    "artifacts": lambda: [told(one, ARTIFACT) for one in repo.get_artifacts()],
    "run-artifacts": lambda run_id: [told(one, ARTIFACT) for one in repo.get_workflow_run(run_id).get_artifacts()],
    "artifact": lambda number: told(repo.get_artifact(number), ARTIFACT),
    "zip": lambda number: content(repo.get_artifact(number).archive_download_url),
    "delete-artifact": lambda number: done(repo.get_artifact(number).delete()),
    "workflows": lambda: [told(one, WORKFLOW) for one in repo.get_workflows()],
    "workflow": lambda number: told(repo.get_workflow(number), WORKFLOW),
    "dispatch": lambda number: done(repo.get_workflow(number).create_dispatch("main", throw=True)),
    "rerun": lambda run_id: done(repo.get_workflow_run(run_id).rerun()),
    "rerun-failed": lambda run_id: done(repo.get_workflow_run(run_id).rerun_failed_jobs()),
    "cancel": lambda run_id: done(repo.get_workflow_run(run_id).cancel()),
    "delete": lambda run_id: done(repo.get_workflow_run(run_id).delete()),
}

try:
    found = WHATS[sys.argv[1]](*map(int, sys.argv[2:]))
except (GithubException, RuntimeError, OSError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.stdout.buffer.write(found if isinstance(found, bytes) else json.dumps(found).encode())
