"""Parts of a log: its last lines (`tail`), the lines of one step (`step`); and what holds several reads of a log to one
attempt, for `follow` too.

Rules: the bytes are the download's, never text of a view. A pinned log is one task's: on the web each answer is proved
by its file name (flows/joblog.py); natively the attempt is named in every request, and a job has one task for each. The
current attempt's number is told by the job, or by its run's jobs, read as the caller; a file's time or length proves
nothing. What cannot be is 416, as a range that cannot: `tail` below 1, a `step` that is no number, two of them at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..contract import JOB_LOGS, Operation, as_caller, error_of, number, run_jobs_path, runs_path
from ..errors import NoLog, NotExecuted, NotNow, NotThere, PageChanged
from ..models import JobPlan, Location, RunState, View, WebJob
from ..web import FINAL, is_line, part_of, read_job, read_jobs, read_runs
from .job import Viewer
from .joblog import open_log
from .locate import locate
from .net import CHUNK, JSON_LIMIT, Answer, Broken, Net, Reply, beginning, whole
from .pages import HAND_OVER, Reader
from .runjobs import relay

TEXT = ("Content-Type", "text/plain; charset=utf-8")
FIRST = 64 * 1024  # bytes of the end of a log that are read first
BLOCK = 1024 * 1024  # bytes of a log that are looked through at once
MAX_TAIL = 1_000_000  # lines
ROW_MIN = 29  # bytes of the shortest row: its time, a space, a line feed
FEW = 4096  # lines that may as well be given as counted


class Relayed(Exception):
    """An answer of the API that the caller gets as it is."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Log(Protocol):
    """A log to be read in several pieces, all of one task from `pin` on."""

    async def open(self, ranges: str) -> Answer:
        """The log, or the bytes of it that `Range` names: 200, 206 or 416. Raises ShimError, Relayed."""
        ...

    async def pin(self) -> None:
        """Hold every later `open` to one task."""
        ...

    async def is_over(self) -> bool:
        """Whether the pinned attempt has its final status."""
        ...


class WebLog:
    """A log of the web UI. It is pinned by its first `open`, whose task every later one must have."""

    def __init__(self, reader: Reader, job_id: int, attempt: int | None) -> None:
        self.reader = reader
        self.job_id = job_id
        self.attempt = attempt
        self.task: int | None = None

    async def open(self, ranges: str) -> Answer:
        """As in `Log`; an error if the job was run again meanwhile."""
        opened = await open_log(self.reader, self.job_id, self.attempt, [("Range", ranges)] if ranges else [])
        if self.task not in (None, opened.task):
            await opened.answer.close()
            raise _another(self.job_id)
        self.task, self.attempt = opened.task, opened.attempt or self.attempt
        return opened.answer

    async def pin(self) -> None:
        """Nothing to do: see above."""

    async def is_over(self) -> bool:
        """As in `Log`."""
        found = await locate(self.reader, self.job_id)
        told = dict(found.state.attempts or ()).get(self.attempt or 0)
        if told is None and found.state.has_attempts and found.state.attempts is None:
            return True  # a rerun waits: a job is run again only when it is over
        return (told or found.job.status) in FINAL


class NativeLog:
    """A log of the server's own operation, asked as the caller. Only a named attempt is always the same task."""

    def __init__(self, net: Net, reader: NativeReader, operation: Operation) -> None:
        self.net = net
        self.reader = reader
        self.operation = operation
        self.attempt = operation.attempt

    async def open(self, ranges: str) -> Answer:
        """As in `Log`."""
        path = as_caller(self.operation.log_path(self.attempt), self.operation.query)
        for last in (False, True):
            answer = await self.net.ask("GET", path, [("Range", ranges)] if ranges else [])
            if answer.status in (200, 206, 416):
                return answer
            if answer.status != 500 or last:
                break
            await answer.close()
            await self.net.sleep(HAND_OVER)  # just moved to storage, perhaps
        raise await _refused(answer, f"the log of job {self.operation.id}")

    async def pin(self) -> None:
        """As in `Log`."""
        if self.attempt is None:
            plan = await self.reader.plan(self.operation)
            if not plan.task_id:
                raise NotExecuted
            self.attempt = plan.attempt

    async def is_over(self) -> bool:
        """As in `Log`."""
        plan = await self.reader.plan(self.operation)
        return plan.attempt != self.attempt or plan.status in FINAL


