"""Paths of the API as the shim and its library ask for them, for a repository and the ids in them. Rules: pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from .models import Repo
from .operations import API


def job_log_path(
    repo: Repo, job_id: int, attempt: int | None = None, *, step: int | None = None, tail: int | None = None
) -> str:
    """Path and query of a job's log, or of its lines of one step, or of its last lines."""
    given = {"attempt": attempt, "step": step, "tail": tail}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    return f"{job_path(repo, job_id)}/logs" + (f"?{query}" if query else "")


def job_path(repo: Repo, job_id: int, *, brief: bool = False) -> str:
    """Path of one job in full, an addition of the shim; `brief`: its current attempt only, without counts of lines."""
    return f"{_actions(repo)}/jobs/{job_id}" + "?brief=true" * brief


def run_path(repo: Repo, run_id: int) -> str:
    """Path of one run (Forgejo 12 and later)."""
    return f"{_actions(repo)}/runs/{run_id}"


def run_jobs_path(repo: Repo, run_id: int) -> str:
    """Path of a run's jobs."""
    return run_path(repo, run_id) + "/jobs"


def artifact_path(repo: Repo, artifact_id: int) -> str:
    """Path of one artifact."""
    return f"{_actions(repo)}/artifacts/{artifact_id}"


def runs_path(repo: Repo, **query: object) -> str:
    """Path and query of the API's list of runs (Forgejo 12 and later); of several values each is named."""
    text = urlencode(query, doseq=True, quote_via=quote, safe="")
    return f"{_actions(repo)}/runs" + (f"?{text}" if text else "")


def artifacts_path(repo: Repo, run_id: int | None, *, page: int, limit: int) -> str:
    """Path and query of a page of the artifacts of a run, or of the repository (None)."""
    of_run = "" if run_id is None else f"/runs/{run_id}"
    return f"{_actions(repo)}{of_run}/artifacts?page={page}&limit={limit}"


def artifact_zip_path(repo: Repo, artifact_id: int) -> str:
    """Path of an artifact's zip."""
    return f"{_actions(repo)}/artifacts/{artifact_id}/zip"


def tasks_path(repo: Repo, page: int) -> str:
    """Path and query of a page of the API's tasks, newest first (Forgejo 8 and later)."""
    return f"{_actions(repo)}/tasks?limit=50&page={page}"


def _actions(repo: Repo) -> str:
    return f"{API}/repos/{quote(repo.owner, safe='')}/{quote(repo.name, safe='')}/actions"
