"""The lines of one step of a job, cut out of its log as the server tells, or as a view of the web UI counts them.

Rules: the log's line before the step and the step's last one are held against the view's, so that a log that is not
divided as its steps are counted is an error. A view counts a step's lines by giving those behind a cursor: it is asked
with a cursor that no step can reach, and nearer ones only where that was too near, so that a view gives little.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from ..errors import NotExecuted, NotThere, PageChanged
from ..models import FINAL, Location
from ..rows import line_feed, row_matches
from ..transport import CHUNK, Answer, BrokenBody
from ..webui.grammar import part_of
from ..webui.reader import Reader
from ..webui.values import View
from .find_job import find_job
from .job_log import rerun_waits
from .pinned_log import NativeLog, PinnedLog, another_log, another_part

ROW_MIN = 29  # bytes of the shortest row: its time, a space, a line feed
MAX_EXTRA_LINES = 4096  # lines that may as well be given as counted
NEARER = 100_000  # lines at most by which a cursor goes nearer at once, and so that a view gives


@dataclass(frozen=True)
class StepEnd:
    """How many lines a step has, and its last one as a view gives it."""

    count: int
    last: tuple[float, str] | None


@dataclass(frozen=True)
class StepRange:
    """The lines of a step in a log: how many come before it, how many it has, and, where a view told, the line before
    it and its own last one, to hold the log against. `is_over`: there will be no more."""

    first: int
    count: int
    before: tuple[float, str] | None = None
    last: tuple[float, str] | None = None
    is_over: bool = True


async def log_step(
    reader: Reader, job_id: int, log: PinnedLog, wanted: int
) -> tuple[bytes | AsyncIterator[bytes], Answer | None]:
    """The lines of one step (0-based), and the open answer that they come from."""
    answer: Answer | None = None
    if isinstance(log, NativeLog):
        found = await _step_of_api(reader, job_id, log, wanted)
    else:
        answer, found = await _step_of_web(reader, job_id, log, wanted)
    try:
        answer = answer or await log.open("")
        if answer.status != 200:
            raise another_part()
        if not found.count:
            await answer.close()
            return b"", None
        row, rest = await _skip(answer, found.first) if found.first else (b"", b"")
        if found.before and not row_matches(row, found.before):
            raise PageChanged(f"the log of job {job_id} is not divided as its steps are counted")
    except BaseException:
        if answer:
            await answer.close()
        raise
    return _lines(answer, rest, found), answer


async def _step_of_api(reader: Reader, job_id: int, log: NativeLog, wanted: int) -> StepRange:
    """The step as the server tells it, or, where it has no such operation, as its web UI counts it."""
    if not log.tells_job:
        place = await find_job(reader, job_id)
        if log.attempt is None and place.job.status in ("waiting", "blocked"):
            raise NotExecuted
        if log.attempt is None:
            log.attempt = place.state.newest
        return await _counted(reader, job_id, place.at, log.attempt, wanted, await _size(log))
    plan = await log.plan()
    log.pin_to(plan)
    attempt = plan.attempts.get(log.attempt)
    steps = attempt.steps if attempt else ()
    if not steps:
        await (await log.open("bytes=0-0")).close()  # its refusal says more
    if wanted >= len(steps):
        raise _no_step(job_id, wanted, len(steps))
    index, length = steps[wanted].log_index, steps[wanted].log_length
    if attempt is None or index is None or length is None:
        raise PageChanged(f"the API's job {job_id} does not tell which lines of its log its steps have")
    return StepRange(index, length, is_over=attempt.status in FINAL)


async def _step_of_web(reader: Reader, job_id: int, log: PinnedLog, wanted: int) -> tuple[Answer, StepRange]:
    """The open download and the step as a view of the same attempt counts it."""
    answer = await log.open("")
    try:
        at, attempt = await reader.facts.location(job_id), log.attempt
        if at is None:
            raise another_log(job_id)
        if attempt is None and reader.server.dialect.view_has_attempt:
            attempt = await reader.redirected_attempt(at)
        size = int(answer.headers.get("Content-Length") or 0)
        found = await _counted(reader, job_id, at, attempt, wanted, size)
        if not reader.server.dialect.download_has_attempt:  # the current attempt's alone: still the same one
            await (await log.open("bytes=0-0")).close()
        return answer, found
    except BaseException:
        await answer.close()
        raise


async def _size(log: PinnedLog) -> int:
    answer = await log.open("bytes=0-0")
    await answer.close()
    part = part_of(answer.headers)
    return part[2] if part else 0


async def _counted(reader: Reader, job_id: int, at: Location, attempt: int | None, wanted: int, size: int) -> StepRange:
    view = await view_of(reader, job_id, at, attempt, {})
    if not view.steps:
        raise rerun_waits(job_id, attempt)
    if wanted >= len(view.steps):
        raise _no_step(job_id, wanted, len(view.steps))
    most = size // ROW_MIN + 1  # lines that the log can have
    ends = await count_lines(reader, job_id, at, attempt, range(wanted + 1), most)
    before = max((n for n in range(wanted) if ends[n].count), default=None)
    return StepRange(
        sum(ends[n].count for n in range(wanted)),
        ends[wanted].count,
        None if before is None else ends[before].last,
        ends[wanted].last,
        view.steps[wanted].status in FINAL,
    )


async def count_lines(
    reader: Reader, job_id: int, at: Location, attempt: int | None, steps: Iterable[int], most: int
) -> dict[int, StepEnd]:
    """How each of these steps of an attempt ends, which have at most so many lines together. Raises ShimError."""
    found: dict[int, StepEnd] = {}
    missing = list(steps)
    cursor = most if most > MAX_EXTRA_LINES else 0
    while missing:
        asked = dict.fromkeys(missing, cursor)
        found |= step_ends(await view_of(reader, job_id, at, attempt, asked), asked)
        missing = [n for n in missing if n not in found]
        cursor = min(max(cursor * 7 // 8, cursor - NEARER), most - sum(end.count for end in found.values()))
        cursor = cursor if cursor > MAX_EXTRA_LINES else 0
    return found


def step_ends(view: View, cursors: Mapping[int, int]) -> dict[int, StepEnd]:
    """The ends of those steps of a view whose lines go on behind their cursor, or were asked for from the first on."""
    seen = {n: view.lines[n] for n, cursor in cursors.items() if view.lines[n].lines or not cursor}
    return {n: StepEnd(lines.count, lines.lines[-1] if lines.lines else None) for n, lines in seen.items()}


async def view_of(reader: Reader, job_id: int, at: Location, attempt: int | None, cursors: dict[int, int]) -> View:
    """A view with every step that was asked for; an expired log's steps are left out."""
    view = await reader.view(job_id, at, attempt, cursors)
    if view is None or not view.steps:  # a rerun waits, and hides those before
        raise another_log(job_id)
    if cursors.keys() - view.lines.keys():
        raise PageChanged(f"the view of job {job_id} lacks the lines of a step that it lists")
    return view