class NativeReader(Reader):
    """Reads runs and their jobs from the API as the caller, so that a job is found without the web UI."""

    def __init__(self, reader: Reader, query: str, tells_job: bool) -> None:
        super().__init__(reader.net, reader.server, reader.repo, query)
        self.tells_job = tells_job
        self._plans: dict[int, JobPlan] = {}
        self._ids: dict[int, int] = {}

    async def plan(self, operation: Operation) -> JobPlan:
        """The job's current attempt and status, read anew. Raises NotThere, SearchLimit, Relayed."""
        if self.tells_job:
            answer = await self.api(operation.job_path())
            if answer.status != 200:
                raise Relayed(await relay(answer, operation) or Reply(404, [], b""))
            return read_job(await whole(answer, JSON_LIMIT, "the API's job"))
        await locate(self, operation.id)
        return self._plans[operation.id]

    async def latest_number(self) -> int | None:
        """The newest run's number, or None."""
        runs = await self._runs(page=1, limit=1)  # newest first from 15 on
        return next((int(run["index_in_repo"]) for run in runs), None)

    async def state(self, at: Location) -> RunState | None:
        """The state of a run's job as the API tells it, or None if there is no such run."""
        number = at.run_number
        if number not in self._ids:
            self._ids |= {
                run["index_in_repo"]: run["id"] for run in await self._runs(run_number=number, page=1, limit=1)
            }
        if number not in self._ids:
            return None
        jobs = read_jobs(await self._json(run_jobs_path(self.repo, self._ids[number])))
        for index, job in enumerate(jobs):
            self._plans[job["id"]] = JobPlan(job["attempt"], job["task_id"], job["status"], {})
            self.kept.put_location(job["id"], Location(number, index))
        rows = tuple(WebJob(job["id"], job["name"], job["status"]) for job in jobs)
        return RunState(rows, None, has_attempts=True, counts_on_request=True) if rows else None

    async def _runs(self, **query: int) -> list[dict[str, Any]]:
        return read_runs(await self._json(runs_path(self.repo, **query)))[0]

    async def _json(self, path: str) -> bytes:
        answer = await self.api(path)
        if answer.status != 200:
            raise await _refused(answer, f"the runs of {self.repo}")
        return await whole(answer, JSON_LIMIT, "an answer of the API")


async def _refused(answer: Answer, what: str) -> Exception:
    """What to raise for an answer of the API: a refusal is the caller's as it is, a failure is the shim's to tell."""
    body, kind = await beginning(answer), answer.headers.get("Content-Type")
    error = error_of(answer.status, kind, body, what, JOB_LOGS)
    if isinstance(error, NoLog):
        return NoLog()
    if answer.status < 500 and answer.status != 429:
        return Relayed(Reply(answer.status, answer.headers.only("Content-Type"), body))
    return error


async def log_part(viewer: Viewer, operation: Operation, log: Log) -> Reply:
    """`tail` or `step` of a log. Raises ShimError, Relayed."""
    parts = operation.parts
    if len(parts) > 1:
        return no_range("step, tail and follow exclude each other")
    name, text = next(iter(parts.items()))
    if not (text.isascii() and text.isdecimal()) or not int(name == "tail") <= number(text) <= MAX_TAIL:
        return no_range(f"{name} is a number from {int(name == 'tail')} to {MAX_TAIL}")
    return await (tail(log, number(text)) if name == "tail" else step(viewer, operation, log, number(text)))


def no_range(reason: str) -> Reply:
    """The answer to a part that cannot be: as to a range that cannot."""
    return Reply(416, [TEXT], f"invalid range: {reason}\n".encode())


async def tail(log: Log, count: int) -> Reply:
    """The last `count` lines: out of the log's last bytes if they are in there, else from where they begin."""
    data, start, _ = await _end(log, min(max(FIRST, count * 128), BLOCK))
    begin = _last_lines(data, count)
    if begin is not None or start == 0:
        return Reply(200, [TEXT], data[begin or 0 :])
    await log.pin()
    data, start, size = await _end(log, BLOCK)
    missing = count + data.endswith(b"\n")  # line feeds from the end to the one before the first line
    while (inside := data.count(b"\n")) < missing and start:
        missing -= inside
        begin = max(0, start - BLOCK)
        data, start = await _block(log, begin, start), begin
    if inside >= missing:
        start += nth(data, inside - missing + 1) + 1
    answer = await log.open(f"bytes={start}-{size - 1}")
    if (part_of(answer.headers) or ())[:2] != (start, size - 1):
        await answer.close()
        raise _changed()
    return Reply(200, [TEXT, ("Content-Length", str(size - start))], answer)


