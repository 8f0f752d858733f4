"""The step at which an attempt of a job failed, when it ran, and how many lines of the log are behind it: as the server
tells it natively, or else by views of the web UI.

Rules: every view that is used lists the job's id at the index that it was asked for. A view counts a step's lines by
giving them, so lines are asked for only of steps that can have few: the caller says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..models import FAILED, Attempt, Job, Location, Step, Times
from ..webui.reader import Reader
from ..webui.values import View
from .find_job import look
from .job_details import BEYOND, times_of
from .log_step import ROW_MIN
from .pinned_log import another_log


@dataclass(frozen=True)
class FailedStep:
    """What is told of an attempt: its number (None: not told), when it ran, and the step that failed, None if none did.

    `behind` are the lines of the log behind that step, None if not known, and `next_line` is the first of them where a
    view gave it.
    """

    attempt: int | None
    times: Times = Times()
    step: Step | None = None
    behind: int | None = None
    next_line: tuple[float, str] | None = None


def failing(statuses: Sequence[str]) -> list[int]:
    """Which of the steps with these statuses made the job fail, the one that ended it first; none if none did.

    A step that may fail (`continue-on-error`) has failed, too, but the one behind it runs. Of a job that was cancelled
    it is the step that was at work: those behind it were cancelled, too. The last step completes the job and has its
    status: it counts if no other does.
    """
    for wanted in FAILED:
        found = [n for n, status in enumerate(statuses[:-1]) if status == wanted]
        if found:
            ended = [n for n in found if statuses[n + 1] != "success"] or found[:1]
            return ended if wanted == "failure" else ended[:1]
    return [len(statuses) - 1] if statuses and statuses[-1] in FAILED else []


def told_natively(attempt: Attempt) -> FailedStep:
    """The step that failed, of an attempt that the API tells in full."""
    number = next(iter(failing([step.status for step in attempt.steps])), None)
    if number is None:
        return FailedStep(attempt.number, attempt.times)
    lengths = [step.log_length for step in attempt.steps[number + 1 :]]
    behind = None if None in lengths else sum(length or 0 for length in lengths)
    return FailedStep(attempt.number, attempt.times, attempt.steps[number], behind)


class StepViews:
    """The steps of an attempt (None: the current one) of a job that failed, read by views of the web UI; `cost` are the
    bytes of its log that they gave."""

    def __init__(self, reader: Reader, job: Job, at: Location, attempt: int | None) -> None:
        self.cost = 0
        self._count = 0  # of the steps, once they were read
        self._reader = reader
        self._job = job
        self._at = at
        self._attempt = attempt

    async def failed(self, *, counted: bool, expired: bool) -> FailedStep:
        """The step that failed. `counted`: with its lines and those behind it; `expired`: the log is, and a view then
        has one line in the place of it. Raises ShimError."""
        await self._find()
        view = await self._view({})
        if view.state.jobs[self._at.job_index].status not in FAILED:
            raise another_log(self._job.id)  # it is run again meanwhile
        number = next(iter(failing([step.status for step in view.steps])), None)
        self._count = len(view.steps)
        cursors = dict.fromkeys({0, number or 0} if view.steps else (), 0 if expired else BEYOND)
        if counted and number is not None:
            cursors |= dict.fromkeys(range(number, len(view.steps)), 0)
        view = await self._view(cursors)
        times = times_of(_started(view, 0), view.duration, self._job.status)
        if number is None:
            return FailedStep(self._attempt, times)
        told = view.steps[number]
        ran = times_of(_started(view, number), told.duration, told.status)
        step = Step(number, told.name, told.status, ran, None, view.lines[number].count if counted else None)
        found = FailedStep(self._attempt, times, step)
        return _with_lines(found, view) if counted else found

    async def count_behind(self, found: FailedStep) -> FailedStep:
        """What `failed` gave with the lines behind its step, which are few. Raises ShimError."""
        if found.step is None:
            return found
        return _with_lines(found, await self._view(dict.fromkeys(range(found.step.number + 1, self._count), 0)))

    async def _find(self) -> None:
        """The attempt's number, and how this server's views are asked for, where that is not known yet."""
        dialect = self._reader.server.dialect
        if dialect.view_has_attempt is None or (dialect.view_has_attempt and self._attempt is None):
            place = await look(self._reader, self._job.id, self._at)
            if place is None:
                raise another_log(self._job.id)
            self._at = place.at
            self._attempt = self._attempt or place.state.newest

    async def _view(self, cursors: dict[int, int]) -> View:
        view = await self._reader.view(self._job.id, self._at, self._attempt, cursors)
        if view is None or cursors.keys() - view.lines.keys():
            raise another_log(self._job.id)
        self.cost += sum(ROW_MIN + len(text) for step in view.lines.values() for _, text in step.lines)
        return view


def _started(view: View, number: int) -> int:
    return view.lines[number].started if number in view.lines else 0


def _with_lines(found: FailedStep, view: View) -> FailedStep:
    """What a view with all lines behind the failing step tells of them."""
    later = [view.lines[n] for n in range((found.step.number if found.step else 0) + 1, len(view.steps))]
    behind = sum(step.count for step in later)
    return replace(found, behind=behind, next_line=next((step.lines[0] for step in later if step.lines), None))
