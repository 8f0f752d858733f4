"""The jobs of a run, each with the number of its current attempt: natively where the server has a run's jobs, else by a
view of the web UI for each of them, read when it is asked for.

Rules: all rows are those of one moment: each view lists the same jobs, else it is `rows-moving`. A run's attempt is the
highest of its jobs'.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models import Job, Location, RunFacts
from ..operations import Call
from ..webui.reader import Reader
from ..webui.values import View
from .attempt_steps import moving
from .by_number import native_jobs


@dataclass(frozen=True)
class JobRow:
    """A job with its current attempt, None if that is not known; `is_taken`: whether a runner has or had it. `view` is
    that of its attempt 1, where one was read."""

    job: Job
    is_taken: bool
    view: View | None = None


class JobRows:
    """The rows of a run; `count` is how many there are."""

    def __init__(self, reader: Reader, run: RunFacts, listed: tuple[Job, ...] | None, first: View | None) -> None:
        self._reader = reader
        self._run = run
        self._listed = listed
        self._first = first
        self.is_native = listed is not None
        self.count = len(listed if listed is not None else first.state.jobs if first else ())

    async def row(self, index: int) -> JobRow:
        """The row of that index. Raises ShimError."""
        if self._listed is not None:
            return JobRow(self._listed[index], self._listed[index].task_id != 0)
        at = Location(self._run.number, index)
        view = await self._reader.web_view(at) if index else self._first
        assert self._first
        if view is None or [job.id for job in view.state.jobs] != [job.id for job in self._first.state.jobs]:
            raise moving(self._reader, at)
        return await self._row(at, view)

    async def all(self) -> list[JobRow]:
        """Every row. Raises ShimError."""
        return [await self.row(index) for index in range(self.count)]

    async def _row(self, at: Location, view: View) -> JobRow:
        state, found = view.state, view.state.jobs[at.job_index]
        number, is_taken = state.newest, bool(state.attempts) or not state.has_attempts and bool(view.steps)
        if number is None and state.counts_on_request:  # no runner has it now
            number = await self._reader.redirected_attempt(at)
        if is_taken and number and number not in view.started and found.status in ("waiting", "blocked"):
            is_taken = False  # from 15.0.3 on, an attempt that none has taken is listed, too
        run = self._run
        job = Job(found.id, at.job_index, found.name, found.status, number, 0, run.id, run.number)
        return JobRow(job, is_taken, view)


async def job_rows(reader: Reader, call: Call, run: RunFacts) -> JobRows:
    """The rows of a run. Raises ShimError."""
    listed = await native_jobs(reader, call, run)
    if listed is not None:
        return JobRows(reader, run, listed, None)
    return JobRows(reader, run, None, await reader.web_view(Location(run.number, 0)))


def highest_attempt(rows: list[JobRow]) -> int | None:
    """The attempt of a run with these rows; None if it is not known."""
    return max((row.job.attempt for row in rows if row.job.attempt), default=None)
