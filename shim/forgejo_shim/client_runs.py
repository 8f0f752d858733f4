"""The runs of a repository and their jobs for `Client`.

Rules: the newest runs without a filter come from the API's own list, which costs least. All else, and everything where
the API has no runs (11), comes from the list of forgejo-proxy's face (flows/run_list.py), which is in order and knows
each filter on every server, or says that it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice
from typing import Literal

from .api import parse_listed, parse_run_numbered, parse_runs
from .capabilities import Capability
from .client_session import ClientSession
from .errors import NothingMatched, NotPossible, NotThere, PageChanged
from .faces.forgejo_proxy import ROOT
from .flows.dispatch import Request, Value, dispatch
from .flows.rights import Caller
from .models import FINAL, Headers, Job, Overview, Repo, Run, RunFacts, RunJobs
from .newest import Page, newest
from .operations import LATEST_RUN, LIST_RUNS, RUN_JOBS, RUN_SUMMARY, Call
from .paths import run_jobs_path, runs_path
from .times import in_utc, seconds
from .transport import Transport, run
from .webui.grammar import actions

PAGE = 50  # runs a page, Forgejo's maximum
QUERY = {"status": "status", "branch": "branch", "workflow": "workflow_id", "event": "event", "commit": "head_sha"}
# The list is filtered by the word in Forgejo's database, and shows a wider one (modules/webhook/type.go, 11.0.15 to
# 16): so what is shown as the first is asked for by all of these.
EVENTS = {
    "issues": ("issues", "issue_assign", "issue_label", "issue_milestone"),
    "issue_comment": ("issue_comment", "pull_request_comment"),
    "pull_request": (
        "pull_request", "pull_request_assign", "pull_request_label", "pull_request_milestone", "pull_request_sync",
        "pull_request_review_request",
    ),
    "pull_request_approved": ("pull_request_review_approved",),
    "pull_request_comment": ("pull_request_review_comment",),
    "pull_request_rejected": ("pull_request_review_rejected",),
}  # fmt: skip


class ClientRuns:
    """Reads runs and their jobs."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def newest(self, repo: Repo, limit: int, filters: Mapping[str, str]) -> list[Run]:
        """The newest `limit` runs that fit, newest first. Raises ShimError."""
        if not filters:
            try:
                return self._of_api(repo, limit)
            except NotPossible as error:
                if error.cause != "operation-absent":
                    raise
        return list(islice(self.each(repo, filters, limit), limit))

    def each(self, repo: Repo, filters: Mapping[str, str], limit: int = PAGE) -> Iterator[Run]:
        """Every run that fits, newest first, asked for in pages of at most `limit`. Raises ShimError."""
        query = {QUERY[name]: EVENTS.get(value, value) if name == "event" else value for name, value in filters.items()}
        seen: set[int] = set()
        total: float = float("inf")
        for page in count(1):
            runs, now = self._page(repo, {"page": page, "limit": max(1, min(PAGE, limit)), **query})
            fresh = [run for run in runs if run.number not in seen]
            total = min(total, now)
            seen.update(run.number for run in fresh)
            yield from (self._run(repo, run) for run in fresh)
            if len(seen) >= total:
                return
            if not fresh:
                raise PageChanged(f"the list of the runs of {repo} is not complete: {len(seen)} of {total}; ask again")

    def latest(self, repo: Repo, filters: Mapping[str, str]) -> Run:
        """The newest run that fits. Raises NothingMatched if there is none, and ShimError."""
        if found := next(iter(self.newest(repo, 1, filters)), None):
            return found
        if filters:
            raise NothingMatched(f"no run of {repo} fits; leave a filter out, or check its words")
        raise NothingMatched(f"{repo} has no run yet")

    def numbered(self, repo: Repo, number: int) -> Run:
        """The run of that number. Raises NotThere if there is none, and ShimError."""
        what = f"run {number} of {repo}"
        try:
            found = parse_run_numbered(self._asking.body(runs_path(repo, run_number=number), what, LIST_RUNS), number)
        except NotPossible as error:
            if error.cause != "operation-absent":
                raise
            found = next(iter(self._page(repo, {"run_number": number, "limit": 1})[0]), None) if number > 0 else None
        if not found:
            raise NotThere(f"{repo} has no run {number}; list its runs", cause="run-number-not-found")
        return self._run(repo, found)

    def jobs(self, repo: Repo, run: Run) -> list[Job]:
        """The jobs of a run in the order of their ids. Raises ShimError."""
        what = f"the jobs of run {run.number} of {repo}"
        path = ROOT + run_jobs_path(repo, run.number) if run.id is None else run_jobs_path(repo, run.id)
        answer = self._asking.json(path, what, RUN_JOBS.path)
        return [_job(job, index, run, what) for index, job in enumerate(answer if isinstance(answer, list) else [None])]

    def overview(self, repo: Repo, number: int | Literal["latest"]) -> Overview:
        """A run and its jobs as they are now. Raises ShimError."""
        if self._asking.capabilities().of(LATEST_RUN.method, LATEST_RUN.path) is Capability.PRESENT:
            return self._of_shim(repo, number)

        async def ask(call: Call, net: Transport, caller: Caller) -> Value:
            call = replace(call, operation=RUN_SUMMARY, run=number)
            return await dispatch(net, self._asking.adapter.server, call, Request(Headers(), caller))

        told = self._asking.run_call(run_jobs_path(repo, 0), ask, f"run {number} of {repo}", LIST_RUNS)
        assert isinstance(told, RunJobs)
        return Overview(self._run(repo, told.run), told.jobs)

    def _of_shim(self, repo: Repo, number: int | Literal["latest"]) -> Overview:
        """The same of a shim behind this one, whose account reads the web UI."""
        found = self.latest(repo, {}) if number == "latest" else self.numbered(repo, number)
        return Overview(found, tuple(self.jobs(repo, found)))

    def _of_api(self, repo: Repo, limit: int) -> list[Run]:
        async def read(page: int) -> Page:
            path = runs_path(repo, page=page, limit=min(PAGE, max(1, limit)))
            body = self._asking.body(path, f"the runs of {repo}", LIST_RUNS)
            return parse_runs(body, page)

        found = run(newest(limit, read))
        if not found.is_certain:
            wanted = min(limit, found.total)
            raise PageChanged(f"the list of the runs of {repo} is not complete: {found.seen} of {wanted}; ask again")
        return [self._run(repo, run) for run in found.runs]

    def _page(self, repo: Repo, query: Mapping[str, object]) -> Page:
        """A page of the list of the face."""
        body = self._asking.body(ROOT + runs_path(repo, **query), f"the runs of {repo}", LIST_RUNS)
        return parse_listed(body, page=0)

    def _run(self, repo: Repo, run: RunFacts) -> Run:
        return _run(run, f"{self._asking.base_url}{actions(repo)}/runs/{run.number}")


