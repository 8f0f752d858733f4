"""The values of operations as GitHub's API writes them.

Rules: pure; shapes.py has what other APIs share with it. What is not known is null. Where GitHub's description requires
a text and there is none, it is empty (`node_id`, which GraphQL would know), and a list is empty. Addresses of what is
not offered here are told all the same, since clients require them; there is a 404 at each.
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
from .github_routes import ROOT
from .shapes import artifact_json, job_json, pulls_json, run_json, user_json

NODE: Json = {"node_id": ""}
# Of a repository: GitHub's name for what the API tells under another one, or under the same.
SAME = (
    "id", "name", "full_name", "private", "html_url", "description", "fork", "size", "clone_url", "ssh_url",
    "forks_count", "watchers_count", "open_issues_count", "default_branch", "archived", "has_issues", "has_projects",
    "has_wiki", "language", "topics",
)  # fmt: skip
OTHER = {
    "stargazers_count": "stars_count", "homepage": "website", "is_template": "template", "forks": "forks_count",
    "watchers": "watchers_count", "open_issues": "open_issues_count",
}  # fmt: skip
# Addresses that GitHub's description requires, by what stands behind that of the object.
OF_ACCOUNT = {
    **{name: name for name in ("followers", "following", "gists", "starred", "subscriptions", "repos", "events")},
    "organizations": "orgs", "received_events": "received_events",
}  # fmt: skip
OF_REPOSITORY = {
    **{
        name: name
        for name in (
            "assignees", "branches", "collaborators", "comments", "commits", "compare", "contents", "contributors",
            "deployments", "downloads", "events", "forks", "hooks", "issues", "keys", "labels", "languages", "merges",
            "milestones", "notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription",
            "tags", "teams",
        )
    },
    "archive": "zipball", "blobs": "git/blobs", "git_commits": "git/commits", "git_refs": "git/refs",
    "git_tags": "git/tags", "issue_comment": "issues/comments", "issue_events": "issues/events", "trees": "git/trees",
}  # fmt: skip
BRIEF = ("id", "name", "full_name", "private", "html_url", "description", "fork")


def run(of: RunFacts, call: Call, base_url: str) -> Json:
    """A run; of an attempt that was asked for, addresses and times are the attempt's."""
    at = f"{base_url}{ROOT}/repos/{call.repo}"
    told = run_json(of, at, f"{base_url}/{call.repo}/actions/runs") | NODE
    number = None if of.workflow is None else workflow_id(of.workflow)
    earlier = of.attempt - 1 if of.attempt else 0
    whole = brief(of.given.get("repository"), f"{base_url}{ROOT}")
    pulls = first_values(call.sent.partition("?")[2]).get("exclude_pull_requests") != "true"
    attempt = f"{told['url']}/attempts/{call.attempt}" if call.attempt else ""
    actor = account(of.given.get("trigger_user"), at)
    return {
        **{name: value for name, value in told.items() if name != "actor"},
        **({"actor": actor, "triggering_actor": actor} if actor else {}),
        **({f"{what}_url": f"{attempt}/{what}" for what in ("jobs", "logs")} if attempt else {}),
        "path": of.workflow or "",
        "workflow_id": number,
        "workflow_url": number and f"{at}/actions/workflows/{number}",
        "check_suite_id": of.id,
        "check_suite_node_id": "",
        "check_suite_url": of.id and f"{at}/check-suites/{of.id}",
        "previous_attempt_url": f"{told['url']}/attempts/{earlier}" if earlier else None,
        "pull_requests": pulls_json(of, at) if pulls else [],
        "referenced_workflows": [],
        "repository": whole,
        "head_repository": None if of.given.get("is_fork_pull_request") else whole,
    }


def job(details: JobDetails, at: str) -> Json:
    """A job at one of its attempts. One that waits began when it was made, as GitHub has it: with its run."""
    told = job_json(details, at) | NODE
    created = in_utc(str(details.run.given.get("created") or "")) or None
    waits = told["status"] == "queued"
    return told | {
        "created_at": created,
        "started_at": told["started_at"] or (created if waits else None),
        "check_run_url": f"{at}/check-runs/{details.job.id}",
    }


def artifact(of: Artifact, at: str) -> Json:
    """An artifact."""
    return artifact_json(of, at) | NODE


def workflow(of: Workflow, at: str) -> Json:
    """A workflow. Which ones are switched off, the API does not tell, and when their files came and changed would be a
    request each."""
    number = workflow_id(of.file)
    site = of.page.partition("/src/branch/")[0] or at.replace(f"{ROOT}/repos", "", 1)
    return {
        "id": number,
        "node_id": "",
        "name": of.name or of.path or of.file,
        "path": of.path or of.file,
        "state": "active",
        "created_at": None,
        "updated_at": None,
        "url": f"{at}/actions/workflows/{number}",
        "html_url": of.page,
        "badge_url": f"{site}/badges/workflows/{quote(of.file)}/badge.svg",
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
    links = {f"{name}_url": f"{found['url']}/{path}" for name, path in OF_ACCOUNT.items()}
    return {**found, "node_id": "", "gravatar_id": None, **links}


def user(told: Mapping[str, Any], at: str) -> Json:
    """The caller's own account, with what it says of itself."""
    return (account(told, at) or {}) | {
        "email": told.get("email") or None,
        "bio": told.get("description") or None,
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
    links = {f"{name}_url": f"{at}/{path}" for name, path in OF_REPOSITORY.items()}
    known = {name: told.get(name) for name in BRIEF}
    return {**known, "node_id": "", "owner": account(told.get("owner"), at), "url": at, **links}


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
        "visibility": kind,
        "permissions": {"admin": may.get("admin"), "push": may.get("push"), "pull": may.get("pull")},
    }
