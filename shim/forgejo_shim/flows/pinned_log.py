"""A job's log to be read in several pieces, all of one task: on the web UI, or by the server's own operation.

Rules: on the web each answer is proved by its file name (job_log.py); natively the attempt is named in every request,
and a job has one task for each. The current attempt's number is told by the job, or by its run's jobs, read as the
caller; a file's time or length proves nothing.
"""

from __future__ import annotations

from ..api import error_of, parse_jobs
from ..api_job import parse_job
from ..capabilities import Capability
from ..errors import NoLog, NotExecuted, NotNow, PageChanged, run_again
from ..models import FINAL, JobPlan, Location
from ..operations import JOB, JOB_LOG, RUN_JOBS, Call
from ..paths import job_log_path, job_path, run_jobs_path
from ..transport import JSON_LIMIT, Answer, read_all, read_head
from ..webui.grammar import part_of
from ..webui.reader import Reader
from ..webui.values import WebJob, WebRun
from .find_job import find_job
from .job_log import open_log
from .runs import page_of_runs, run_numbered


async def pinned_log(reader: Reader, call: Call) -> PinnedLog:
    """The job's log as it can be read here: natively, if what pins it is native too, else from the web UI."""
    known = await reader.server.capabilities(reader.net)
    has = {row: known.of(row.method, row.path) is Capability.PRESENT for row in (JOB_LOG, RUN_JOBS, JOB)}
    if has[JOB_LOG] and (has[RUN_JOBS] or has[JOB]):
        return NativeLog(reader, call, tells_job=has[JOB])
    return WebLog(reader, call.id, call.attempt)


class WebLog:
    """A log of the web UI. It is pinned by its first `open`, whose task every later one must have. `attempt` is its
    number, None if not known; `status` that of the attempt as `is_over` saw it last, "" if not told, `name` the job's.
    """

    def __init__(self, reader: Reader, job_id: int, attempt: int | None) -> None:
        self.attempt = attempt
        self.job_id = job_id
        self.status = self.name = ""
        self._reader = reader
        self._task: int | None = None

    async def open(self, ranges: str) -> Answer:
        """The log, or the bytes of it that `Range` names: 200, 206 or 416. Raises ShimError."""
        opened = await open_log(self._reader, self.job_id, self.attempt, [("Range", ranges)] if ranges else [])
        if self._task not in (None, opened.task):
            await opened.answer.close()
            raise run_again(self.job_id)
        self._task, self.attempt = opened.task, opened.attempt or self.attempt
        return opened.answer

    async def pin(self) -> None:
        """Nothing to do: see above."""

    async def is_over(self) -> bool:
        """Whether the pinned attempt has its final status; of none yet, whether the job has."""
        place = await find_job(self._reader, self.job_id)
        told = dict(place.state.attempts or ()).get(self.attempt or 0)
        is_hidden = self._task is not None and place.state.has_attempts and place.state.attempts is None
        self.status, self.name = "" if is_hidden else told or place.job.status, place.job.name
        return is_hidden or self.status in FINAL  # a rerun waits: a job is run again only when it is over


class NativeLog:
    """A log of the server's own operation, asked as the caller. Only a named attempt is always the same task.

    `tells_job`: whether the server has the operation of a job in full; else its run's jobs tell of it.
    """

    def __init__(self, reader: Reader, call: Call, *, tells_job: bool) -> None:
        self.attempt = call.attempt
        self.job_id = call.id
        self.status = self.name = ""
        self.tells_job = tells_job
        self._reader = reader
        self._call = call
        self._runs = NativeRuns(reader, call)
        self._task = 0

    async def open(self, ranges: str) -> Answer:
        """As in `WebLog`."""
        path = job_log_path(self._reader.repo, self.job_id, self.attempt)
        headers = [("Range", ranges)] if ranges else []
        answer = await self._reader.api(path, headers=headers)
        if answer.status == 500:
            await answer.close()
            await self._reader.hand_over()  # just moved to storage, perhaps
            answer = await self._reader.api(path, headers=headers)
        if answer.status in (200, 206, 416):
            return answer
        raise await _refused(answer, f"the log of job {self.job_id}", self._call)

    async def pin(self) -> None:
        """Hold every later `open` to one task; where no attempt can be named, `check` says whether they were."""
        if self.attempt is None:
            self.pin_to(await self.plan())

    def pin_to(self, plan: JobPlan) -> None:
        """The same, by what was just told of the job. Raises NotExecuted."""
        if self.attempt is None and not plan.task_id:
            raise NotExecuted
        self.attempt = plan.attempt if self.attempt is None else self.attempt
        self._task = plan.task_id

    async def check(self) -> None:
        """Raise NotNow if what was opened since `pin` can be of several tasks: a shim behind may know no attempts."""
        if self.attempt is None and (await self.plan()).task_id != self._task:
            raise another_log(self.job_id)

    async def is_over(self) -> bool:
        """As in `WebLog`."""
        plan = await self.plan()
        is_current = self.attempt in (None, plan.attempt)
        told = plan.attempts.get(self.attempt)
        self.status = plan.status if is_current else told.status if told else ""
        self.name = plan.name
        return not is_current or self.status in FINAL

    async def plan(self) -> JobPlan:
        """The job's current attempt and status, read anew. Raises NotThere, SearchLimit, ServerRefusal."""
        if self.tells_job:
            answer = await self._reader.api(job_path(self._reader.repo, self.job_id))
            if answer.status != 200:
                raise await _refused(answer, f"job {self.job_id}", self._call)
            return parse_job(await read_all(answer, JSON_LIMIT, "the API's job"))
        await find_job(self._reader, self.job_id, self._runs)
        return self._runs.plans[self.job_id]