def _run(run: RunFacts, url: str = "") -> Run:
    """The run in `Client`'s form; `url` is its page where the API tells none. A run by hand or by schedule has an empty
    `event` (modules/webhook/type.go, 11.0.15 to 16)."""
    given = run.given
    text = {key: str(given.get(key) or "") for key in ("event", "trigger_event", "prettyref", "commit_sha", "html_url")}
    started, stopped = seconds(run.started), seconds(run.stopped)
    is_over = run.status in FINAL and started > 0 and stopped > 0
    return Run(
        number=run.number,
        id=run.id,
        title=run.title or "",
        status=run.status or "unknown",
        event=text["event"] or text["trigger_event"],
        workflow=run.workflow or "",
        url=text["html_url"] or url,
        branch=text["prettyref"],
        commit=text["commit_sha"],
        actor=str((given.get("trigger_user") or {}).get("login") or ""),
        created=in_utc(str(given.get("created") or "")),
        started=in_utc(run.started),
        stopped=in_utc(run.stopped) if is_over else "",
        duration=max(0, int(stopped - started)) if is_over else None,
    )


def _job(job: object, index: int, run: Run, what: str) -> Job:
    match job:
        case {"id": int(job_id), "name": str(name), "status": str(status), **more}:
            attempt, task = more.get("attempt"), more.get("task_id")
            return Job(
                id=job_id,
                index=index,
                name=name,
                status=status,
                attempt=attempt if isinstance(attempt, int) else None,
                task_id=task if isinstance(task, int) else 0,
                run_id=run.id,
                run_number=run.number,
            )
    raise PageChanged(f"{what} were not understood: a job without id, name or status; report this server's version")
