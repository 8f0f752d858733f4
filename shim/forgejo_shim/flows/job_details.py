"""One job in full, made from the web UI: its attempts and their steps, as far as the web tells.

Rules: what the web does not tell is left out, never guessed. Every view that is used lists the job's id at the index
that it was asked for, and the place and the attempts are the same before and after. Costs: the search for the job, then
three requests an attempt.

A view counts a step's lines by giving them, so lines are counted for logs of up to `COUNTED` bytes, in one request; of
a longer log's steps, name, status and times are told. Who looks again and again asks for `brief`: then no lines are
counted, and the current attempt is the only one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..errors import NotPossible, PageChanged
from ..models import FINAL, Attempt, JobDetails, RunFacts, Step, Times
from ..operations import Call, is_true
from ..router import first_values
from ..times import seconds
from ..webui.asking import PageAnswer, trouble
from ..webui.grammar import Page, is_log_of, part_of
from ..webui.reader import Reader
from ..webui.values import View, WebStep
from .attempts_taken import attempts_taken
from .find_job import Place, find_job, look
from .run_jobs import FIRST_BYTE, HAS_TASK, TRIES, JobRow, rows_moving
from .runs import run_numbered

COUNTED = 1024 * 1024  # bytes
BEYOND = 2**31 - 1  # a cursor behind every line: the view then gives no lines, but when the step began


@dataclass(frozen=True)
class AttemptRead:
    """One attempt as the web tells of it: its number (None where none is told), status, download and view, and whether
    its lines are counted."""

    number: int | None
    status: str
    page: PageAnswer
    is_counted: bool
    view: View

    @property
    def has_task(self) -> bool:
        """Whether a runner has, or had, this attempt, and no other attempt waits for one."""
        return self.page.kind in HAS_TASK


async def job_details(reader: Reader, call: Call) -> JobDetails:
    """The job as clauses D1 and D2 have it, as far as the web tells. Raises ShimError."""
    brief = is_true(first_values(call.query).get("brief", ""))
    for _ in range(TRIES):
        place = await find_job(reader, call.id)
        try:
            run = await run_numbered(reader, place.at.run_number)
        except NotPossible:  # 11, whose API knows no runs
            run = None
        redirected = await reader.redirected_attempt(place.at) if reader.server.dialect.view_has_attempt else None
        told = await _attempts(reader, place, brief)
        again = await look(reader, call.id, place.at)
        if told is not None and again and again.at == place.at and again.state.attempts == place.state.attempts:
            return await _details(reader, again, run or RunFacts(place.at.run_number), redirected, told)
    raise rows_moving(reader, place.at.run_number)


async def _attempts(reader: Reader, place: Place, brief: bool) -> list[AttemptRead] | None:
    """The attempts that a runner has taken, oldest first, `brief` the current one at most; None if the row moved."""
    attempts = sorted(place.state.attempts or ())[-1 if brief else 0 :]
    rows = attempts if place.state.has_attempts else [(None, place.job.status)]
    found: list[AttemptRead] = []
    for number, status in rows:
        told = await _attempt(reader, place, number, status, 0 if brief else COUNTED)
        if told is None:
            return None
        if _was_taken(told, place):
            found.append(told)
    return found


async def _attempt(
    reader: Reader, place: Place, number: int | None, status: str, counted_up_to: int
) -> AttemptRead | None:
    """One attempt, its lines counted in a log of so many bytes; None if the job's row moved."""
    page = await reader.download(place.at, number, FIRST_BYTE, peek=True)
    await page.answer.close()
    if page.kind is Page.FAILED:
        raise trouble(reader, page)
    if page.by_attempt is False and number not in (None, place.state.newest):
        page = replace(page, kind=Page.UNKNOWN)  # the latest attempt's (13.0.0 to 13.0.3)
    part = part_of(page.answer.headers) if page.kind is Page.LOG else None
    view = await reader.view(place.job.id, place.at, number, {})
    counted = part is not None and part[2] <= counted_up_to
    if view and view.steps:
        cursors = dict.fromkeys(range(len(view.steps)), 0 if counted else BEYOND)
        view = await reader.view(place.job.id, place.at, number, cursors)
    if view is None:
        return None
    if page.kind is Page.LOG and not is_log_of(page.answer.headers, place.job):
        raise PageChanged(f"the download of job {place.job.id} in {reader.repo} names another job; try again")
    return AttemptRead(number, status, page, counted, view)


