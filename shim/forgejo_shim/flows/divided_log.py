"""Which lines of a log are which step's, for all steps of an attempt that is over.

Rules: the server tells which lines a step has, or a view of the web UI counts them by giving those behind a cursor. The
times of rows say about how many a step has, so that a view gives few of them. Lines of no step are in none. Each step's
last line is held against the view's before the log is divided, and again as it is read: one that is not divided as its
steps are counted is not divided at all.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..errors import NotNow, NotPossible, PageChanged, WebAccount
from ..models import FINAL, Attempt, Location, Step
from ..rows import line_feed, row_matches
from ..transport import BrokenBody
from ..webui.reader import Reader
from .attempt_steps import attempt_steps
from .counted_log import CountedLog, count_of, open_whole
from .log_step import StepEnd, StepRange, step_ends, view_of
from .pinned_log import NativeLog, PinnedLog

NO_STEP = -1
FEW = 256  # lines that a view may as well give


@dataclass(frozen=True)
class DividedLog:
    """A counted log with its steps in order and the lines of each; none if they cannot be told."""

    log: CountedLog
    steps: Sequence[Step] = ()
    ranges: Sequence[StepRange] = ()

    async def pieces(self) -> AsyncGenerator[tuple[int, bytes], None]:
        """All lines in order, in pieces of one step each: its index in `steps`, NO_STEP for lines of none. Raises
        PageChanged where a step ends with another line than its view shows, ShimError, BrokenBody."""
        parts = [(n, part) for n, part in enumerate(self.ranges) if part.count]
        cuts = [cut for n, part in parts for cut in ((part.first, NO_STEP), (part.first + part.count, n))]
        row, (until, step), *cuts = 0, *cuts, (sys.maxsize, NO_STEP)
        async for data in self.log.chunks():
            while data:
                while until <= row:
                    (until, step), *cuts = cuts
                whole = data.count(b"\n") < until - row
                end = len(data) if whole else line_feed(data, until - row) + 1
                if not whole and step != NO_STEP:
                    _check(data[data.rfind(b"\n", 0, end - 1) + 1 : end], self.ranges[step])
                yield step, data[:end]
                row, data = row + count_of(data[:end]), data[end:]
        if any(row < end for end, _ in [(until, step), *cuts][:-1]):
            raise BrokenBody("the log ends before its steps do")


def _check(row: bytes, part: StepRange) -> None:
    if part.last and not row_matches(row, part.last):
        raise PageChanged("a step of a job ends with another line than its view shows; try again")


async def divided_log(reader: Reader, log: PinnedLog, at: Location, attempt: int | None) -> DividedLog:
    """The log with its steps, once read. Raises ShimError, BrokenBody."""
    answer = await open_whole(log)
    counted = CountedLog(log)
    try:
        told = await _steps(reader, log, at, attempt)
    except (WebAccount, NotPossible, NotNow):
        told = None
    except BaseException:
        await answer.close()
        raise
    is_over = told is not None and told.status in FINAL
    steps = told.steps if told and is_over else ()
    begun = [step.times.started for step in steps if step.times.started]
    await counted.count(answer, [*begun, *(second + 1 for second in begun)])
    ranges = await _ranges(reader, log, at, attempt, steps, counted) if steps else None
    return DividedLog(counted, steps, ranges) if ranges else DividedLog(counted)


async def _steps(reader: Reader, log: PinnedLog, at: Location, attempt: int | None) -> Attempt | None:
    if isinstance(log, NativeLog) and log.tells_job:
        return (await log.plan()).attempts.get(attempt)
    if reader.server.dialect.view_has_attempt is None:
        await reader.web_run(at)  # which tells
    return await attempt_steps(reader, log.job_id, at, attempt)


async def _ranges(
    reader: Reader, log: PinnedLog, at: Location, attempt: int | None, steps: Sequence[Step], counted: CountedLog
) -> list[StepRange] | None:
    """The lines of each step; None if they cannot be told."""
    if isinstance(log, NativeLog) and log.tells_job:
        told = [StepRange(step.log_index or 0, step.log_length or 0) for step in steps]
        return told if _in_order(told, counted.rows) else None
    try:
        ends = await _ends(reader, log.job_id, at, attempt, steps, counted)
    except (WebAccount, NotPossible, NotNow):
        return None
    firsts = accumulate((end.count for end in ends), initial=0)
    ranges = [StepRange(first, end.count, last=end.last) for first, end in zip(firsts, ends, strict=False)]
    # Lines of no step can be between steps: then nothing tells where a step begins.
    return ranges if await _fits(DividedLog(counted, steps, ranges)) else None


async def _ends(
    reader: Reader, job_id: int, at: Location, attempt: int | None, steps: Sequence[Step], counted: CountedLog
) -> list[StepEnd]:
    """How each step ends, by views that give few lines: each is asked with a cursor in the upper part of what the
    step's length can be, until it has lines behind it."""
    windows, found = _windows(steps, counted), dict[int, StepEnd]()
    while windows:
        left = counted.rows - sum(end.count for end in found.values())
        asked = {n: _cursor(low, min(high, max(0, left))) for n, (low, high) in windows.items()}
        found |= step_ends(await view_of(reader, job_id, at, attempt, asked), asked)
        windows = {n: (low if asked[n] > low else 0, asked[n]) for n, (low, _) in windows.items() if n not in found}
    return [found[n] for n in range(len(steps))]


def _cursor(low: int, high: int) -> int:
    """Where to look for the end of a step with so many lines, that gives few of them: nothing there is an answer too,
    but for cursor 0."""
    return max(0, low - 1 if high - low <= FEW else low + (high - low) * 3 // 4)


def _windows(steps: Sequence[Step], counted: CountedLog) -> dict[int, tuple[int, int]]:
    """How many lines each step has at least and at most, as far as the times of rows tell."""
    begun = [(n, step.times.started) for n, step in enumerate(steps) if step.times.started]
    bounds = [(counted.before[at], counted.before[at + 1]) for _, at in begun]  # a step's first row is between these
    bounds[:1] = [(0, 0)] * bool(bounds)
    found = {n: (0, 0) for n in range(len(steps))}
    for (n, _), (own, following) in zip(begun, pairwise([*bounds, (counted.rows, counted.rows)]), strict=True):
        found[n] = max(0, following[0] - own[1]), max(0, following[1] - own[0])
    return found


def _in_order(ranges: Sequence[StepRange], rows: int) -> bool:
    """Whether the steps' lines are in the log, one step's behind the other's."""
    ends = [0, *(number for part in ranges if part.count for number in (part.first, part.first + part.count)), rows]
    return ends == sorted(ends)


async def _fits(log: DividedLog) -> bool:
    """Whether each step ends where it is counted to end."""
    if sum(part.count for part in log.ranges) > log.log.rows:
        return False
    try:
        async for _ in log.pieces():
            pass
    except PageChanged:
        return False
    return True
