"""What GitHub's description requires of each object is there, so that clients that check what they get take it.

Rules: the names are those of the description (https://github.com/github/rest-api-description) that are not nullable.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from double import JobSpec
from faced import GITHUB, told
from forgejo_shim.faces.github_required import ACCOUNT, REPOSITORY
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
ON = frozenset({"github"})
OF_ACCOUNT = ("login", "id", "node_id", "avatar_url", "url", "html_url", "type", "site_admin")
OF_REPOSITORY = ("id", "node_id", "name", "full_name", "private", "html_url", "fork", "url")
OF_RUN = (
    "id", "node_id", "head_sha", "path", "run_number", "event", "workflow_id", "url", "html_url", "created_at",
    "updated_at", "jobs_url", "logs_url", "check_suite_url", "artifacts_url", "cancel_url", "rerun_url", "workflow_url",
    "display_title",
)  # fmt: skip
OF_JOB = (
    "id", "run_id", "run_url", "node_id", "head_sha", "url", "status", "created_at", "started_at", "name",
    "check_run_url", "labels",
)  # fmt: skip
OF_WORKFLOW = (
    "id", "node_id", "name", "path", "state", "created_at", "updated_at", "url", "html_url", "badge_url",
)  # fmt: skip
OF_ARTIFACT = ("id", "node_id", "name", "size_in_bytes", "url", "archive_download_url", "expired")
OF_WHOLE_REPOSITORY = (
    "clone_url", "ssh_url", "hooks_url", "forks_count", "stargazers_count", "watchers_count", "subscribers_count",
    "size", "default_branch", "open_issues_count", "has_issues", "has_projects", "has_wiki", "has_pages",
    "has_discussions", "archived", "disabled", "created_at", "updated_at", "forks", "open_issues", "watchers",
)  # fmt: skip


def has(one: dict[str, Any], *names: str) -> None:
    assert [name for name in names if one.get(name) is None] == []


def is_account(one: dict[str, Any], url: str) -> None:
    has(one, *OF_ACCOUNT, "gravatar_id")
    assert {one[f"{name}_url"].partition(f"{url}/api/v3/users/{one['login']}/")[0] for name in ACCOUNT} == {""}
    assert b64decode(one["node_id"]) == b"04:User%d" % one["id"]


def is_repository(one: dict[str, Any], url: str) -> None:
    has(one, *OF_REPOSITORY)
    is_account(one["owner"], url)
    assert {one[f"{name}_url"].partition(f"{url}{R}/")[0] for name in REPOSITORY} == {""}
    assert b64decode(one["node_id"]) == b"010:Repository%d" % one["id"]


@clause("V21")
@pytest.mark.parametrize("face", ["12", "13.0.3", "14", "15", "16"])
def test_runs_and_jobs(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.model.add_run(small.repo, [JobSpec("a"), JobSpec("b", needs=("a",)), "c", "d"])
        small.model.play(run.jobs[0], row("x"), "failure")
        small.model.take(run.jobs[2])
        runs = told(proxy, small, f"{R}/actions/runs")["workflow_runs"]
        for one in (*runs, told(proxy, small, f"{R}/actions/runs/{run.id}")):
            has(one, *OF_RUN)
            is_account(one["actor"], proxy.base_url)
            is_repository(one["repository"], proxy.base_url)
            assert (one["head_repository"], one["head_commit"]) == (one["repository"], None)
            assert (one["path"], one["check_suite_id"]) == (run.workflow, run.id)
            assert b64decode(one["node_id"]) == b"012:Workflow Run%d" % run.id
        jobs = told(proxy, small, f"{R}/actions/runs/{run.id}/jobs")["jobs"]
        assert [job["conclusion"] or job["status"] for job in jobs] == ["failure", "skipped", "in_progress", "queued"]
        for one in jobs:
            has(one, *OF_JOB, "steps")
            alone = told(proxy, small, f"{R}/actions/jobs/{one['id']}")
            assert {name: alone[name] for name in OF_JOB} == {name: one[name] for name in OF_JOB}
            assert (one["created_at"], one["steps"]) == (runs[0]["created_at"], alone["steps"])


@clause("V21")
def test_everything_else(small: Small) -> None:
    with Running(small.url, small.web, faces=ON) as proxy:
        small.repo.files |= {".forgejo/workflows/ci.yml": b"name: CI"}
        run = small.add(workflow="a b.yml")
        small.model.artifacts.add(run, "one", b"content")
        for one in told(proxy, small, f"{R}/actions/artifacts")["artifacts"]:
            has(one, *OF_ARTIFACT)
            assert b64decode(one["node_id"]) == b"08:Artifact%d" % one["id"]
        workflows = told(proxy, small, f"{R}/actions/workflows")["workflows"]
        for one in workflows:
            has(one, *OF_WORKFLOW)
            assert (one["created_at"], one["updated_at"]) == ("1970-01-01T00:00:00Z",) * 2
        if small.double.face.api_runs:  # of this one only a run tells
            site = f"{proxy.base_url}/o/r"
            assert workflows[-1]["html_url"] == f"{site}/actions?workflow=a%20b.yml"
            assert workflows[-1]["badge_url"] == f"{site}/badges/workflows/a%20b.yml/badge.svg"
        repository = told(proxy, small, R)
        is_repository(repository, proxy.base_url)
        has(repository, *OF_WHOLE_REPOSITORY)
        is_account(told(proxy, small, "/api/v3/user"), proxy.base_url)