def _was_taken(told: AttemptRead, place: Place) -> bool:
    """Whether a runner has taken this attempt. From 15.0.3 on, the attempts list one that none has taken: the newest,
    without a beginning. While it waits, no download of the job is to be had (trap 5)."""
    if told.has_task or told.number is None:
        return told.has_task
    return told.number != place.state.newest or told.number in told.view.started


async def _details(
    reader: Reader, place: Place, run: RunFacts, redirected: int | None, told: list[AttemptRead]
) -> JobDetails:
    current = told[-1] if told and told[-1].number in (None, place.state.newest) and told[-1].has_task else None
    task = current.page.task if current and current.page.kind is Page.LOG else 0
    row = JobRow(place.job, redirected, current is not None, task)
    job = row.as_job(run, place.at.job_index, place.state.counts_on_request)
    times = times_of(_start(current), current.view.duration, job.status) if current else Times()
    known = bool(told) or await _never_taken(reader, place, redirected)
    attempts = [_as_attempt(one) for one in told]
    if current and times.stopped:
        attempts[-1] = replace(attempts[-1], times=times)
    return JobDetails(run, job, times, tuple(attempts) if known else None)


async def _never_taken(reader: Reader, place: Place, redirected: int | None) -> bool:
    """Whether it is certain that no runner has ever taken the job. The web tells little of one that none has now."""
    if place.state.attempts:
        return True  # all are listed, and none was taken
    if place.state.counts_on_request:
        return redirected == 1
    taken = await attempts_taken(reader, place.at.run_number, place.state)
    return taken is not None and taken.get(place.job.id) == 0


def _as_attempt(told: AttemptRead) -> Attempt:
    lengths = [told.view.lines[n].count for n in range(len(told.view.steps)) if n in told.view.lines]
    counted = told.is_counted and len(lengths) == len(told.view.steps)
    steps = tuple(
        _step(number, step, told.view, lengths if counted else None) for number, step in enumerate(told.view.steps)
    )
    return Attempt(
        number=told.number,
        status=told.status,
        times=Times(_start(told), _stop(told, steps)),
        task_id=told.page.task if told.page.kind is Page.LOG else None,
        log_expired=told.page.kind is Page.EXPIRED if told.has_task else None,
        log_length=sum(lengths) if counted and told.status in FINAL else None,
        steps=steps,
    )


def _step(number: int, step: WebStep, view: View, lengths: list[int] | None) -> Step:
    started = view.lines[number].started if number in view.lines else 0
    return Step(
        number,
        step.name,
        step.status,
        times_of(started, step.duration, step.status),
        None if lengths is None else sum(lengths[:number]),
        None if lengths is None else lengths[number],
    )


def _start(told: AttemptRead) -> int:
    """When an attempt began: its first step began then too (modules/actions/task_state.go, 11.0.15 to 16)."""
    first = told.view.lines[0].started if 0 in told.view.lines else 0
    return first if first > 0 else int(seconds(re.sub(r"Z\Z", "+00:00", told.view.started.get(told.number or 0, ""))))


def _stop(told: AttemptRead, steps: tuple[Step, ...]) -> int:
    """When an attempt ended: its last step ended then too, if that has begun; 0 if not known (the same file)."""
    return steps[-1].times.stopped if steps and told.status in FINAL else 0


def times_of(started: int, lasted: int | None, status: str) -> Times:
    """The beginning, and the end of what is over; 0 of what is unset or unknown."""
    if started <= 0:
        return Times()
    return Times(started, started + lasted if lasted is not None and status in FINAL else 0)