async def _end(log: Log, length: int) -> tuple[bytes, int, int]:
    """The last bytes of a log, where they begin, and its size. A log without a byte has no range at all."""
    answer = await log.open(f"bytes=-{length}")
    part = part_of(answer.headers)
    if answer.status == 416 or (answer.status == 200 and answer.headers.get("Content-Length") == "0"):
        await answer.close()
        return b"", 0, 0
    if answer.status != 206 or part is None:
        await answer.close()
        raise PageChanged("the end of a log was asked for, and something else came")
    return await whole(answer, length, "the end of a log"), part[0], part[2]


async def _block(log: Log, start: int, stop: int) -> bytes:
    answer = await log.open(f"bytes={start}-{stop - 1}")
    part = part_of(answer.headers)
    data = await whole(answer, BLOCK, "a part of a log")
    if part is None or part[:2] != (start, stop - 1) or len(data) != stop - start:
        raise _changed()
    return data


def _last_lines(data: bytes, count: int) -> int | None:
    """Where the last `count` lines of `data` begin; None if that is before it."""
    missing = count + data.endswith(b"\n") - data.count(b"\n")
    return None if missing > 0 else nth(data, 1 - missing) + 1


def nth(data: bytes, number: int) -> int:
    """Where the line feed of that number (1-based) is in `data`, which has so many."""
    at = -1
    for _ in range(number):
        at = data.index(b"\n", at + 1)
    return at


@dataclass(frozen=True)
class Slice:
    """The lines of a step in a log: how many come before it, how many it has, and, where a view told, the line before
    it and its own last one, to hold the log against. `is_over`: there will be no more."""

    first: int
    count: int
    before: tuple[float, str] | None = None
    last: tuple[float, str] | None = None
    is_over: bool = True


async def step(viewer: Viewer, operation: Operation, log: Log, wanted: int) -> Reply:
    """The lines of one step (0-based)."""
    answer: Answer | None = None
    if isinstance(log, NativeLog):
        found = await _planned(viewer, operation, log, wanted)
    else:
        answer, found = await _seen(viewer, operation, log, wanted)
    try:
        answer = answer or await log.open("")
        if answer.status != 200:
            raise _changed()
        row, rest = await _skip(answer, found.first) if found.count else (b"", b"")
        if found.count and found.before and not is_line(row, found.before):
            raise PageChanged(f"the log of job {operation.id} is not divided as its steps are counted")
    except BaseException:
        if answer:
            await answer.close()
        raise
    if not found.count:
        await answer.close()
        return Reply(200, [TEXT], b"")
    return Reply(200, [TEXT], _lines(answer, rest, found), begun=answer)


async def _planned(viewer: Viewer, operation: Operation, log: NativeLog, wanted: int) -> Slice:
    """The step as the server tells it, or, where it has no such operation, as its web UI counts it."""
    if not log.reader.tells_job:
        place = await locate(viewer, operation.id)
        if log.attempt is None and place.job.status in ("waiting", "blocked"):
            raise NotExecuted
        if log.attempt is None:
            log.attempt = place.state.newest
        return await _counted(viewer, operation.id, place.at, log.attempt, wanted, await _size(log))
    plan = await log.reader.plan(operation)
    if log.attempt is None and not plan.task_id:
        raise NotExecuted
    if log.attempt is None:
        log.attempt = plan.attempt
    status, steps = plan.attempts.get(log.attempt, ("", ()))
    if not steps:
        await (await log.open("bytes=0-0")).close()  # its refusal says more
    if wanted >= len(steps):
        raise _no_step(operation.id, wanted, len(steps))
    return Slice(*steps[wanted], is_over=status in FINAL)


async def _seen(viewer: Viewer, operation: Operation, log: Log, wanted: int) -> tuple[Answer, Slice]:
    """The open download and the step as a view of the same attempt counts it."""
    answer = await log.open("")
    try:
        at = viewer.kept.location(operation.id)
        attempt = getattr(log, "attempt", None)
        if at is None:
            raise _another(operation.id)
        if attempt is None and viewer.server.dialect.view_has_attempt:
            attempt = await viewer.shown_attempt(at)
        size = int(answer.headers.get("Content-Length") or 0)
        found = await _counted(viewer, operation.id, at, attempt, wanted, size)
        if not viewer.server.dialect.download_has_attempt:  # the current attempt's alone: still the same one
            await (await log.open("bytes=0-0")).close()
        return answer, found
    except BaseException:
        await answer.close()
        raise


