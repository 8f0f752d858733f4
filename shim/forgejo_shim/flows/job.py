"""One job in full, made from the web UI: its attempts and their steps, as far as the web tells.

Rules: what the web does not tell is left out, never guessed. Every view that is used lists the job's id at the index
that it was asked for, and the place and the attempts are the same before and after. Costs: the search for the job, then
three requests an attempt.

A view counts a step's lines by giving them, so lines are counted for logs of up to `COUNTED` bytes, in one request; of
a longer log's steps, name, status and times are told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..contract import Operation, runs_path
from ..errors import NotNow, PageChanged, ShimError, attempt_not_found
from ..models import Headers, Location, View, WebStep
from ..web import FINAL, Page, is_log_of, part_of, read_run_numbered, read_view, seconds, sort_answer, view_path
from .locate import Found, locate, look
from .net import JSON_LIMIT, Answer, encode, whole
from .pages import Asked, Reader
from .runjobs import FIRST_BYTE, TRIES, Attempted, RunFacts, absent, as_contract
from .taken import attempts_taken

COUNTED = 1024 * 1024  # bytes
BEYOND = 2**31 - 1  # a cursor behind every line: the view then gives no lines, but when the step began
NO_FACTS = RunFacts(0, 0, 0, 0)


class Viewer(Reader):
    """A reader that also asks for steps, and posts."""

    async def post(self, path: str, value: object) -> Asked:
        """One POST in the web session, never repeated. `state` before it has the session and the CSRF token renewed."""
        headers = [("Content-Type", "application/json")]
        answer = await self.server.session.send(self.net, "POST", path, headers, encode(value))
        text = await self._text(answer)
        return Asked(sort_answer(answer.status, answer.headers, text, self.repo), answer, text, path)

    async def view(self, job_id: int, at: Location, attempt: int | None, cursors: dict[int, int]) -> View | None:
        """The steps of an attempt (None up to 12, whose views show the current one), and their lines from the cursors
        on. None if the job is not at `at`. Raises ShimError."""
        path = view_path(self.repo, at, attempt if self.server.dialect.view_has_attempt else None)
        body = {"logCursors": [{"step": step, "cursor": at, "expanded": True} for step, at in cursors.items()]}
        asked = await self.post(path, body)
        if asked.page in (Page.BAD_TOKEN, Page.HIDDEN, Page.SIGN_IN):
            if await self.state(at) is None:
                return None
            asked = await self.post(path, body)
        if asked.page in (Page.NO_RUN, Page.NO_JOBS):
            return None
        if asked.page is Page.NO_ATTEMPT:
            raise attempt_not_found(job_id, attempt or 0)
        if asked.page is not Page.STATE:
            raise self._trouble(asked)
        view = read_view(asked.text, self.repo, at)
        return view if view.state.index_of(job_id) == at.job_index else None

    async def page(self, path: str) -> Asked:
        """A page as it is, once more in a renewed session if that was lost."""
        return await self._ask("GET", [path])

    def trouble(self, asked: Asked) -> ShimError:
        """The error that an answer stands for when nothing better can be made of it."""
        return self._trouble(asked)


@dataclass(frozen=True)
class Told:
    """One attempt: its number (None where none is told), its status, what its download and its view say."""

    number: int | None
    status: str
    asked: Asked
    size: int | None
    view: View

    @property
    def has_task(self) -> bool:
        """Whether a runner has, or had, this attempt, and no other attempt waits for one."""
        return self.asked.page in (Page.LOG, Page.SPOILED, Page.EXPIRED, Page.NO_FILE)


async def job_details(viewer: Viewer, operation: Operation) -> dict[str, Any]:
    """The job as clauses D1 and D2 have it, as far as the web tells. Raises ShimError."""
    for _ in range(TRIES):
        found = await locate(viewer, operation.id)
        facts = await facts_of(viewer, found.at.run_number)
        shown = await viewer.shown_attempt(found.at) if viewer.server.dialect.view_has_attempt else None
        told = await _attempts(viewer, found)
        again = await look(viewer, operation.id, found.at)
        if told is not None and again and again.at == found.at and again.state.attempts == found.state.attempts:
            return await _json(viewer, again, facts, shown, told)
    raise moving(viewer, found)


async def facts_of(reader: Reader, run_number: int) -> RunFacts | None:
    """Ids of a run by its number, from the API as the caller; None where it knows no runs (11)."""
    answer = await reader.api(runs_path(reader.repo, run_number=run_number, page=1, limit=1))
    if answer.status != 200:
        await absent(answer, f"run {run_number} of {reader.repo}")
        return None
    run = await numbered(answer, run_number)
    return RunFacts(run["id"], run_number, run["repository"]["id"], run["repository"]["owner"]["id"]) if run else None


async def numbered(answer: Answer, run_number: int) -> dict[str, Any] | None:
    """The run with that number in the API's answer, a list of that run; None if it is empty. Raises ShimError."""
    return read_run_numbered(await whole(answer, JSON_LIMIT, "the API's run"), run_number)


