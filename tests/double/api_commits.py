"""The API's commits of a repository, as much of them as tells which one a name means, and the statuses that runs set on
them (routers/api/v1/repo/commits.go, status.go; services/actions/commit_status.go, 15.0.2).

Rules: the double has no Git. A commit is the head of the default branch, or that of a run; a run's branch is its.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .accounts import Access
from .api import NOT_FOUND, Caller, Refused
from .entities import Job, Repo, Run
from .messages import Response, Route, json_answer
from .objects import moment

if TYPE_CHECKING:
    from .api import Api

COMMITS = "/repos/{owner}/{repo}/commits"
STATES = {"success": "success", "failure": "failure", "cancelled": "failure", "skipped": "success"}  # else pending
EVENTS = ("push", "pull_request", "release")


class CommitsApi:
    """The list of commits from one on, which is that one alone; and a commit's statuses."""

    def __init__(self, api: Api) -> None:
        self.api, self.objects = api, api.objects

    def routes(self) -> list[Route]:
        return [("GET", COMMITS, self.commits), ("GET", COMMITS + "/{ref}/status", self.status)]

    def commits(self, caller: Caller, repo: Repo, access: Access) -> Response:
        sha = _sha(repo, caller.request.one("sha") or repo.default_branch)
        return json_answer(200, [{"sha": sha, "url": f"{self.objects.root_url}{repo.full_name}/commit/{sha}"}])

    def status(self, caller: Caller, repo: Repo, access: Access, ref: str) -> Response:
        sha = _sha(repo, ref)
        rows: dict[str, tuple[Run, Job]] = {}
        for run in repo.runs.values():
            if run.sha == sha and run.event in EVENTS:
                rows |= {f"{run.workflow} / {job.name} ({run.event})": (run, job) for job in run.jobs}
        if not rows:
            return json_answer(200, {"state": "", "sha": "", "total_count": 0, "statuses": None, "repository": None})
        shown = list(self.api.one_page(caller.request, sorted(rows.items())))
        statuses = [self._status(number, name, *row) for number, (name, row) in enumerate(shown, 1)]
        answer = {"sha": sha, "statuses": statuses, "total_count": len(statuses), "url": ""}
        return json_answer(200, answer | {"repository": self.objects.repo(repo, access)})

    def _status(self, number: int, context: str, run: Run, job: Job) -> dict[str, Any]:
        return {
            "id": number,
            "status": self._state(job),
            "context": context,
            "description": job.status,
            "target_url": f"/{run.repo.full_name}/actions/runs/{run.number}/jobs/{run.jobs.index(job)}",
            "url": f"{self.objects.root_url}api/v1/repos/{run.repo.full_name}/statuses/{run.sha}",
            "creator": self.objects.user(run.user),
            "created_at": moment(run.created),
            "updated_at": moment(run.updated),
        }

    def _state(self, job: Job) -> str:
        if job.status == "skipped" and self.api.face.native_logs:  # seen on 16
            return "skipped"
        return STATES.get(job.status, "pending")


def _sha(repo: Repo, name: str) -> str:
    """The commit that a branch or the beginning of an id names. Raises Refused."""
    if " " in name:  # which git's answer cannot be read for
        raise Refused(500, "")
    commits = {run.sha: run.ref for run in repo.runs.values()}
    if repo.head:
        commits[repo.head] = commits.get(repo.head, f"refs/heads/{repo.default_branch}")
    for sha, ref in reversed(commits.items()):
        if name in (ref, ref.removeprefix("refs/heads/"), ref.removeprefix("refs/")):
            return sha
        if len(name) >= 7 and sha.startswith(name):
            return sha
    raise Refused(*NOT_FOUND)
