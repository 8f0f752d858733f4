"""A page of the jobs of a run with the steps of their attempts: of the current ones, of all, or of the run's attempt n;
of those with some statuses or one name only, or the last ones first.

Rules: an attempt n of a run is each of its jobs at its attempt n, or at its latest where that is lower. Natively where
the server tells a job in full; else by views of the web UI, two for an attempt, and only those of the page are read.
Where a run's jobs are native and the web UI cannot be read, the jobs are told without steps and times. So are earlier
attempts that the web UI hides; one that no runner took has none. How such an attempt ended is not known (`PAST`), which
fits who asks for all that are over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..api_job import parse_full
from ..capabilities import Capability
from ..errors import NotNow, NotPossible, NotThere, WebAccount
from ..models import FINAL, PAST, Attempt, Job, JobDetails, Location, RunFacts, Times
from ..operations import JOB, Call
from ..paths import job_path
from ..router import first_values, parameters
from ..webui.reader import Reader
from .attempt_steps import attempt_steps
from .job_rows import JobRow, JobRows, highest_attempt, job_rows
from .listed import JobPage, page_of
from .native import capability
from .rights import Grants, run_of
from .run_jobs import TRIES
from .runs import read_api

Shown = tuple[JobRow, int | None]  # a job and the attempt of it that is shown


async def run_details(reader: Reader, call: Call, caller: Grants) -> JobPage:
    """The page. Raises ShimError."""
    return await details_of(reader, call, await run_of(reader, call, caller))


async def details_of(reader: Reader, call: Call, run: RunFacts) -> JobPage:
    """The page of a run that the caller may read. Raises ShimError."""
    for last in (*[False] * (TRIES - 1), True):
        try:
            return await _page(reader, call, run)
        except NotNow as error:
            if last or error.cause != "rows-moving":
                raise
    raise AssertionError


async def _page(reader: Reader, call: Call, run: RunFacts) -> JobPage:
    rows = await job_rows(reader, call, run)
    statuses, is_reversed = chosen_by(call)
    is_full = await capability(reader.net, reader.server, call.of(JOB, 0)) is Capability.PRESENT
    read = _natively if is_full and rows.is_native else _by_views

    async def told(shown: Sequence[Shown]) -> tuple[JobDetails, ...]:
        return tuple([await read(reader, rows, run, *one) for one in shown])

    asked = first_values(call.query)
    name, is_all = asked.get("name", ""), asked.get("filter") == "all"
    if call.attempt is None and not (is_all or statuses or name or is_reversed):
        indices, total, page, limit = page_of(range(rows.count), call)
        chosen = [await rows.row(index) for index in indices]
        return JobPage(await told([(row, row.job.attempt) for row in chosen]), total, page, limit)
    shown = [one for one in await _all_shown(call, rows) if name in ("", one[0].job.name)]
    shown = shown[::-1] if is_reversed else shown
    if statuses and (is_all or call.attempt is not None):  # what a job's status was then, only the attempt tells
        wanted = {*statuses, PAST} if FINAL.issubset(statuses) else {*statuses}
        fit = [job for job in await told(shown) if job.job.status in wanted]
        return JobPage(*page_of(fit, call))
    fitting = [one for one in shown if not statuses or one[0].job.status in statuses]
    on_page, total, page, limit = page_of(fitting, call)
    return JobPage(await told(on_page), total, page, limit)


def chosen_by(call: Call) -> tuple[tuple[str, ...], bool]:
    """The statuses that are asked for (none: any), and whether the last jobs come first."""
    asked = parameters(call.query)
    return tuple(value for name, value in asked if name == "status"), ("order", "desc") in asked


async def _all_shown(call: Call, rows: JobRows) -> list[Shown]:
    found = await rows.all()
    if call.attempt is not None:
        return of_attempt(found, call.attempt)
    if first_values(call.query).get("filter") == "all":
        return _each(found)
    return [(row, row.job.attempt) for row in found]


def of_attempt(rows: list[JobRow], number: int) -> list[Shown]:
    """The jobs at the run's attempt of that number. Raises NotThere, NotPossible."""
    highest = highest_attempt(rows)
    if highest is None and rows:
        raise NotPossible(
            f"attempt {number} of the run cannot be told from others on this server; leave the attempt out",
            cause="run-attempt-not-known",
        )
    if not 1 <= number <= (highest or 0):
        raise NotThere(f"the run has no attempt {number}", cause="run-attempt-not-found")
    return [(row, row.job.attempt and min(number, row.job.attempt)) for row in rows]


def _each(rows: list[JobRow]) -> list[Shown]:
    """Every attempt of every job, as far as they are known."""
    return [(row, number) for row in rows for number in (range(1, row.job.attempt + 1) if row.job.attempt else [None])]


async def _natively(reader: Reader, rows: JobRows, run: RunFacts, row: JobRow, number: int | None) -> JobDetails:
    is_current = number == row.job.attempt
    body = await read_api(reader, job_path(reader.repo, row.job.id, brief=is_current), f"job {row.job.id}")
    told = parse_full(body)
    job = replace(told.job, index=row.job.index, run_id=run.id, run_number=run.number)
    told = replace(told, run=run, job=job)
    if is_current or told.attempts is None:
        return told
    attempt = next((one for one in told.attempts if one.number == number), None)
    return _not_taken(run, job, number) if attempt is None else _earlier(run, job, attempt)


async def _by_views(reader: Reader, rows: JobRows, run: RunFacts, row: JobRow, number: int | None) -> JobDetails:
    job, at = row.job, Location(run.number, row.job.index or 0)
    is_current = number == job.attempt
    if is_current and not row.is_taken:
        return JobDetails(run, job, Times(), ())
    try:
        if reader.server.dialect.view_has_attempt is None:
            await reader.web_run(at)
        view = row.view if number in (None, 1) else None
        attempt = await attempt_steps(reader, job.id, at, number, job.status if is_current else "", view)
        attempt = replace(attempt, number=number)
        if is_current:
            return _shown(run, job, attempt)
        told = _earlier(run, job, attempt)
        return told if attempt.steps else replace(told, attempts=None)  # hidden behind a rerun
    except NotThere:
        if is_current:
            raise
        return _not_taken(run, job, number)
    except WebAccount:
        if not (rows.is_native and is_current):  # the list tells of no other attempt
            raise
        return JobDetails(run, job, Times(), None)


def _not_taken(run: RunFacts, job: Job, number: int | None) -> JobDetails:
    """The job at an earlier attempt that no runner took: cancelled or skipped, which nothing tells any more."""
    return JobDetails(run, replace(job, attempt=number, status=PAST, task_id=0), Times(), ())


def _earlier(run: RunFacts, job: Job, attempt: Attempt) -> JobDetails:
    """The job at an attempt that was followed by another one."""
    return _shown(run, job, replace(attempt, status=PAST) if attempt.status == "unknown" else attempt)


def _shown(run: RunFacts, job: Job, attempt: Attempt) -> JobDetails:
    """The job at one of its attempts."""
    job = replace(job, attempt=attempt.number, status=attempt.status)
    return JobDetails(run, job, attempt.times, (attempt,))
