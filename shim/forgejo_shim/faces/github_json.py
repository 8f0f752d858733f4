"""The values of operations as GitHub's API writes them.

Rules: pure; shapes.py has what other APIs share with it. What is not known is null, and a required list that Forgejo
tells nothing for is empty. What GitHub's description requires and is not told is listed in spec/README.md, V21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..models import Artifact, JobDetails, RunFacts, Workflow
from ..operations import Call
from ..router import first_values
from ..times import in_utc, seconds
from ..workflow_ids import workflow_id
from .forgejo import Json
from .github_required import ACCOUNT, REPOSITORY, addresses, node_id
from .github_routes import ROOT
from .shapes import artifact_json, inner, job_json, payload_of, pulls_json, run_json, state_of, user_json

# Of a repository: GitHub's name for what the API tells under another one, or under the same.
SAME = (
    "id", "name", "full_name", "private", "html_url", "description", "fork", "size", "clone_url", "ssh_url",
    "forks_count", "watchers_count", "open_issues_count", "default_branch", "archived", "has_issues", "has_projects",
    "has_wiki", "language", "topics",
)  # fmt: skip
OTHER = {
    "stargazers_count": "stars_count", "homepage": "website", "is_template": "template", "forks": "forks_count",
    "watchers": "watchers_count", "open_issues": "open_issues_count", "subscribers_count": "watchers_count",
}  # fmt: skip
HAS_NOT = {"disabled": False, "has_discussions": False, "has_pages": False}  # which Forgejo does not have
BRIEF = ("id", "name", "full_name", "private", "html_url", "description", "fork")
UNSET = "1970-01-01T00:00:00Z"  # a time that is not set, as Forgejo's API gives it


def run(of: RunFacts, call: Call, base_url: str) -> Json:
    """A run; of an attempt that was asked for, addresses and times are the attempt's."""
    at = f"{base_url}{ROOT}/repos/{call.repo}"
    told = run_json(of, at, f"{base_url}/{call.repo}/actions/runs")
    number = None if of.workflow is None else workflow_id(of.workflow)
    earlier = of.attempt - 1 if of.attempt else 0
    root = f"{base_url}{ROOT}"
    whole = brief(of.given.get("repository"), root)
    pulls = first_values(call.sent.partition("?")[2]).get("exclude_pull_requests") != "true"
    attempt = f"{told['url']}/attempts/{call.attempt}" if call.attempt else ""
    actor = account(of.given.get("trigger_user"), at)
    return {
        **{name: value for name, value in told.items() if name != "actor"},
        **({"actor": actor} if actor else {}),
        **({f"{what}_url": f"{attempt}/{what}" for what in ("jobs", "logs")} if attempt else {}),
        "node_id": node_id("Workflow Run", of.id),
        "head_commit": None,  # told as a whole or not, and to the API (11.0.15 to 16) a commit's tree is its own id
        "path": of.workflow,
        "workflow_id": number,
        "workflow_url": number and f"{at}/actions/workflows/{number}",
        "check_suite_id": of.id,
        "check_suite_node_id": node_id("CheckSuite", of.id),
        "check_suite_url": of.id and f"{at}/check-suites/{of.id}",
        "previous_attempt_url": f"{told['url']}/attempts/{earlier}" if earlier else None,
        "pull_requests": pulls_json(of, at) if pulls else [],
        "referenced_workflows": [],
        "repository": whole,
        "head_repository": _head(of, root) if of.given.get("is_fork_pull_request") else whole,
    }


def _head(of: RunFacts, root: str) -> Json | None:
    """The fork that a pull request came from, as its event tells."""
    return brief(inner(payload_of(of.given), "pull_request", "head", "repo"), root)


