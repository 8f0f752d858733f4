"""The lines of a log that tell of one of its steps: those around its end, and around its beginning.

Rules: where a step is, its times say; a second can hold rows of two steps. Where the number of lines behind the step is
known, its end is exact. Nothing is proved here: the log is pinned, and a window that is not the step's is still the
job's. At most half of what may be read is the step's end, an eighth its beginning (bounded_log.py).
"""

from __future__ import annotations

from ..rows import first_row, last_lines, row_matches
from .bounded_log import BoundedLog, written
from .failed_step import FailedStep


async def step_window(log: BoundedLog, told: FailedStep | None) -> list[bytes]:
    """The lines of the step that failed, in order and in at most two pieces: where it began, and its end. Without a
    step that is known, the end of the log. Of a step without a line, what is behind it. Raises ShimError."""
    if told is None or told.step is None:
        return [await _rows(log, log.size - log.most * 3 // 4, log.size)]
    times, end = told.step.times, _counted_end(log, told)
    length = None if end is None else told.step.log_length
    if end is None:
        end = await log.first(times.stopped + 1, log.size) if times.stopped else log.size
    if end is None or length == 0:
        return [await _rows(log, max(end or 0, log.size - log.most // 2), log.size)]
    data = await _rows(log, end - log.most // 2, end)
    if length is not None and (at := last_lines(data, length)) is not None:
        return [data[at:]]
    first, at = first_row(data), first_row(data, written(times.started))
    if len(data) >= end or not times.started or first is None or (at is not None and at > first):
        return [data[at or 0 :]]
    begin = await log.first(times.started, end - len(data))
    if begin is None:
        return [data]
    beginning = await log.between(begin, min(begin + log.most // 8, end - len(data)))
    return [beginning[: beginning.rfind(b"\n") + 1], data]


def _counted_end(log: BoundedLog, told: FailedStep) -> int | None:
    """Where the step ends by the number of the lines behind it; None if that is not known, or not so."""
    if told.behind is None:
        return None
    if told.behind == 0:
        return log.size
    at = last_lines(log.end, told.behind)
    if at is None or (at == 0 and log.start):
        return None
    row = log.end[at : log.end.find(b"\n", at) + 1]
    return log.start + at if told.next_line is None or row_matches(row, told.next_line) else None


async def _rows(log: BoundedLog, start: int, stop: int) -> bytes:
    """The whole rows from `start` to before `stop`."""
    data = await log.between(max(0, start), stop)
    return data if start <= 0 else data[data.find(b"\n") + 1 :]
