"""The values of operations as Gitea's API writes them (its document of 1.27).

Rules: pure; shapes.py has what other APIs share with it. Accounts and repositories are Forgejo's own objects, which
Gitea's clients read. Steps are those of the workflow, numbered from 0, without the runner's own around them; who waits
for another job is `pending`. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..flows.dispatch import Value
from ..flows.dispatch_workflow import Started
from ..flows.listed import ArtifactPage, JobPage, ListPage, RunPage, WorkflowPage
from ..flows.runners import Registration, Runner, Runners
from ..models import FINAL, OVER, Artifact, Done, JobDetails, RunFacts, Workflow
from ..operations import RERUN_FAILED, RERUN_JOB, RERUN_RUN, Call
from ..router import first_values
from ..times import in_utc
from .face import Reply
from .forgejo import Forgejo, Json, reply_json
from .shapes import artifact_json, job_json, link, payload_of, pulls_json, run_json, started_json, state_of

OF_RUN = (
    "id", "url", "html_url", "display_title", "event", "run_attempt", "run_number", "head_sha", "head_branch",
    "conclusion",
)  # fmt: skip
OF_JOB = (
    "id", "url", "html_url", "run_id", "run_url", "name", "labels", "run_attempt", "head_sha", "head_branch",
    "conclusion", "runner_id", "runner_name", "created_at", "started_at", "completed_at",
)  # fmt: skip
OPEN = {"running": "in_progress", "blocked": "pending"}  # else queued


def render(value: Value, call: Call, base_url: str) -> Reply:
    """A value as the answer of its route; 201 of what was run again."""
    made = _render(value, call, base_url)
    return replace(made, status=201) if call.operation in (RERUN_RUN, RERUN_JOB) else made


def _render(value: Value, call: Call, base_url: str) -> Reply:
    root = base_url + call.root
    at = f"{root}/repos/{call.repo or ''}"
    match value:
        case Done() if call.operation is RERUN_FAILED:
            return Reply(201, [], b"")
        case Done() if call.then:  # it cannot be told any more than that it was done
            return reply_json({"id": call.id})
        case Started():
            return reply_json(started_json(value, at, base_url, call.repo))
        case RunFacts():
            return reply_json(_run(value, call, root))
        case RunPage():
            return _page("workflow_runs", [_run(run, call, root) for run in value.entries], value, call, root)
        case JobPage():
            return _page("jobs", [_job(job, _at(call, job.run, root)) for job in value.entries], value, call, root)
        case JobDetails():
            return reply_json(_job(value, at))
        case Workflow():
            return reply_json(_workflow(value, at))
        case WorkflowPage():
            return _page("workflows", [_workflow(workflow, at) for workflow in value.entries], value, call, root)
        case Artifact():
            return reply_json(artifact_json(value, at))
        case ArtifactPage():
            return _page("artifacts", [artifact_json(artifact, at) for artifact in value.entries], value, call, root)
        case Runners() | Runner() | Registration():
            return _runners(value, call)
        case _:
            return Forgejo().render(value, call, base_url)


def _page(name: str, entries: list[Json], of: ListPage[Any], call: Call, root: str) -> Reply:
    """A page of a list; one that is cut says so as GitHub's searches do, since Gitea's lists have no word for it."""
    path = call.sent.partition("?")[0]
    address = f"{root}/repos/{call.repo}{path}" if call.repo else root + path
    headers = [("X-Total-Count", str(of.total)), *link(call, address, of)]
    exposed = ("Access-Control-Expose-Headers", ", ".join(key for key, _ in headers))
    told = {"total_count": of.total, name: entries, **({"incomplete_results": True} if of.is_cut else {})}
    return reply_json(told, [*headers, exposed])


def _at(call: Call, run: RunFacts, root: str) -> str:
    """The address of a run's repository in this API."""
    return f"{root}/repos/{call.repo or (run.given.get('repository') or {}).get('full_name', '')}"