def job(details: JobDetails, at: str) -> Json:
    """A job at one of its attempts. It is made with its run, and its first attempt begins then where no runner took it,
    as GitHub has it."""
    told = job_json(details, at)
    steps, created = told.pop("steps"), in_utc(str(details.run.given.get("created") or "")) or None
    is_first, is_queued = (details.job.attempt or 1) == 1, told["status"] == "queued"
    return {
        **told,
        **({} if steps is None else {"steps": steps}),
        "node_id": node_id("CheckRun", details.job.id),
        "created_at": created,
        "started_at": told["started_at"] or (created if is_first and (steps == [] or is_queued) else None),
        "check_run_url": f"{at}/check-runs/{details.job.id}",
    }


def artifact(of: Artifact, at: str) -> Json:
    """An artifact."""
    return artifact_json(of, at) | {"node_id": node_id("Artifact", of.id)}


def workflow(of: Workflow, at: str, page: str) -> Json:
    """A workflow; `page` is the repository's address on the web. When its file came and changed would be a request
    each; its state has to be told, and one of which nothing is known is not known to be off."""
    number, file = workflow_id(of.file), quote(of.file, safe="", errors="surrogateescape")
    site = of.page.partition("/src/branch/")[0] or page
    return {
        "id": number,
        "node_id": node_id("Workflow", number),
        "name": of.name or of.path or of.file,
        "path": of.path or of.file,
        "state": state_of(of) or "active",
        "created_at": UNSET,
        "updated_at": UNSET,
        "url": f"{at}/actions/workflows/{number}",
        "html_url": of.page or f"{site}/actions?workflow={file}",
        "badge_url": f"{site}/badges/workflows/{file}/badge.svg",
    }


def timing(of: RunFacts) -> Json:
    """How long a run took; what is run by Forgejo is billed to nobody."""
    lasted = seconds(of.stopped) - seconds(of.started)
    known = seconds(of.started) > 0 and seconds(of.stopped) > 0
    return {"billable": {}} | ({"run_duration_ms": max(0, int(lasted * 1000))} if known else {})


def account(told: Any, at: str) -> Json | None:
    """An account within other objects; None if nothing is known of it."""
    found = user_json(told, at)
    if found is None:
        return None
    ids = {"node_id": node_id("User", found["id"]), "gravatar_id": ""}
    return {**found, **ids, **addresses(ACCOUNT, found["url"])}


def user(told: Mapping[str, Any], at: str) -> Json:
    """The caller's own account, with what it says of itself."""
    return (account(told, at) or {}) | {
        "email": told.get("email") or None,
        "bio": told.get("description") or None,
        "company": None,
        "hireable": None,
        "location": told.get("location") or None,
        "blog": told.get("website") or None,
        "followers": told.get("followers_count"),
        "following": told.get("following_count"),
        "created_at": in_utc(str(told.get("created") or "")) or None,
    }


def brief(told: Any, root: str) -> Json | None:
    """A repository within other objects; None if nothing is known of it."""
    if not isinstance(told, Mapping) or not told.get("full_name"):
        return None
    at = f"{root}/repos/{told['full_name']}"
    known = {name: told.get(name) for name in BRIEF} | {"node_id": node_id("Repository", told.get("id"))}
    return {**known, "owner": account(told.get("owner"), at), "url": at, **addresses(REPOSITORY, at)}


def repository(told: Mapping[str, Any], root: str) -> Json:
    """A repository."""
    kind = "internal" if told.get("internal") else "private" if told.get("private") else "public"
    times = {name: in_utc(str(told.get(name) or "")) or None for name in ("created_at", "updated_at")}
    may = told.get("permissions") or {}
    return {
        **{name: told.get(name) for name in SAME},
        **{githubs: told.get(name) for githubs, name in OTHER.items()},
        **(brief(told, root) or {}),
        **times,
        **HAS_NOT,
        "license": None,
        "mirror_url": told.get("original_url") if told.get("mirror") else None,
        "visibility": kind,
        "permissions": {"admin": may.get("admin"), "push": may.get("push"), "pull": may.get("pull")},
    }
