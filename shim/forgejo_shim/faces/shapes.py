"""The shape that GitHub's API and those like it give to runs, jobs, steps and artifacts, and the words for it.

Rules: pure. What is not known is null, never guessed; times are RFC 3339 in UTC. A status is open (`queued`,
`in_progress`) or `completed` with a conclusion. `at` is the address of the repository in the face's API.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..file_names import first_line
from ..flows.dispatch_workflow import Started
from ..flows.listed import ListPage
from ..models import FINAL, OVER, Artifact, JobDetails, RunFacts, Step, Workflow
from ..operations import Call
from ..router import parameters
from ..times import in_utc, moment
from .forgejo import Json

OPEN = {"running": "in_progress"}  # else queued


def status_of(status: str | None) -> Json:
    """A status of Forgejo's, or `PAST`, as `status` and `conclusion`; nulls of what is not known."""
    if status in (None, "unknown"):
        return {"status": None, "conclusion": None}
    return {
        "status": "completed" if status in OVER else OPEN.get(status, "queued"),
        "conclusion": status if status in FINAL else None,
    }


def time_of(at: int) -> str | None:
    """Seconds since the epoch as a time; null if unset or not known."""
    return moment(at) if at > 0 else None


def run_json(run: RunFacts, at: str, page: str) -> Json:
    """A run but for what the faces tell in their own ways; `page` is the address of the repository's runs on the web,
    where the API does not tell that of this one."""
    given = run.given
    url = None if run.id is None else f"{at}/actions/runs/{run.id}"
    payload = payload_of(given)
    return {
        "id": run.id,
        "name": run.workflow,
        "display_title": run.title,
        "run_number": run.number,
        "run_attempt": run.attempt,
        "event": given.get("event") or given.get("trigger_event"),
        **status_of(run.status),
        "head_branch": branch_of(given, payload),
        "head_sha": given.get("commit_sha"),
        "created_at": in_utc(str(given.get("created") or "")) or None,
        "updated_at": in_utc(str(given.get("updated") or "")) or None,
        "run_started_at": in_utc(run.started) or None,
        "actor": user_json(given.get("trigger_user"), at),
        "html_url": given.get("html_url") or f"{page}/{run.number}",
        "url": url,
        **{f"{what}_url": url and f"{url}/{what}" for what in ("jobs", "logs", "artifacts", "cancel", "rerun")},
    }


def job_json(details: JobDetails, at: str) -> Json:
    """A job at one of its attempts."""
    job, given = details.job, details.run.given
    steps = _steps(details)
    page = given.get("html_url")
    is_over = job.status in FINAL
    return {
        "id": job.id,
        "run_id": job.run_id,
        "run_attempt": job.attempt,
        "name": job.name,
        **status_of(job.status),
        "head_branch": branch_of(given, payload_of(given)) if given else None,
        "head_sha": given.get("commit_sha"),
        "workflow_name": details.run.workflow,
        "created_at": None,
        "started_at": time_of(details.times.started),
        "completed_at": time_of(details.times.stopped) if is_over else None,
        "steps": None if steps is None else [_step(step) for step in steps],
        "labels": [],
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
        "url": f"{at}/actions/jobs/{job.id}",
        "run_url": f"{at}/actions/runs/{job.run_id}" if job.run_id else None,
        "html_url": page and (page if job.index is None else f"{page}/jobs/{job.index}"),
    }


def _steps(details: JobDetails) -> tuple[Step, ...] | None:
    """The steps of the job's attempt; None if they are not known."""
    if details.job.status in ("waiting", "blocked"):
        return ()  # no runner has this attempt
    if details.attempts is None:
        return None
    return next((one.steps for one in reversed(details.attempts) if one.number == details.job.attempt), ())


def _step(step: Step) -> Json:
    return {
        "name": first_line(step.name),  # of a script without a name, Forgejo's is all of the script
        **status_of(step.status),
        "number": step.number + 1,
        "started_at": time_of(step.times.started),
        "completed_at": time_of(step.times.stopped),
    }