# A log to be read in several pieces, all of one task from `pin` on.
PinnedLog = WebLog | NativeLog


class NativeRuns:
    """Runs and their jobs of the API, read as the caller, so that a job is found without the web UI. `plans` are those
    of the jobs that were read, by their ids."""

    def __init__(self, reader: Reader, call: Call) -> None:
        self.plans: dict[int, JobPlan] = {}
        self._reader = reader
        self._call = call
        self._ids: dict[int, int | None] = {}

    async def latest_number(self) -> int | None:
        """As in `Runs`."""
        runs, _ = await page_of_runs(self._reader, 1, self._call, limit=1)  # newest first from 15 on
        return runs[0].number if runs else None

    async def web_run(self, at: Location) -> WebRun | None:
        """As in `Runs`."""
        number = at.run_number
        if number not in self._ids:
            run = await run_numbered(self._reader, number, self._call)
            self._ids[number] = run.id if run else None
        run_id = self._ids[number]
        if run_id is None:
            return None
        answer = await self._reader.api(run_jobs_path(self._reader.repo, run_id))
        if answer.status != 200:
            raise await _refused(answer, f"the jobs of run {number}", self._call)
        jobs = parse_jobs(await read_all(answer, JSON_LIMIT, "the API's jobs of a run"))
        if any("attempt" not in job for job in jobs):
            raise PageChanged("the API's jobs of a run do not tell their attempts; report this server's version")
        self.plans |= {
            job["id"]: JobPlan(job["attempt"], job["task_id"], job["status"], {}, job["name"]) for job in jobs
        }
        await self._reader.facts.put_jobs(number, [job["id"] for job in jobs])
        rows = tuple(WebJob(job["id"], job["name"], job["status"]) for job in jobs)
        return WebRun(rows, None, has_attempts=True, counts_on_request=True) if rows else None


async def _refused(answer: Answer, what: str, call: Call) -> Exception:
    """What to raise for an answer of the API: a refusal is the caller's as it is, a failure is the shim's to tell."""
    body, kind = await read_head(answer), answer.headers.get("Content-Type")
    error = error_of(answer.status, kind, body, what, JOB_LOG.path)
    if isinstance(error, NoLog):
        return NoLog()
    if answer.status < 500 and answer.status != 429:
        return call.refusal(answer.status, answer.headers, body)
    return error


def another_log(job_id: int) -> NotNow:
    """The error for a log that is another one's than when its reading began."""
    return NotNow(f"job {job_id} changed while its log was read; try again", cause="rows-moving")


def another_part() -> PageChanged:
    """The error for other bytes of a log than those that were asked for."""
    return PageChanged("a part of a log was asked for, and another came; try again")


async def read_end(log: PinnedLog, length: int) -> tuple[bytes, int, int]:
    """The last bytes of a log, where they begin, and its size. A log without a byte has no range at all."""
    answer = await log.open(f"bytes=-{length}")
    part = part_of(answer.headers)
    if answer.status == 416 or (answer.status == 200 and answer.headers.get("Content-Length") == "0"):
        await answer.close()
        return b"", 0, 0
    if answer.status != 206 or part is None:
        await answer.close()
        raise PageChanged("the end of a log was asked for, and something else came")
    return await read_all(answer, length, "the end of a log"), part[0], part[2]


async def read_block(log: PinnedLog, start: int, stop: int) -> bytes:
    """The bytes of a log from `start` to before `stop`."""
    answer = await log.open(f"bytes={start}-{stop - 1}")
    part = part_of(answer.headers)
    data = await read_all(answer, stop - start, "a part of a log")
    if part is None or part[:2] != (start, stop - 1) or len(data) != stop - start:
        raise another_part()
    return data
