"""Opening the log of one attempt of one job, with the proof that it is that one.

Rules: bytes flow only if the job's id was seen at the place they are read from. First proof: state, download opened,
state again, and both list the id at the same index. For an hour from then on the download's file name is the proof:
the task id in it belongs to one attempt of one job (an hour, since a server restored from a backup gives ids anew).
Without `attempt` the log is the latest attempt's, asked for anew each time. Costs: 1 request warm where the attempt is
given or the route has none, 2 where the latest is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import (
    Expired,
    NoLog,
    NotExecuted,
    NotNow,
    NotPossible,
    PageChanged,
    ShimError,
    attempt_not_found,
)
from ..web import Page, file_name, is_log_of
from .kept import CURRENT
from .locate import Found, locate, look
from .net import Answer
from .pages import Asked, Reader
from .taken import attempts_taken

TRIES = 3  # how often a place that moves while it is read is looked for again


@dataclass
class OpenLog:
    """A proven log: the open download, its task id, and its attempt (None where the server does not tell)."""

    answer: Answer
    task: int
    attempt: int | None


async def open_log(reader: Reader, job_id: int, attempt: int | None, headers: list[tuple[str, str]]) -> OpenLog:
    """Open a job's log; `attempt` None for the latest. Raises ShimError with the cause that 16 would give."""
    if warm := await _warm(reader, job_id, attempt, headers):
        return warm
    for _ in range(TRIES):
        found = await locate(reader, job_id)
        if opened := await prove(reader, found, attempt, headers):
            return opened
    raise NotNow(
        f"the jobs of run {found.at.run_number} in {reader.repo} change too fast to tell job {job_id}'s log for"
        " certain; try again",
        cause="rows-moving",
    )


async def _warm(reader: Reader, job_id: int, attempt: int | None, headers: list[tuple[str, str]]) -> OpenLog | None:
    """The log at the kept place, if its file name is the one that was proved to be this attempt's; else None."""
    at = reader.kept.location(job_id)
    by_attempt = reader.server.dialect.download_has_attempt
    if at is None or (attempt is not None and not by_attempt):
        return None
    asks_latest = attempt is None and by_attempt
    wanted = reader.kept.latest(job_id) if asks_latest else attempt
    proved = reader.file_of(job_id, CURRENT if wanted is None else wanted)
    if proved is None or (asks_latest and wanted is None):
        return None
    try:
        asked = await reader.download(at, wanted, headers)
    except ShimError:
        return None  # the cold path finds out why, and says so
    try:
        fits = asked.page is Page.LOG and file_name(asked.answer.headers) == proved
        # Asked with the download open: it can't be an older attempt's by then, and the server is already sending.
        if fits and (not asks_latest or await reader.shown_attempt(at) == wanted):
            return OpenLog(asked.answer, asked.task, wanted)
    except ShimError:
        pass
    except BaseException:
        await asked.answer.close()
        raise
    await asked.answer.close()
    return None


async def prove(reader: Reader, found: Found, attempt: int | None, headers: list[tuple[str, str]]) -> OpenLog | None:
    """Open the log of a job just located, and prove it; None if its row moved meanwhile. Raises ShimError."""
    wanted = await _wanted(reader, found, attempt)
    asked = await reader.download(found.at, wanted, headers)
    try:
        moved = asked.page in (Page.NO_RUN, Page.NO_JOBS) or (asked.page is Page.NO_ATTEMPT and attempt is None)
        if moved or not await _still_there(reader, found, attempt):
            await asked.answer.close()
            return None
        if asked.page is Page.NOT_STARTED and attempt is not None:
            raise await _waiting(reader, found, attempt)
        return _read(reader, found, attempt, wanted, asked)
    except BaseException:
        await asked.answer.close()
        raise


