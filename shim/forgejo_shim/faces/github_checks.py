"""Checks of GitHub's API: a run is a check suite, a job a check run, what is found in its log its annotations.

Rules: pure. No app makes these checks. How many annotations a job has is only known where it did not fail: to know it
is to read its log. An annotation of no file has the path that GitHub gives those, and the number of its line. A file's
name is a log's, which anybody writes: it leads nowhere but to a file of its repository.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..flows.listed import StatusPage
from ..models import FAILED, JobDetails, RunFacts
from ..operations import Call
from ..times import in_utc
from ..why.values import Finding
from .forgejo import Json
from .github_json import account, brief, job, run
from .github_required import node_id
from .github_routes import ROOT
from .shapes import payload_of

NO_FILE = ".github"
LEVELS = {"error": "failure", "warning": "warning"}  # else notice
# States of a status: of Forgejo's own, `warning` lets nothing be merged, and `skipped` (16) is no hindrance.
STATES = {
    "success": "success", "skipped": "success", "failure": "failure", "warning": "failure", "error": "error",
}  # fmt: skip
# Of a suite, what it is told as of a run.
OF_RUN = (
    "id", "head_branch", "head_sha", "status", "conclusion", "pull_requests", "repository", "created_at",
    "updated_at", "head_commit",
)  # fmt: skip
OF_JOB = (
    "id", "node_id", "name", "head_sha", "status", "conclusion", "started_at", "completed_at", "html_url",
)  # fmt: skip


def check_run(details: JobDetails, at: str) -> Json:
    """A job as a check run."""
    told, url = job(details, at), f"{at}/check-runs/{details.job.id}"
    may_have = details.job.status in FAILED
    output = {"annotations_count": None if may_have else 0, "annotations_url": f"{url}/annotations"}
    return {
        **{name: told[name] for name in OF_JOB},
        # Without its start, what a job that waits has for that is no time of a check.
        "started_at": told["started_at"] if details.times.started else None,
        "url": url,
        "details_url": told["html_url"],
        "external_id": None,
        "output": {"title": None, "summary": None, "text": None, **output},
        "check_suite": None if details.job.run_id is None else {"id": details.job.run_id},
        "app": None,
        "pull_requests": [],
    }


def check_suite(of: RunFacts, call: Call, base_url: str) -> Json:
    """A run as a check suite."""
    told, payload = run(of, call, base_url), payload_of(of.given)
    url = f"{base_url}{ROOT}/repos/{call.repo}/check-suites/{of.id}"
    return {
        **{name: told[name] for name in OF_RUN},
        "node_id": told["check_suite_node_id"],
        "url": url,
        "check_runs_url": f"{url}/check-runs",
        "before": payload.get("before") or None,
        "after": payload.get("after") or told["head_sha"],
        "app": None,
        "latest_check_runs_count": None,
    }


def annotation(finding: Finding, of: RunFacts, page: str) -> Json:
    """A finding; `page` is the repository's address on the web."""
    line = (finding.line if finding.file else None) or max(1, finding.at)
    sha = of.given.get("commit_sha") or of.commit
    return {
        "path": finding.file or NO_FILE,
        "start_line": line,
        "end_line": line,
        "start_column": finding.column,
        "end_column": finding.column,
        "annotation_level": LEVELS.get(finding.severity, "notice"),
        "title": finding.code or finding.owner,
        "message": finding.message,
        "raw_details": "\n".join(finding.lines) or None,
        "blob_href": _page_of(finding.file, f"{page}/src/commit/{sha}") if finding.file and sha else "",
    }


def _page_of(file: str, at: str) -> str:
    """The address of a file that a log names, below `at`; "" if it is not the plain path of one in its repository."""
    parts = file.removeprefix("./").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        return ""
    return f"{at}/{'/'.join(quote(part, safe='', errors='surrogateescape') for part in parts)}"


def status_json(value: StatusPage, base_url: str, at: str) -> Json:
    """The statuses of a commit, and what they mean together."""
    root = f"{base_url}{ROOT}"
    return {
        "state": combined(value.states),
        "statuses": [_status(one, value.sha, at) for one in value.entries],
        "sha": value.sha,
        "total_count": value.total,
        "repository": brief(value.repository, root),
        "commit_url": f"{at}/commits/{value.sha}",
        "url": f"{at}/commits/{value.sha}/status",
    }


def combined(states: tuple[str, ...]) -> str:
    """One state for all, as GitHub has it."""
    found = {STATES.get(state, "pending") for state in states}
    if found & {"error", "failure"}:
        return "failure"
    return "success" if found == {"success"} else "pending"


def _status(told: Any, sha: str, at: str) -> Json:
    state = str(told.get("status") or told.get("state") or "")
    creator = account(told.get("creator"), at)
    return {
        "id": told.get("id"),
        "node_id": node_id("Status", told.get("id")),
        "state": STATES.get(state, "pending"),
        "context": told.get("context") or "",
        "description": told.get("description") or None,
        "target_url": told.get("target_url") or None,
        "avatar_url": creator and creator.get("avatar_url"),
        "url": f"{at}/statuses/{sha}",
        "created_at": in_utc(str(told.get("created_at") or "")) or None,
        "updated_at": in_utc(str(told.get("updated_at") or "")) or None,
    }