async def _size(log: Log) -> int:
    answer = await log.open("bytes=0-0")
    await answer.close()
    part = part_of(answer.headers)
    return part[2] if part else 0


async def _counted(viewer: Viewer, job_id: int, at: Location, attempt: int | None, wanted: int, size: int) -> Slice:
    lengths: dict[int, int] = {}
    view = await _view(viewer, job_id, at, attempt, {})
    if not view.steps:
        raise NotNow(
            f"attempt {attempt} of job {job_id} cannot be read while its rerun waits for a runner; try again later",
            cause="rerun-waits",
            retry_after=10,
        )
    if wanted >= len(view.steps):
        raise _no_step(job_id, wanted, len(view.steps))
    bound = size // ROW_MIN + 1
    cursor = bound if bound > FEW else 0
    while missing := [n for n in range(wanted + 1) if n not in lengths]:
        view = await _view(viewer, job_id, at, attempt, dict.fromkeys(missing, cursor))
        lengths |= {n: view.lines[n].count for n in missing if view.lines[n].lines or not cursor}
        cursor = min(max(cursor * 7 // 8, cursor - 100_000), bound - sum(lengths.values()))
        cursor = cursor if cursor > FEW else 0
    before = max((n for n in range(wanted) if lengths[n]), default=None)
    ends = {n: lengths[n] - 1 for n in (before, wanted) if n is not None and lengths[n]}
    view = await _view(viewer, job_id, at, attempt, ends)
    lasts = {n: view.lines[n].lines[0] for n in ends if view.lines[n].lines}
    return Slice(
        sum(lengths[n] for n in range(wanted)),
        lengths[wanted],
        None if before is None else lasts.get(before),
        lasts.get(wanted),
        view.steps[wanted].status in FINAL,
    )


async def _view(viewer: Viewer, job_id: int, at: Location, attempt: int | None, cursors: dict[int, int]) -> View:
    """A view with every step that was asked for; an expired log's steps are left out."""
    view = await viewer.view(job_id, at, attempt, cursors)
    if view is None:
        raise _another(job_id)
    if cursors.keys() - view.lines.keys():
        raise PageChanged(f"the view of job {job_id} lacks the lines of a step that it lists")
    return view


async def _skip(answer: Answer, count: int) -> tuple[bytes, bytes]:
    """Read past `count` lines: the last of them, and what was read behind it."""
    data = b""
    while (inside := data.count(b"\n")) < count or not count:
        if not count:
            return b"", data
        kept = data.rfind(b"\n") + 1
        count, data = count - inside, data[kept:]
        more = await answer.read(CHUNK)
        if not more:
            raise PageChanged("a log has fewer lines than its steps together; try again")
        data += more
    end = nth(data, count)
    return data[data.rfind(b"\n", 0, end) + 1 : end + 1], data[end + 1 :]


async def _lines(answer: Answer, data: bytes, wanted: Slice) -> AsyncIterator[bytes]:
    """The step's lines. Raises Broken if the log ends before they do, or its last line is another."""
    count = wanted.count
    try:
        while (inside := data.count(b"\n")) < count:
            end = data.rfind(b"\n") + 1
            if end:
                yield data[:end]
            count, data = count - inside, data[end:]
            more = await answer.read(CHUNK)
            if not more and wanted.is_over:
                raise Broken("the log ends before its step does")
            if not more:
                return
            data += more
        end = nth(data, count)
        if wanted.last and not is_line(data[data.rfind(b"\n", 0, end) + 1 : end + 1], wanted.last):
            raise Broken("the step ends with another line than its view shows")
        yield data[: end + 1]
    finally:
        await answer.close()


def _no_step(job_id: int, wanted: int, count: int) -> NotThere:
    return NotThere(f"job {job_id} has no step {wanted}; its steps are 0 to {count - 1}", cause="step-not-found")


def _another(job_id: int) -> NotNow:
    return NotNow(f"job {job_id} changed while its log was read; try again", cause="rows-moving")


def _changed() -> PageChanged:
    return PageChanged("a part of a log was asked for, and another came; try again")