def _runners(value: Runners | Runner | Registration, call: Call) -> Reply:
    match value:
        case Registration():
            return reply_json({"token": value.token}, [("Cache-Control", "no-store")])
        case Runner():
            return reply_json(_runner(value.told))
        case Runners() if first_values(call.sent.partition("?")[2]).get("disabled") == "true":
            return reply_json({"total_count": 0, "runners": []})
        case Runners():
            return reply_json({"total_count": value.total, "runners": [_runner(one) for one in value.told]})


def _runner(told: Mapping[str, Any]) -> Json:
    """A runner. Forgejo's cannot be switched off, and a label of its has no number but its place."""
    labels = [label for label in told.get("labels") or () if isinstance(label, str)]
    status = told.get("status")
    return {
        "id": told.get("id"),
        "name": told.get("name"),
        "status": "online" if status in ("idle", "active") else status,
        "busy": status == "active",
        "disabled": False,
        "ephemeral": bool(told.get("ephemeral")),
        "labels": [{"id": place, "name": label, "type": "custom"} for place, label in enumerate(labels)],
    }


def _run(run: RunFacts, call: Call, root: str) -> Json:
    given = run.given
    at = _at(call, run, root)
    told = run_json(run, at, f"{root.removesuffix(call.root)}/{call.repo}/actions/runs")
    repository = given.get("repository")
    earlier = run.attempt - 1 if run.attempt else 0
    pulls = first_values(call.sent.partition("?")[2]).get("exclude_pull_requests") != "true"
    return {
        **{name: told[name] for name in OF_RUN},
        "status": "waiting" if given.get("need_approval") and run.status == "blocked" else word_of(run.status),
        "path": _path(run),
        "actor": given.get("trigger_user"),
        "trigger_actor": given.get("trigger_user"),
        "repository": repository,
        "repository_id": run.repo_id,
        "head_repository": None if given.get("is_fork_pull_request") else repository,
        "started_at": in_utc(run.started) or None,
        "completed_at": (in_utc(run.stopped) or None) if run.status in FINAL else None,
        "previous_attempt_url": f"{told['url']}/attempts/{earlier}" if earlier else None,
        "pull_requests": pulls_json(run, at) if pulls else [],
    }


def word_of(status: str | None) -> str | None:
    """A status of Forgejo's in Gitea's word (services/convert, ToActionsStatus)."""
    return None if status in (None, "unknown") else "completed" if status in OVER else OPEN.get(status, "queued")


def _path(run: RunFacts) -> str | None:
    """The workflow's file with the ref that the run is of, where the event or the API tells all of it."""
    branch = str(run.given.get("prettyref") or "")
    is_pull = branch[:1] == "#" and branch[1:].isdecimal()
    ref: Any = f"refs/pull/{branch[1:]}/head" if is_pull else payload_of(run.given).get("ref")
    if run.workflow and isinstance(ref, str) and ref.startswith("refs/"):
        return f"{run.workflow}@{ref}"
    return run.workflow


def _job(details: JobDetails, at: str) -> Json:
    told = job_json(details, at)
    own = told["steps"] and told["steps"][1:-1]  # between `Set up job` and `Complete job`, which Gitea leaves out
    steps = own and [{**step, "number": number} for number, step in enumerate(own)]
    return {**{name: told[name] for name in OF_JOB}, "status": word_of(details.job.status), "steps": steps}


def _workflow(workflow: Workflow, at: str) -> Json:
    """A workflow. When its file came and changed would be a request each."""
    site: str = workflow.page.partition("/src/branch/")[0]
    file = quote(workflow.file)
    return {
        "id": workflow.file,
        "name": workflow.name or workflow.file,
        "path": workflow.path or workflow.file,
        "state": state_of(workflow),
        "created_at": None,
        "updated_at": None,
        "url": f"{at}/actions/workflows/{file}",
        "html_url": workflow.page or None,
        "badge_url": f"{site}/badges/workflows/{file}/badge.svg" if site else None,
    }
