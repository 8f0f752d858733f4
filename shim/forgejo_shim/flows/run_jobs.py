"""The jobs of a run, made from the web UI, with the attempt and the task of each.

Rules: one state before and one after, and both list the same jobs, so that each index read in between was that job's;
at most 2 + 3 × jobs requests. What the web does not tell is None (`attempt`) or 0 (`task_id` of a job that has no task
or whose file name cannot be had, as when the server fails at that one download); never guessed. Behind a download that
does not come no other is asked for: where the logs lie, all would be waited for in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import NotNow, NotThere, PageChanged, Unreachable
from ..models import Headers, Job, Location, RunFacts, RunJobs
from ..transport import BrokenBody
from ..webui.grammar import Page, is_log_of
from ..webui.reader import Reader
from ..webui.values import WebJob, WebRun

TRIES = 3  # how often what moves while it is read is read again
FIRST_BYTE = [("Range", "bytes=0-0")]
# What a download says of a job that a runner has or had.
HAS_TASK = (Page.LOG, Page.NOT_A_LOG, Page.EXPIRED, Page.NO_LOG_FILE)


@dataclass(frozen=True)
class JobRow:
    """A job with what the web tells of its attempts.

    `redirected` is the attempt that its page redirects to (None up to 12), `has_task` whether a runner has or had it,
    `task` the task id, 0 if its file name cannot be had, and `headers` those of its download. `is_told`: whether that
    was answered; else `has_task` and `task` say nothing.
    """

    job: WebJob
    redirected: int | None
    has_task: bool
    task: int
    headers: Headers = Headers()
    is_told: bool = True

    def attempt(self, counts_on_request: bool) -> int | None:
        """The row's attempt with 16's meaning; None if it can't be told: up to 14 the counter is raised when a runner
        takes the job, so for a row without a task it tells of the attempt before."""
        return self.redirected if self.has_task or counts_on_request else None

    def as_job(self, run: RunFacts, index: int, counts_on_request: bool) -> Job:
        """The job as a value."""
        attempt = self.attempt(counts_on_request)
        return Job(self.job.id, index, self.job.name, self.job.status, attempt, self.task, run.id, run.number)


async def run_jobs(reader: Reader, run: RunFacts) -> RunJobs:
    """The jobs, in the order of their ids, of a run that the API told: it can have none. Raises ShimError."""
    found = await read_rows(reader, run.number)
    if found is None:
        return RunJobs(run, ())
    state, rows = found
    return RunJobs(run, tuple(row.as_job(run, index, state.counts_on_request) for index, row in enumerate(rows)))


async def read_rows(reader: Reader, run_number: int) -> tuple[WebRun, list[JobRow]] | None:
    """A run's state and its jobs with their attempts and tasks, all of one moment; None if it has no job, or there is
    no such run: the caller knows that there is. Raises ShimError."""
    state = await reader.web_run(Location(run_number, 0))
    if state is None:
        return None
    for _ in range(TRIES):
        rows = await _rows(reader, run_number, state.jobs)
        before, state = state, await reader.web_run(Location(run_number, 0))
        if state is None:
            raise NotThere(f"run {run_number} of {reader.repo} is gone")
        if [job.id for job in before.jobs] == [job.id for job in state.jobs]:
            for row in rows:
                if row.task and not is_log_of(row.headers, row.job):
                    raise PageChanged(f"the download of job {row.job.id} in {reader.repo} names another job; try again")
                if row.task:
                    await reader.proved(row.job.id, row.redirected, row.headers, is_latest=True)
            return state, [replace(row, job=job) for job, row in zip(state.jobs, rows, strict=True)]
    raise rows_moving(reader, run_number)


def rows_moving(reader: Reader, run_number: int) -> NotNow:
    """The error for a run whose rows go on changing while they are read."""
    return NotNow(
        f"the jobs of run {run_number} in {reader.repo} change too fast to be read; try again", cause="rows-moving"
    )


async def _rows(reader: Reader, run_number: int, jobs: Sequence[WebJob]) -> list[JobRow]:
    rows, comes = [], True
    for index, job in enumerate(jobs):
        at = Location(run_number, index)
        redirected = await reader.redirected_attempt(at) if reader.server.dialect.view_has_attempt else None
        row = JobRow(job, redirected, False, 0, is_told=False)
        if comes:
            try:
                page = await reader.download(at, redirected, FIRST_BYTE, peek=True)
                await page.answer.close()
                row = JobRow(job, redirected, page.kind in HAS_TASK, page.task, page.answer.headers)
            except (BrokenBody, Unreachable):  # of a server that is away the next page is the error
                comes = False
        rows.append(row)
    return rows
