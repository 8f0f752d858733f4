"""One attempt of a job with its steps and their times, at the cost of two views of the web UI.

Rules: every view lists the job's id at the index that it was asked for. No lines are read: a cursor behind all of them
makes a view tell when each step began. What is over does not change any more, so it is kept for an hour, but for an
attempt without steps: every one that a runner took has some, which the web UI hides while no runner has the newest one.
"""

from __future__ import annotations

from ..errors import NotNow, attempt_not_found
from ..models import FINAL, Attempt, Location, Step, Times
from ..times import seconds
from ..webui.reader import Reader
from ..webui.values import View
from .job_details import BEYOND, times_of
from .run_jobs import rows_moving


async def attempt_steps(
    reader: Reader, job_id: int, at: Location, number: int | None, status: str = "", view: View | None = None
) -> Attempt:
    """The attempt (None: the current one, where the web UI shows no others). `status` is that of the current attempt,
    "" for an earlier one; `view` is one without times, if there is one already. Raises ShimError, `rows-moving` if the
    job is not there any more."""
    if number is not None and (kept := await reader.facts.attempt(job_id, number)):
        return kept
    view = view or _shown(reader, at, await reader.view(job_id, at, number, {}))
    if view.steps:
        cursors = dict.fromkeys(range(len(view.steps)), BEYOND)
        view = _shown(reader, at, await reader.view(job_id, at, number, cursors))
    found = _attempt(view, at, number, status)
    if number is not None and found.status in FINAL and found.steps:
        await reader.facts.put_attempt(job_id, found)
    return found


def _shown(reader: Reader, at: Location, view: View | None) -> View:
    if view is None:
        raise moving(reader, at)
    return view


def moving(reader: Reader, at: Location) -> NotNow:
    """The error for rows that are others than a moment ago."""
    return rows_moving(reader, at.run_number)


def _attempt(view: View, at: Location, number: int | None, status: str) -> Attempt:
    steps = tuple(
        Step(n, step.name, step.status, times_of(_started(view, n), step.duration, step.status))
        for n, step in enumerate(view.steps)
    )
    told = dict(view.state.attempts or ()).get(number or 0, "")
    if status:  # the current attempt: the job's row tells its status and how long it took
        status = view.state.jobs[at.job_index].status
    elif not told and number and view.state.attempts:  # which are all that a runner took
        raise attempt_not_found(view.state.jobs[at.job_index].id, number)
    elif told or steps:  # the last step completes the job and has its status
        status = told or steps[-1].status
    began = _started(view, 0) or int(seconds(view.started.get(number or 0, "")))
    ended = steps[-1].times.stopped if steps and status in FINAL else 0
    if not ended and began and number in (None, view.state.newest):
        ended = times_of(began, view.duration, status).stopped
    return Attempt(number, status or "unknown", Times(began, ended), None, None, None, steps)


def _started(view: View, number: int) -> int:
    return max(0, view.lines[number].started) if number in view.lines else 0