def moving(reader: Reader, found: Found) -> NotNow:
    """The error for a job whose row or attempts go on changing."""
    return NotNow(
        f"the jobs of run {found.at.run_number} in {reader.repo} change too fast to be read; try again",
        cause="rows-moving",
    )


async def _attempts(viewer: Viewer, found: Found) -> list[Told] | None:
    """The attempts that a runner has taken, oldest first; None if the job's row moved."""
    attempts = sorted(found.state.attempts or ())
    rows = attempts if found.state.has_attempts else [(None, found.job.status)]
    told: list[Told] = []
    for number, status in rows:
        asked = await viewer.download(found.at, number, FIRST_BYTE, patient=False)
        await asked.answer.close()
        if viewer.server.dialect.download_has_attempt is False and number not in (None, found.state.newest):
            asked = replace(asked, page=Page.STRANGE)  # the latest attempt's (13.0.0 to 13.0.3)
        part = part_of(asked.answer.headers) if asked.page is Page.LOG else None
        view = await viewer.view(found.job.id, found.at, number, {})
        if view is None:
            return None
        counted = part is not None and part[2] <= COUNTED
        cursors = dict.fromkeys(range(len(view.steps)), 0 if counted else BEYOND)
        if cursors:
            view = await viewer.view(found.job.id, found.at, number, cursors)
            if view is None:
                return None
        if asked.page is Page.LOG and not is_log_of(asked.answer.headers, found.job):
            raise PageChanged(f"the download of job {found.job.id} in {viewer.repo} names another job; try again")
        one = Told(number, status, asked, part[2] if counted and part else None, view)
        if _was_taken(one, found):
            told.append(one)
    return told


def _was_taken(told: Told, found: Found) -> bool:
    """Whether a runner has taken this attempt. From 15.0.3 on, the attempts list one that none has taken: the newest,
    without a beginning. While it waits, no download of the job is to be had (trap 5)."""
    if told.has_task or told.number is None:
        return told.has_task
    return told.number != found.state.newest or told.number in told.view.started


async def _json(
    viewer: Viewer, found: Found, facts: RunFacts | None, shown: int | None, told: list[Told]
) -> dict[str, Any]:
    current = told[-1] if told and told[-1].number in (None, found.state.newest) and told[-1].has_task else None
    row = Attempted(
        found.job,
        shown,
        has_task=current is not None,
        task=current.asked.task if current and current.asked.page is Page.LOG else 0,
        headers=Headers(),
    )
    job = as_contract(row, found.state, facts or NO_FACTS)
    if facts is None:
        for name in ("run_id", "repo_id", "owner_id"):
            del job[name]
    job["run_number"] = found.at.run_number
    if current:
        job |= _times(_start(current), current.view.duration, found.job.status)
    if told or await _never_taken(viewer, found, shown):
        job["attempts"] = [_attempt(attempt) for attempt in told]
    return job


async def _never_taken(viewer: Viewer, found: Found, shown: int | None) -> bool:
    """Whether it is certain that no runner has ever taken the job. The web tells little of one that none has now."""
    if found.state.attempts:
        return True  # all are listed, and none was taken
    if found.state.counts_on_request:
        return shown == 1
    taken = await attempts_taken(viewer, found.at.run_number, found.state)
    return taken is not None and taken.get(found.job.id) == 0


def _attempt(told: Told) -> dict[str, Any]:
    attempt: dict[str, Any] = {} if told.number is None else {"number": told.number}
    if told.asked.page is Page.LOG:
        attempt["task_id"] = told.asked.task
    attempt["status"] = told.status
    attempt |= _times(_start(told), None, told.status)
    if told.has_task:
        attempt["log_expired"] = told.asked.page is Page.EXPIRED
    lengths = [told.view.lines[n].count for n in range(len(told.view.steps)) if n in told.view.lines]
    counted = told.size is not None and len(lengths) == len(told.view.steps)
    if counted and told.status in FINAL:
        attempt["log_length"] = sum(lengths)
    if told.view.steps:
        attempt["steps"] = [
            _step(n, step, told.view, lengths if counted else None) for n, step in enumerate(told.view.steps)
        ]
    return attempt


def _step(number: int, step: WebStep, view: View, lengths: list[int] | None) -> dict[str, Any]:
    told: dict[str, Any] = {"number": number, "name": step.name, "status": step.status}
    if number in view.lines and view.lines[number].started > 0:
        told |= _times(view.lines[number].started, step.duration, step.status)
    if lengths is not None:
        told |= {"log_index": sum(lengths[:number]), "log_length": lengths[number]}
    return told


def _start(told: Told) -> int:
    """When an attempt began: its first step began then too (modules/actions/task_state.go, 11.0.15 to 16)."""
    first = told.view.lines[0].started if 0 in told.view.lines else 0
    return first if first > 0 else int(seconds(re.sub(r"Z\Z", "+00:00", told.view.started.get(told.number or 0, ""))))


def _times(started: int, lasted: int | None, status: str) -> dict[str, str]:
    """`started`, and `stopped` of what is over; what is unset or unknown is left out."""
    if started <= 0:
        return {}
    times = {"started": _moment(started)}
    if lasted is not None and status in FINAL:
        times["stopped"] = _moment(started + lasted)
    return times


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
