"""Opening the log of one attempt of one job, with the proof that it is that one.

Rules: bytes flow only if the job's id was seen at the place they are read from. First proof: state, download opened,
state again, and both list the id at the same index. For an hour from then on the download's file name is the proof:
the task id in it belongs to one attempt of one job (an hour, since a server restored from a backup gives ids anew).
Without `attempt` the log is the latest attempt's, asked for anew each time. Costs: 1 request warm where the attempt is
given or the route has none, 2 where the latest is asked.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
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
from ..models import Location, Pairs
from ..transport import Answer
from ..webui.asking import PageAnswer
from ..webui.grammar import Page, file_name, is_log_of
from ..webui.reader import Reader
from .attempts_taken import attempts_taken
from .find_job import Place, find_job, look
from .run_jobs import TRIES, rows_moving

# What a download says where there is no log, and the error that it stands for.
NO_LOG = {Page.EXPIRED: Expired, Page.NO_LOG_FILE: NoLog, Page.NOT_STARTED: NotExecuted}


@dataclass
class OpenLog:
    """A proven log: the open download, its task id, and its attempt (None where the server does not tell)."""

    answer: Answer
    task: int
    attempt: int | None


async def open_log(reader: Reader, job_id: int, attempt: int | None, ranges: Pairs = ()) -> OpenLog:
    """Open a job's log; `attempt` None for the latest. Raises ShimError with the cause that 16 would give.

    Of the caller's conditions, `ranges` alone goes to the download: with `If-Match` it never ends, and
    `If-Modified-Since` it ignores.
    """
    if known := await _known(reader, job_id, attempt):
        with suppress(ShimError):  # the cold path finds out why, and says so
            if opened := await _again(reader, known, ranges):
                return opened
    for _ in range(TRIES):
        place = await find_job(reader, job_id)
        if opened := await prove(reader, place, attempt, ranges):
            return opened
    raise rows_moving(reader, place.at.run_number)


@dataclass
class Known:
    """Where a job's log was proved to be, its attempt, and the file name that proves it again."""

    at: Location
    attempt: int | None
    file_name: str
    asks_latest: bool


async def _known(reader: Reader, job_id: int, attempt: int | None) -> Known | None:
    """What is kept of this attempt's log, if that is enough to prove it by its file name."""
    at, latest = await reader.facts.last_read(job_id)
    by_attempt = reader.server.dialect.download_has_attempt
    if at is None or (attempt is not None and not by_attempt):
        return None
    asks_latest = attempt is None and bool(by_attempt)
    wanted = latest if asks_latest else attempt
    if asks_latest and wanted is None:
        return None
    proved = await reader.facts.file(job_id, wanted, reader.net.now())
    return None if proved is None else Known(at, wanted, proved, asks_latest)


async def _again(reader: Reader, known: Known, ranges: Pairs) -> OpenLog | None:
    """The log that was proved, if the download is that one again and, if that is asked for, of the latest attempt."""
    # Asked while the download opens, which names its attempt: that was the latest one while the caller waited.
    asking = reader.net.beside(reader.redirected_attempt(known.at)) if known.asks_latest else nullcontext()
    async with asking as latest:
        page = await reader.download(known.at, known.attempt, ranges)
        fits = False
        try:
            same = page.kind is Page.LOG and file_name(page.answer.headers) == known.file_name
            fits = same and (latest is None or await latest == known.attempt)
        finally:
            if not fits:
                await page.answer.close()
        return OpenLog(page.answer, page.task, known.attempt) if fits else None


async def prove(reader: Reader, place: Place, attempt: int | None, ranges: Pairs) -> OpenLog | None:
    """Open the log of a job just located, and prove it; None if its row moved meanwhile. Raises ShimError."""
    wanted = await _wanted(reader, place, attempt)
    page = await reader.download(place.at, wanted, ranges)
    try:
        moved = page.kind in (Page.NO_RUN, Page.NO_JOBS) or (page.kind is Page.NO_ATTEMPT and attempt is None)
        if moved or not await _still_there(reader, place, attempt, page):
            await page.answer.close()
            return None
        if page.kind is Page.NOT_STARTED and attempt is not None:
            raise await _waiting(reader, place, attempt)
        return await _read(reader, place, attempt, wanted, page)
    except BaseException:
        await page.answer.close()
        raise


