"""The values of operations as GitHub's API writes them.

Rules: pure; shapes.py has what other APIs share with it. Required lists of GitHub's that Forgejo tells nothing for are
empty (`labels`, `referenced_workflows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..flows.artifact_zip import OpenArtifact
from ..flows.artifacts import ArtifactPage
from ..flows.dispatch import Value
from ..flows.given import Given
from ..flows.job_log import OpenLog
from ..flows.run_list import RunPage
from ..flows.run_zip import Archive
from ..flows.runs import paging
from ..models import Artifact, JobDetails, RunDetails, RunFacts, Workflow, WorkflowPage
from ..operations import USER, Call
from ..router import first_values
from ..times import in_utc, seconds
from ..workflow_ids import workflow_id
from .face import Reply
from .forgejo import Forgejo, Json
from .github_reply import reply_json
from .github_routes import APPROVALS, PENDING, ROOT, TIMING
from .shapes import artifact_json, job_json, link, payload_of, run_json, user_json

# Of a repository: GitHub's name for what the API tells under another one, or under the same.
SAME = (
    "id", "name", "full_name", "private", "html_url", "description", "fork", "size", "clone_url", "ssh_url",
    "forks_count", "watchers_count", "open_issues_count", "default_branch", "archived", "has_issues", "has_projects",
    "has_wiki", "language", "topics",
)  # fmt: skip
OTHER = {"stargazers_count": "stars_count", "homepage": "website", "is_template": "template"}
BRIEF = ("id", "name", "full_name", "private", "html_url", "description", "fork")


def render(value: Value, call: Call, base_url: str) -> Reply:
    """A value as the answer of its route."""
    root = f"{base_url}{ROOT}"
    at = f"{root}/repos/{call.repo or ''}"
    match value:
        case Given() if call.operation is USER:
            return reply_json(_user(value.told, at))
        case Given():
            return reply_json(_repository(value.told, root))
        case RunFacts() if call.route in (ROOT + PENDING, ROOT + APPROVALS):
            return reply_json([])  # Forgejo has no environments, whose deployments somebody approves
        case RunFacts() if call.route == ROOT + TIMING:
            return reply_json(_timing(value))
        case RunFacts():
            return reply_json(_run(value, call, base_url))
        case RunPage():
            runs = [_run(run, call, base_url) for run in value.runs]
            return _page("workflow_runs", runs, value.total, *paging(call), call, base_url)
        case RunDetails():
            jobs = [_job(job, at) for job in value.jobs]
            return _page("jobs", jobs, value.total, value.page, value.limit, call, base_url)
        case Workflow():
            return reply_json(_workflow(value, at))
        case WorkflowPage():
            shown = [_workflow(workflow, at) for workflow in value.workflows]
            return _page("workflows", shown, value.total, value.page, value.limit, call, base_url)
        case JobDetails():
            return reply_json(_job(value, at))
        case ArtifactPage():
            artifacts = [artifact_json(artifact, at) for artifact in value.artifacts]
            return _page("artifacts", artifacts, value.total, value.page, value.limit, call, base_url)
        case Artifact():
            return reply_json(artifact_json(value, at))
        case OpenLog() | OpenArtifact():
            return Forgejo().render(value, call, base_url)
        case Archive():
            name = f'attachment; filename="logs_{value.run.id}.zip"'
            return Reply(200, [("Content-Type", "application/zip"), ("Content-Disposition", name)], value.chunks)
        case _:
            raise TypeError(f"no route of GitHub's gives a {type(value).__name__}")


def _page(name: str, entries: list[Json], total: int, page: int, limit: int, call: Call, base_url: str) -> Reply:
    path = call.sent.partition("?")[0]
    address = f"{base_url}{ROOT}/repos/{call.repo}{path}"
    return reply_json({"total_count": total, name: entries}, link(call, address, page, limit, total))


def _run(run: RunFacts, call: Call, base_url: str) -> Json:
    at = f"{base_url}{ROOT}/repos/{call.repo}"
    told = run_json(run, at, f"{base_url}/{call.repo}/actions/runs")
    number = None if run.workflow is None else workflow_id(run.workflow)
    earlier = run.attempt - 1 if run.attempt else 0
    repository = _brief(run.given.get("repository"), f"{base_url}{ROOT}")
    pulls = first_values(call.sent.partition("?")[2]).get("exclude_pull_requests") != "true"
    return told | {
        "workflow_id": number,
        "workflow_url": number and f"{at}/actions/workflows/{number}",
        "check_suite_id": None,
        "check_suite_url": None,
        "previous_attempt_url": f"{told['url']}/attempts/{earlier}" if earlier else None,
        "pull_requests": _pulls(run, at) if pulls else [],
        "referenced_workflows": [],
        "repository": repository,
        "head_repository": None if run.given.get("is_fork_pull_request") else repository,
    }


def _pulls(run: RunFacts, at: str) -> list[Json]:
    """The pull request that a run is of, as the event that started it tells."""
    pull = payload_of(run.given).get("pull_request")
    if not isinstance(pull, dict) or not isinstance(pull.get("number"), int):
        return []
    sides = {side: pull[side] for side in ("head", "base") if isinstance(pull.get(side), dict)}
    told = {side: {"ref": given.get("ref"), "sha": given.get("sha")} for side, given in sides.items()}
    return [{"id": pull.get("id"), "number": pull["number"], "url": f"{at}/pulls/{pull['number']}", **told}]


def _job(details: JobDetails, at: str) -> Json:
    return job_json(details, at) | {"check_run_url": f"{at}/check-runs/{details.job.id}"}


def _workflow(workflow: Workflow, at: str) -> Json:
    """A workflow. Which ones are switched off, the API does not tell, and when their files came and changed would be a
    request each."""
    number = workflow_id(workflow.file)
    site = workflow.page.partition("/src/branch/")[0]
    return {
        "id": number,
        "name": workflow.name or workflow.path or workflow.file,
        "path": workflow.path or workflow.file,
        "state": "active",
        "created_at": None,
        "updated_at": None,
        "url": f"{at}/actions/workflows/{number}",
        "html_url": workflow.page or None,
        "badge_url": f"{site}/badges/workflows/{quote(workflow.file)}/badge.svg" if site else None,
    }


def _timing(run: RunFacts) -> Json:
    """How long a run took; what is run by Forgejo is billed to nobody."""
    lasted = seconds(run.stopped) - seconds(run.started)
    known = seconds(run.started) > 0 and seconds(run.stopped) > 0
    return {"billable": {}} | ({"run_duration_ms": max(0, int(lasted * 1000))} if known else {})


def _user(told: Mapping[str, Any], at: str) -> Json:
    return (user_json(told, at) or {}) | {
        "email": told.get("email") or None,
        "bio": told.get("description") or None,
        "location": told.get("location") or None,
        "blog": told.get("website") or None,
        "followers": told.get("followers_count"),
        "following": told.get("following_count"),
        "created_at": in_utc(str(told.get("created") or "")) or None,
    }


def _brief(told: Any, root: str) -> Json | None:
    if not isinstance(told, Mapping) or not told.get("full_name"):
        return None
    at = f"{root}/repos/{told['full_name']}"
    return {**{name: told.get(name) for name in BRIEF}, "owner": user_json(told.get("owner"), at), "url": at}


def _repository(told: Mapping[str, Any], root: str) -> Json:
    kind = "internal" if told.get("internal") else "private" if told.get("private") else "public"
    times = {name: in_utc(str(told.get(name) or "")) or None for name in ("created_at", "updated_at")}
    may = told.get("permissions") or {}
    return {
        **{name: told.get(name) for name in SAME},
        **{githubs: told.get(name) for githubs, name in OTHER.items()},
        **(_brief(told, root) or {}),
        **times,
        "visibility": kind,
        "permissions": {"admin": may.get("admin"), "push": may.get("push"), "pull": may.get("pull")},
    }
