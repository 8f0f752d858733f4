"""The lines of a log around the end of one of its steps, and around its beginning: found with few bytes of the log.

Rules: never more than `most` bytes of a log are read, however long it is. Where a step is, its times say: rows begin
with theirs, and they rise, so that halving finds a moment. A second can hold rows of two steps; where the number of
lines behind the step is known, its end is exact. Nothing is proved here: the log is pinned, and a window that is not
the step's is still the job's.
"""

from __future__ import annotations

from ..rows import ROW, first_row, last_lines, row_matches
from ..times import moment
from .failed_step import FailedStep
from .pinned_log import PinnedLog, read_block, read_end

ROW_MOST = 64 * 1024 + len(ROW) + 1  # bytes of the longest row
PROBE = 2 * 1024  # bytes read to see the time of a row
NEAR = 16 * 1024  # bytes that are looked through when halving is done


class BoundedLog:
    """A pinned log of which at most `most` bytes are read; `read` were. `end` are its last ones, from `start` on, and
    `size` is that of all."""

    def __init__(self, log: PinnedLog, most: int) -> None:
        self.most = most
        self.read = 0
        self.end = b""
        self.start = self.size = 0
        self._log = log
        self._for_probes = most // 8

    async def open(self) -> None:
        """Read its end. Raises ShimError."""
        self.end, self.start, self.size = await read_end(self._log, max(1, self.most // 8))
        self.read = len(self.end)

    async def between(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, of which those at the end are there already."""
        kept = self.end[max(0, start - self.start) : max(0, stop - self.start)]
        if start >= min(stop, self.start):
            return kept
        data = await read_block(self._log, start, min(stop, self.start))
        self.read += len(data)
        return data + kept

    def has_moment(self, at: int) -> bool:
        """Whether what was written from the second `at` on is all in the end that was read."""
        begins = first_row(self.end)
        return self.start == 0 or (begins is not None and begins != first_row(self.end, _second(at)))

    async def first(self, when: bytes, high: int) -> int | None:
        """Where the first row before `high` begins that is not before `when`; `high` if there is none, None if that
        takes too many bytes."""
        begins, at = first_row(self.end), first_row(self.end, when)
        if self.start == 0 or (begins is not None and begins != at):
            return high if at is None else min(high, self.start + at)
        low, high = 0, min(high, self.start + (begins or 0))
        try:
            while high - low > NEAR:
                middle = (low + high) // 2
                at, data = await self._row_from(middle)
                if at is None or data >= when:
                    high = middle
                else:
                    low = at
            found = first_row(await self._probe(low, high), when)
            return low + found if found is not None else (await self._row_from(high))[0] or high
        except _Enough:
            return None

    async def _row_from(self, start: int) -> tuple[int | None, bytes]:
        """Where the first row begins from `start` on, None if none does, and its beginning. Raises _Enough."""
        for length in (PROBE, ROW_MOST):
            data = await self._probe(start, min(self.size, start + length))
            if (at := first_row(data)) is not None:
                return start + at, data[at:]
        return None, b""

    async def _probe(self, start: int, stop: int) -> bytes:
        self._for_probes -= stop - start
        if self._for_probes < 0:
            raise _Enough
        return await self.between(start, stop)


class _Enough(Exception):
    """To find a moment took as many bytes as it may."""


async def step_window(log: BoundedLog, told: FailedStep | None) -> list[bytes]:
    """The lines of the step that failed, in order and in at most two pieces: where it began, and its end. Without a
    step that is known, the end of the log. Of a step without a line, what is behind it. Raises ShimError."""
    if told is None or told.step is None:
        return [await _rows(log, log.size - log.most * 3 // 4, log.size)]
    times, end = told.step.times, _counted_end(log, told)
    length = None if end is None else told.step.log_length
    if end is None:
        end = await log.first(_second(times.stopped + 1), log.size) if times.stopped else log.size
    if end is None or length == 0:
        return [await _rows(log, max(end or 0, log.size - log.most // 2), log.size)]
    data = await _rows(log, end - log.most // 2, end)
    if length is not None and (at := last_lines(data, length)) is not None:
        return [data[at:]]
    began, first = _second(times.started), first_row(data)
    at = first_row(data, began)
    if len(data) >= end or not times.started or first is None or (at is not None and at > first):
        return [data[at or 0 :]]
    begin = await log.first(began, end - len(data))
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


def _second(at: int) -> bytes:
    """A second as rows have it, without its fraction."""
    return moment(at)[:19].encode()