async def _skip(answer: Answer, count: int) -> tuple[bytes, bytes]:
    """Read past `count` lines: the last of them, and what was read behind it."""
    data = b""
    while (inside := data.count(b"\n")) < count:
        kept = data.rfind(b"\n") + 1
        count, data = count - inside, data[kept:]
        more = await answer.read(CHUNK)
        if not more:
            raise PageChanged("a log has fewer lines than its steps together; try again")
        data += more
    end = line_feed(data, count)
    return data[data.rfind(b"\n", 0, end) + 1 : end + 1], data[end + 1 :]


async def _lines(answer: Answer, data: bytes, wanted: StepRange) -> AsyncIterator[bytes]:
    """The step's lines. Raises BrokenBody if the log ends before they do, or its last line is another."""
    count = wanted.count
    try:
        while (inside := data.count(b"\n")) < count:
            end = data.rfind(b"\n") + 1
            if end:
                yield data[:end]
            count, data = count - inside, data[end:]
            more = await answer.read(CHUNK)
            if not more and wanted.is_over:
                raise BrokenBody("the log ends before its step does")
            if not more:
                return
            data += more
        end = line_feed(data, count)
        if wanted.last and not row_matches(data[data.rfind(b"\n", 0, end) + 1 : end + 1], wanted.last):
            raise BrokenBody("the step ends with another line than its view shows")
        yield data[: end + 1]
    finally:
        await answer.close()


def _no_step(job_id: int, wanted: int, count: int) -> NotThere:
    return NotThere(f"job {job_id} has no step {wanted}; its steps are 0 to {count - 1}", cause="step-not-found")
