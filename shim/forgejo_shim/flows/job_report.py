"""What a report says of one job that failed: the step, what was found in its lines, and the last of them.

Rules: a job whose log or steps cannot be told is reported without them; that alone never fails the report. The bytes of
a log are all of one attempt (pinned_log.py). A job that is run again while it is read is reported without its log,
never with the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..api import error_of
from ..errors import (
    Expired,
    NoLog,
    NotExecuted,
    NotNow,
    NotThere,
    PageChanged,
    RunAgain,
    ServerRefusal,
    ShimError,
    job_over,
)
from ..models import Job, Location, Times
from ..operations import JOB_LOG, Call
from ..webui.reader import Reader
from ..why.find import Finder
from ..why.matchers import Matcher
from ..why.values import Found, JobReport
from .bounded_log import BoundedLog
from .failed_step import FailedStep, StepViews, told_natively
from .log_window import step_window
from .pinned_log import NativeLog, PinnedLog, WebLog, pinned_log

# What a job can be reported without a log for: there is none, or it cannot be read now.
NO_LOG = (NotThere, NotExecuted, Expired, NotNow, PageChanged)


def _search(pieces: Sequence[bytes], matchers: Sequence[Matcher], lines: int) -> Found:
    """What is found in pieces of a log, between which there are others."""
    finder = Finder(matchers, lines)
    for at, piece in enumerate(pieces):
        if at:
            finder.gap()
        finder.feed(piece)
    return finder.found()


class JobReading:
    """The reading of one job, at the cost of at most `most` bytes of its log; `cost` are those that came, `given_up`
    the owners of matchers that took too long."""

    def __init__(self, reader: Reader, call: Call, job: Job, most: int) -> None:
        self.cost = 0
        self.given_up: tuple[str, ...] = ()
        self._reader = reader
        self._call = replace(call.of(JOB_LOG, job.id), attempt=job.attempt)
        self._job = job
        self._most = most
        self._place = Location(job.run_number or 0, job.index or 0)

    async def report(self, matchers: Sequence[Matcher], lines: int) -> JobReport:
        """The job's report, with at most so many last lines of the step, and without its address. Raises ShimError."""
        job, pinned = self._job, await pinned_log(self._reader, self._call)
        log = BoundedLog(pinned, self._most)
        told: FailedStep | None = None
        pieces: list[bytes] = []
        missing: ShimError | None = None
        try:
            missing = await self._open(log, pinned)
            told = await self._told(log, pinned, missing)
            pieces = [] if missing else await step_window(log, told)
            if isinstance(pinned, NativeLog):
                await pinned.check()
        except NO_LOG as error:
            missing = error
        self.cost = log.read
        found = await self._reader.net.aside(lambda: _search(pieces, matchers, lines))
        self.given_up = found.given_up
        return JobReport(
            id=job.id,
            index=self._place.job_index,
            name=job.name,
            status=job.status,
            attempt=told.attempt if told else pinned.attempt,
            times=told.times if told else Times(),
            url="",
            step=told.step if told else None,
            findings=found.findings,
            last=found.last,
            log_size=None if missing else log.size,
            read=sum(map(len, pieces)),
            missing=missing.message if missing else "",
        )

    async def _open(self, log: BoundedLog, pinned: PinnedLog) -> ShimError | None:
        """Read the end of the log; what is gone of a job that a runner had, or None. Raises one of `NO_LOG` where there
        is nothing of a job, and ShimError."""
        try:
            if isinstance(pinned, NativeLog):
                if not self._job.task_id:
                    raise NotExecuted
                await pinned.pin()
            await log.open()
        except NotExecuted:
            raise job_over(self._job.id, self._job.name, self._job.status) from None
        except (Expired, NoLog) as error:
            return error
        except ServerRefusal as refused:
            told = error_of(refused.status, "application/json", refused.body, f"job {self._job.id}", JOB_LOG.path)
            if isinstance(told, (Expired, NoLog)):
                return type(told)()  # as the web UI's
            raise (told if isinstance(told, NO_LOG) else refused) from None
        return None

    async def _told(self, log: BoundedLog, pinned: PinnedLog, missing: ShimError | None) -> FailedStep | None:
        """The step that failed, as far as the server tells this caller and this shim. Raises NotNow if the job is run
        again meanwhile."""
        try:
            if isinstance(pinned, NativeLog) and pinned.tells_job:
                attempt = (await pinned.plan()).attempts.get(pinned.attempt)
                return told_natively(attempt) if attempt else None
            return await self._viewed(log, pinned, missing)
        except ShimError as error:
            if isinstance(error, RunAgain) or error.cause == "rows-moving":
                raise
            return None

    async def _viewed(self, log: BoundedLog, pinned: PinnedLog, missing: ShimError | None) -> FailedStep:
        """The same by views of the web UI. Raises ShimError."""
        at = await self._reader.facts.location(self._job.id) or self._place
        views = StepViews(self._reader, self._job, at, pinned.attempt)
        counted = missing is None and log.start == 0
        try:
            found = await views.failed(counted=counted, expired=isinstance(missing, Expired))
            if not missing and not counted and found.step and log.has_second(found.step.times.stopped):
                found = await views.count_behind(found)
            if isinstance(pinned, WebLog) and pinned.attempt is None and not missing:
                await (await pinned.open("bytes=0-0")).close()  # of the current attempt alone: still the same one
        finally:
            log.read += views.cost
        return found
