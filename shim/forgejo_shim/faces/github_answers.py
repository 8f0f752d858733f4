"""The values of operations as answers of GitHub's routes: status, headers, JSON.

Rules: pure; github_json.py and github_checks.py have the shapes. Some routes give another shape of the same value.
"""

from __future__ import annotations

from ..flows.artifact_zip import OpenArtifact
from ..flows.by_operation import AnyPage
from ..flows.dispatch import Value
from ..flows.dispatch_workflow import Started
from ..flows.given import Given
from ..flows.job_log import OpenLog
from ..flows.listed import ArtifactPage, FindingPage, JobPage, RunPage, StatusPage, WorkflowPage
from ..flows.run_zip import Archive
from ..models import Artifact, Done, JobDetails, RunFacts, Workflow
from ..operations import CANCEL_RUN, COMMIT_RUNS, RERUN_FAILED, RERUN_JOB, RERUN_RUN, USER, Call
from .face import Reply
from .forgejo import Forgejo, Json
from .github_checks import annotation, check_run, check_suite, status_json
from .github_json import artifact, job, repository, run, timing, user, workflow
from .github_reply import JSON, reply_json
from .github_routes import APPROVALS, CHECK_RUN, CHECK_SUITE, COMMIT, PENDING, ROOT, TIMING
from .shapes import link, started_json

# What is said of something that was done; 204, without a body, of all else.
DONE = {RERUN_RUN: 201, RERUN_FAILED: 201, RERUN_JOB: 201, CANCEL_RUN: 202}
CHECKS = (ROOT + CHECK_RUN, *(f"{ROOT}{of}/check-runs" for of in (CHECK_SUITE, COMMIT)))


def render(value: Value, call: Call, base_url: str) -> Reply:
    """A value as the answer of its route."""
    match value:
        case Done():
            status = DONE.get(call.operation, 204)
            return Reply(status, [], b"") if status == 204 else Reply(status, [JSON], b"{}")
        case OpenLog() | OpenArtifact():
            return Forgejo().render(value, call, base_url)
        case Archive():
            name = f'attachment; filename="logs_{value.run.id}.zip"'
            return Reply(200, [("Content-Type", "application/zip"), ("Content-Disposition", name)], value.chunks)
        case RunPage() | JobPage() | WorkflowPage() | ArtifactPage() | FindingPage() | StatusPage():
            return _list(value, call, base_url)
    return reply_json(_one(value, call, base_url))


def _one(value: Value, call: Call, base_url: str) -> Json | list[Json]:
    root = f"{base_url}{ROOT}"
    at = f"{root}/repos/{call.repo or ''}"
    match value:
        case Given():
            return user(value.told, at) if call.operation is USER else repository(value.told, root)
        case RunFacts() if call.route in (ROOT + PENDING, ROOT + APPROVALS):
            return []  # Forgejo has no environments, whose deployments somebody approves
        case RunFacts() if call.route == ROOT + TIMING:
            return timing(value)
        case RunFacts() if call.route == ROOT + CHECK_SUITE:
            return check_suite(value, call, base_url)
        case RunFacts():
            return run(value, call, base_url)
        case JobDetails():
            return check_run(value, at) if call.route in CHECKS else job(value, at)
        case Workflow():
            return workflow(value, at, f"{base_url}/{call.repo}")
        case Artifact():
            return artifact(value, at)
        case Started():
            return started_json(value, at, base_url, call.repo)
        case _:
            raise TypeError(f"no route of GitHub's gives a {type(value).__name__}")


def _list(value: AnyPage, call: Call, base_url: str) -> Reply:
    at = f"{base_url}{ROOT}/repos/{call.repo}"
    return reply_json(_listed(value, call, base_url, at), link(call, at + call.sent.partition("?")[0], value))


def _listed(value: AnyPage, call: Call, base_url: str, at: str) -> Json | list[Json]:
    page, total = f"{base_url}/{call.repo}", {"total_count": value.total}
    match value:
        case RunPage() if call.operation is COMMIT_RUNS:
            return total | {"check_suites": [check_suite(one, call, base_url) for one in value.entries]}
        case RunPage():
            return total | {"workflow_runs": [run(one, call, base_url) for one in value.entries]}
        case JobPage() if call.route in CHECKS:
            return total | {"check_runs": [check_run(one, at) for one in value.entries]}
        case JobPage():
            return total | {"jobs": [job(one, at) for one in value.entries]}
        case WorkflowPage():
            return total | {"workflows": [workflow(one, at, page) for one in value.entries]}
        case ArtifactPage():
            return total | {"artifacts": [artifact(one, at) for one in value.entries]}
        case FindingPage():
            return [annotation(one, value.run, page) for one in value.entries]
        case StatusPage():
            return status_json(value, base_url, at)
