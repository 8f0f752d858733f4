"""githubkit as a command: `WHAT [NUMBER]`, see README.md."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from githubkit import GitHub
from githubkit.exception import GitHubException

OWNER, REPO = os.environ["REPOSITORY"].split("/")
github = GitHub(os.environ["TOKEN"], base_url=os.environ["SERVER"] + "/api/v3", auto_retry=False, http_cache=False)
actions = github.rest.actions


def asked(method: Callable[..., Any], *numbers: int, **more: Any) -> Any:
    """What the client's model holds, as JSON."""
    response = method(OWNER, REPO, *numbers, **more)
    return json.loads(response.parsed_data.model_dump_json()) if response.content else {}


def pages(method: Callable[..., Any], name: str, *numbers: int) -> list[Any]:
    """Every object of all pages."""
    rows = github.rest.paginate(
        method, owner=OWNER, repo=REPO, per_page=2, map_func=lambda page: getattr(page.parsed_data, name),
        **dict(zip(("run_id", "attempt_number"), numbers, strict=False)),
    )  # fmt: skip
    return [json.loads(row.model_dump_json()) for row in rows]


def content(method: Callable[..., Any], *words: Any) -> bytes:
    """What is at the end of the redirections."""
    return bytes(method(OWNER, REPO, *words).content)


WHATS: dict[str, Callable[..., Any]] = {
    "runs": lambda: pages(actions.list_workflow_runs_for_repo, "workflow_runs"),
    "run": lambda run_id: asked(actions.get_workflow_run, run_id),
    "jobs": lambda run_id: pages(actions.list_jobs_for_workflow_run, "jobs", run_id),
    "attempt": lambda run_id, number: pages(actions.list_jobs_for_workflow_run_attempt, "jobs", run_id, number),
    "job": lambda job_id: asked(actions.get_job_for_workflow_run, job_id),
    "log": lambda job_id: content(actions.download_job_logs_for_workflow_run, job_id),
    "logs": lambda run_id: content(actions.download_workflow_run_logs, run_id),
    "artifacts": lambda: pages(actions.list_artifacts_for_repo, "artifacts"),
    "run-artifacts": lambda run_id: pages(actions.list_workflow_run_artifacts, "artifacts", run_id),
    "artifact": lambda number: asked(actions.get_artifact, number),
    "zip": lambda number: content(actions.download_artifact, number, "zip"),
    "delete-artifact": lambda number: asked(actions.delete_artifact, number),
    "workflows": lambda: pages(actions.list_repo_workflows, "workflows"),
    "workflow": lambda number: asked(actions.get_workflow, number),
    "dispatch": lambda number: asked(actions.create_workflow_dispatch, number, ref="main"),
    "rerun": lambda run_id: asked(actions.re_run_workflow, run_id),
    "rerun-failed": lambda run_id: asked(actions.re_run_workflow_failed_jobs, run_id),
    "cancel": lambda run_id: asked(actions.cancel_workflow_run, run_id),
    "delete": lambda run_id: asked(actions.delete_workflow_run, run_id),
}

try:
    found = WHATS[sys.argv[1]](*map(int, sys.argv[2:]))
except (GitHubException, ValueError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.stdout.buffer.write(found if isinstance(found, bytes) else json.dumps(found).encode())