async def _wanted(reader: Reader, found: Found, attempt: int | None) -> int | None:
    """The attempt to ask the download for: the one given, else the newest; None where there are no attempts."""
    state, job = found.state, found.job
    if attempt is not None and attempt < 1:
        raise attempt_not_found(job.id, attempt)
    if not state.has_attempts:
        if attempt is not None:
            raise _not_provable(found, attempt, "its web UI does not number attempts")
        return None
    if state.attempts is None:
        if attempt is None:
            raise NotExecuted
        raise await _waiting(reader, found, attempt)
    numbers = [number for number, _ in state.attempts]
    if attempt is None:
        return found.state.newest or 1
    if attempt not in numbers:
        raise attempt_not_found(job.id, attempt)
    return attempt


async def _still_there(reader: Reader, found: Found, attempt: int | None) -> bool:
    """Whether the row is where it was, now that the download is open, and its newest attempt is what it was."""
    latest_only = _latest_only(reader, found)
    if reader.server.dialect.needs_token and not (latest_only and attempt is not None):
        return True  # up to 13, rows do not move
    again = await look(reader, found.job.id, found.at)
    if again is None or again.at != found.at:
        return False
    return (attempt is not None and not latest_only) or again.state.newest == found.state.newest


def _latest_only(reader: Reader, found: Found) -> bool:
    """Whether attempts are numbered but the download's route has none (13.0.0 to 13.0.3)."""
    return found.state.has_attempts and reader.server.dialect.download_has_attempt is False


def _read(reader: Reader, found: Found, attempt: int | None, wanted: int | None, asked: Asked) -> OpenLog:
    """The proven log. Raises ShimError if there is none."""
    job = found.job
    if attempt is not None and _latest_only(reader, found) and attempt != found.state.newest:
        raise _not_provable(found, attempt, "its web UI offers the latest attempt's log only")
    if asked.page is Page.EXPIRED:
        raise Expired
    if asked.page is Page.NO_FILE:
        raise NoLog
    if asked.page is Page.SPOILED:
        raise NotNow(f"the log of job {job.id} is just being moved to storage; try again", cause="upstream-busy")
    if asked.page is Page.NO_ATTEMPT:
        raise attempt_not_found(job.id, wanted or 0)
    if asked.page is Page.NOT_STARTED:
        raise NotExecuted
    if not is_log_of(asked.answer.headers, job):
        raise PageChanged(f"the download of job {job.id} ({job.name!a}) in {reader.repo} names another job; try again")
    number = wanted if reader.server.dialect.download_has_attempt or attempt is not None else None
    reader.proved(job.id, number, asked.answer.headers, is_latest=attempt is None)
    return OpenLog(asked.answer, asked.task, number)


async def _waiting(reader: Reader, found: Found, attempt: int) -> ShimError:
    """Why a given attempt of a job that no runner has now is refused: the web UI then refuses every attempt."""
    job = found.job
    if not await _was_taken(reader, found, attempt):
        return attempt_not_found(job.id, attempt)
    if job.status in ("waiting", "blocked", "running"):
        return NotNow(
            f"attempt {attempt} of job {job.id} cannot be read while its rerun waits for a runner; try again later",
            cause="rerun-waits",
            retry_after=10,
        )
    return _not_provable(found, attempt, "its web UI no longer offers the logs of a job whose rerun never started")


async def _was_taken(reader: Reader, found: Found, attempt: int) -> bool:
    """Whether a runner ever took this attempt. The counter is raised on a rerun's request from 15 on, up to 14 when a
    runner takes the job, and a row that was never taken shows 1 as well (trap 6). In doubt: yes."""
    shown = await reader.shown_attempt(found.at) or 1
    if found.state.counts_on_request:
        return attempt < shown
    if attempt > 1 or shown > 1:
        return attempt <= shown and shown > 1
    taken = await attempts_taken(reader, found.at.run_number, found.state)
    return taken is None or taken.get(found.job.id, attempt) >= attempt


def _not_provable(found: Found, attempt: int, why: str) -> NotPossible:
    return NotPossible(
        f"attempt {attempt} of job {found.job.id} cannot be had from this server: {why}; leave the attempt out for"
        " the latest log",
        cause="attempt-not-provable",
    )