def artifact_json(artifact: Artifact, at: str) -> Json:
    """An artifact."""
    url = f"{at}/actions/artifacts/{artifact.id}"
    return {
        "id": artifact.id,
        "name": artifact.name,
        "size_in_bytes": artifact.size,
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": artifact.is_expired,
        "created_at": in_utc(artifact.created) or None,
        "updated_at": None,
        "expires_at": in_utc(artifact.expires) or None,
        "workflow_run": None if artifact.run_id is None else {"id": artifact.run_id},
    }


def started_json(run: Started, at: str, base_url: str, repo: object) -> Json:
    """The run that a dispatch began."""
    page = f"{base_url}/{repo}/actions/runs/{run.number}"
    return {"workflow_run_id": run.id, "run_url": f"{at}/actions/runs/{run.id}", "html_url": page}


def state_of(workflow: Workflow) -> str | None:
    """Whether a workflow is switched on; None where that is not known."""
    return None if workflow.is_on is None else "active" if workflow.is_on else "disabled_manually"


def user_json(user: Any, at: str) -> Json | None:
    """An account, by what the API tells of it."""
    if not isinstance(user, Mapping) or not user.get("login"):
        return None
    root = at.partition("/repos/")[0]
    told = {name: user.get(name) for name in ("id", "login", "avatar_url", "html_url")}
    name = user.get("full_name") or None
    return {
        **told,
        "name": name,
        "type": "Bot" if int(user.get("id") or 0) < 0 else "User",
        "site_admin": bool(user.get("is_admin")),
        "url": f"{root}/users/{user['login']}",
    }


def payload_of(given: Mapping[str, Any]) -> Json:
    """The event that started a run; {} if it cannot be read."""
    try:
        payload = json.loads(given.get("event_payload") or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def pulls_json(run: RunFacts, at: str) -> list[Json]:
    """The pull request that a run is of, as the event that started it tells."""
    pull = inner(payload_of(run.given), "pull_request")
    if not isinstance(pull.get("number"), int):
        return []
    told = {side: _side(pull[side], at) for side in ("head", "base") if isinstance(pull.get(side), dict)}
    return [{"id": pull.get("id"), "number": pull["number"], "url": f"{at}/pulls/{pull['number']}", **told}]


def _side(told: Json, at: str) -> Json:
    repo = inner(told, "repo")
    url = f"{at.partition('/repos/')[0]}/repos/{repo.get('full_name')}"
    known = {"repo": {"id": repo.get("id"), "name": repo.get("name"), "url": url}} if repo.get("full_name") else {}
    return {"ref": told.get("ref"), "sha": told.get("sha"), **known}


def branch_of(given: Mapping[str, Any], payload: Json) -> str | None:
    """The branch or the tag of a run; of a pull request's, its own branch where the event tells it."""
    pull = inner(payload, "pull_request", "head")
    return pull.get("ref") or given.get("prettyref") or None


def inner(told: Json, *names: str) -> Json:
    """An object within objects; {} if there is none."""
    inner: Any = told
    for name in names:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else {}


def link(call: Call, address: str, of: ListPage[Any]) -> list[tuple[str, str]]:
    """The header with the addresses of the other pages of a list; none if there are none."""
    last = max(1, -(-of.total // of.limit))
    pages = {"prev": min(of.page - 1, last)} if of.page > 1 else {}
    pages |= {"next": of.page + 1, "last": last} if of.page < last else {}
    pages |= {"first": 1} if of.page > 1 else {}
    asked = [pair for pair in parameters(urlsplit(call.sent).query) if pair[0] != "page"]
    asked_at = {name: urlencode([*asked, ("page", number)], errors="surrogateescape") for name, number in pages.items()}
    links = [f'<{address}?{query}>; rel="{name}"' for name, query in asked_at.items()]
    return [("Link", ", ".join(links))] if links else []
