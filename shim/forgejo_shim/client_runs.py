"""The runs of a repository and their jobs for `Client`: from the API, or where that lacks them from the web UI."""

from __future__ import annotations

from .api import parse_run_numbered, parse_runs
from .client_session import ClientSession
from .errors import NotPossible, PageChanged
from .faces.forgejo_proxy import ROOT
from .flows.rights import Caller, check_may_read
from .models import Job, Repo, Run, RunFacts
from .newest import Page, newest
from .operations import LIST_RUNS, RUN_JOBS, recognise
from .paths import job_log_path, run_jobs_path, runs_path
from .transport import Transport, run
from .webui.grammar import actions
from .webui.reader import Reader

PAGE = 50  # runs a page, Forgejo's maximum

Titles = list[tuple[int, str]]


class ClientRuns:
    """Reads runs by the API's list, else by the web UI's."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def newest(self, repo: Repo, limit: int) -> list[Run]:
        """The newest `limit` runs, newest first. Raises ShimError."""
        try:
            return self._of_api(repo, limit)
        except NotPossible as error:
            if error.cause != "operation-absent":
                raise
            return self._of_web(repo, limit)

    def numbered(self, repo: Repo, number: int) -> Run | None:
        """The run of that number, None if there is none. Raises ShimError."""
        try:
            body = self._asking.body(runs_path(repo, run_number=number), f"run {number} of {repo}", LIST_RUNS)
        except NotPossible as error:
            if error.cause != "operation-absent":
                raise
            return self._numbered_of_web(repo, number)
        found = parse_run_numbered(body, number)
        return _run(found) if found else None

    def jobs(self, repo: Repo, run: Run) -> list[Job]:
        """The jobs of a run in the order of their ids. Raises ShimError."""
        what = f"the jobs of run {run.number} of {repo}"
        path = ROOT + run_jobs_path(repo, run.number) if run.id is None else run_jobs_path(repo, run.id)
        answer = self._asking.json(path, what, RUN_JOBS.path)
        return [_job(job, index, run, what) for index, job in enumerate(answer if isinstance(answer, list) else [None])]

    def _of_api(self, repo: Repo, limit: int) -> list[Run]:
        async def read(page: int) -> Page:
            path = runs_path(repo, page=page, limit=min(PAGE, max(1, limit)))
            body = self._asking.body(path, f"the runs of {repo}", LIST_RUNS)
            return parse_runs(body, page)

        found = run(newest(limit, read))
        if not found.is_certain:
            wanted = min(limit, found.total)
            raise PageChanged(f"the list of the runs of {repo} is not complete: {found.seen} of {wanted}; ask again")
        return [_run(run) for run in found.runs]

    def _of_web(self, repo: Repo, limit: int) -> list[Run]:
        found: dict[int, str] = {}
        page = 1
        while len(found) < limit and (titles := self._titles(repo, page)):
            known = len(found)
            found.update(titles)
            if len(found) == known:
                raise PageChanged(f"page {page} of the runs of {repo} shows those of the pages before; ask again")
            page += 1
        return [self._run_of_web(repo, number, found[number]) for number in sorted(found, reverse=True)[:limit]]

    def _numbered_of_web(self, repo: Repo, number: int) -> Run | None:
        latest = max((known for known, _ in self._titles(repo, 1)), default=0)
        if not 1 <= number <= latest:
            return None
        titles = dict(self._titles(repo, (latest - number) // PAGE + 1))
        return self._run_of_web(repo, number, titles.get(number, ""))

    def _titles(self, repo: Repo, page: int) -> Titles:
        """Run numbers and titles of a page (1-based) of the web UI's list, the caller's rights having been asked."""
        call = recognise("GET", job_log_path(repo, 0), "")
        assert call

        async def read(net: Transport, caller: Caller) -> Titles:
            await check_may_read(net, call, caller)
            return await Reader(net, self._asking.adapter.server, repo).run_numbers(page)

        return self._asking.run(read, str(repo))

    def _run_of_web(self, repo: Repo, number: int, title: str) -> Run:
        url = f"{self._asking.base_url}{actions(repo)}/runs/{number}"
        return Run(number=number, id=None, title=title, status="unknown", event="", workflow="", url=url)


def _run(run: RunFacts) -> Run:
    text = {key: str(run.given.get(key) or "") for key in ("title", "status", "event", "workflow_id", "html_url")}
    event = text["event"] or str(run.given.get("trigger_event") or "")  # a dispatched run has no other (on 15.0.2)
    return Run(run.number, run.id, text["title"], text["status"], event, text["workflow_id"], text["html_url"])


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