async def _wanted(reader: Reader, place: Place, attempt: int | None) -> int | None:
    """The attempt to ask the download for: the one given, else the newest; None where there are no attempts."""
    state, job = place.state, place.job
    if attempt is not None and attempt < 1:
        raise attempt_not_found(job.id, attempt)
    if not state.has_attempts:
        if attempt is not None:
            raise not_provable(job.id, attempt, "its web UI does not number attempts")
        return None
    if state.attempts is None:
        if attempt is None:
            raise NotExecuted
        raise await _waiting(reader, place, attempt)
    if attempt is None:
        return state.newest or 1
    if attempt not in [number for number, _ in state.attempts]:
        raise attempt_not_found(job.id, attempt)
    return attempt


async def _still_there(reader: Reader, place: Place, attempt: int | None, page: PageAnswer) -> bool:
    """Whether the row is where it was, now that the download is open, and its newest attempt is what it was."""
    latest_only = _latest_only(place, page)
    if reader.server.dialect.needs_token and not (latest_only and attempt is not None):
        return True  # up to 13, rows do not move
    again = await look(reader, place.job.id, place.at)
    if again is None or again.at != place.at:
        return False
    return (attempt is not None and not latest_only) or again.state.newest == place.state.newest


def _latest_only(place: Place, page: PageAnswer) -> bool:
    """Whether attempts are numbered but the download's route has none (13.0.0 to 13.0.3). The download itself tells;
    what is known of the server's dialect is shared, and may change while this log is read."""
    return place.state.has_attempts and page.by_attempt is False


async def _read(reader: Reader, place: Place, attempt: int | None, wanted: int | None, page: PageAnswer) -> OpenLog:
    """The proven log. Raises ShimError if there is none."""
    job = place.job
    if attempt is not None and _latest_only(place, page) and attempt != place.state.newest:
        raise not_provable(job.id, attempt, "its web UI offers the latest attempt's log only")
    if page.kind in NO_LOG:
        raise NO_LOG[page.kind]
    if page.kind is Page.NOT_A_LOG:
        raise NotNow(f"the log of job {job.id} is just being moved to storage; try again", cause="upstream-busy")
    if page.kind is Page.NO_ATTEMPT:
        raise attempt_not_found(job.id, wanted or 0)
    if not is_log_of(page.answer.headers, job):
        raise PageChanged(f"the download of job {job.id} ({job.name!a}) in {reader.repo} names another job; try again")
    number = wanted if page.by_attempt or attempt is not None else None
    await reader.proved(job.id, number, page.answer.headers, is_latest=attempt is None)
    return OpenLog(page.answer, page.task, number)


async def _waiting(reader: Reader, place: Place, attempt: int) -> ShimError:
    """Why a given attempt of a job that no runner has now is refused: the web UI then refuses every attempt."""
    job = place.job
    if not await _was_taken(reader, place, attempt):
        return attempt_not_found(job.id, attempt)
    return hidden_attempt(job.id, attempt, job.status)


def hidden_attempt(job_id: int, attempt: int | None, status: str) -> ShimError:
    """The error for an attempt of a job whose current one, with this status, no runner has taken."""
    if status in ("waiting", "blocked", "running"):
        return rerun_waits(job_id, attempt)
    return not_provable(job_id, attempt, "its web UI no longer offers the logs of a job whose rerun never started")


def rerun_waits(job_id: int, attempt: int | None) -> NotNow:
    """The error for an attempt that the web UI shows no more, or not yet, while a rerun waits."""
    return NotNow(
        f"attempt {attempt} of job {job_id} cannot be read while its rerun waits for a runner; try again later",
        cause="rerun-waits",
        retry_after=10,
    )


async def _was_taken(reader: Reader, place: Place, attempt: int) -> bool:
    """Whether a runner ever took this attempt. The counter is raised on a rerun's request from 15 on, up to 14 when a
    runner takes the job, and a row that was never taken shows 1 as well (trap 6). In doubt: yes."""
    told = await reader.redirected_attempt(place.at) or 1
    if place.state.counts_on_request:
        return attempt < told
    if attempt > 1 or told > 1:
        return attempt <= told and told > 1
    taken = await attempts_taken(reader, place.at.run_number, place.state)
    return taken is None or taken.get(place.job.id, attempt) >= attempt


def not_provable(job_id: int, attempt: int | None, why: str) -> NotPossible:
    """The error for an attempt whose log the web UI cannot be asked for."""
    return NotPossible(
        f"attempt {attempt} of job {job_id} cannot be had from this server: {why}; leave the attempt out for"
        " the latest log",
        cause="attempt-not-provable",
    )
