"""A log of which only so many bytes are read: its end, places of it, and where in it a moment is.

Rules: never more than `most` bytes, however long the log is. Rows begin with their time, and times rise: so the moment
is found by looking at some rows, at several places in each request, between which the next request looks.
"""

from __future__ import annotations

import re

from ..rows import ROW, first_row
from ..times import moment
from ..transport import Answer, read_all
from .pinned_log import PinnedLog, read_block, read_end

ROW_MOST = 64 * 1024 + len(ROW) + 1  # bytes of the longest row
PROBE = 1024  # bytes read to see the time of a row
PLACES = 7  # that are looked at in one request
NEAR = 16 * 1024  # bytes that are looked through at once
HEAD = 512  # bytes in front of each part of an answer in parts


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

    def has_second(self, at: int) -> bool:
        """Whether what was written from that second on is all in the end that was read."""
        begins = first_row(self.end)
        return self.start == 0 or (begins is not None and begins != first_row(self.end, written(at)))

    async def first(self, second: int, high: int) -> int | None:
        """Where the first row before `high` begins that was written in that second or later; `high` if there is none,
        None if that takes too many bytes."""
        when = written(second)
        begins, at = first_row(self.end), first_row(self.end, when)
        if self.start == 0 or (begins is not None and begins != at):
            return high if at is None else min(high, self.start + at)
        low, high = 0, min(high, self.start + (begins or 0))
        try:
            while high - low > NEAR:
                low, high = await self._closer(when, low, high)
            found = first_row(await self._probe(low, high), when)
            return low + found if found is not None else (await self._row_from(high))[0] or high
        except _Enough:
            return None

    async def _closer(self, when: bytes, low: int, high: int) -> tuple[int, int]:
        """`low` and `high` nearer to each other: the row at `low` is before `when`, that behind `high` is not."""
        places = [low + (high - low) * number // (PLACES + 1) for number in range(1, PLACES + 1)]
        rows = await self._rows_from(places)
        if not rows:
            middle = (low + high) // 2
            at, row = await self._row_from(middle)
            rows = [(middle, middle if at is None else at, row)]
        for place, at, row in rows:
            if not row or row >= when:
                return low, place
            low = at
        return low, high

    async def _rows_from(self, places: list[int]) -> list[tuple[int, int, bytes]]:
        """Of each place that a row begins at or soon behind: the place, where it begins, and its beginning."""
        self._spend(PROBE * len(places))
        ranges = ", ".join(f"{place}-{place + PROBE - 1}" for place in places)
        found = await _parts(await self._log.open(f"bytes={ranges}"), len(places) * (PROBE + HEAD))
        self.read += sum(map(len, found.values()))
        rows = ((place, first_row(data), data) for place, data in sorted(found.items()) if place in places)
        return [(place, place + at, data[at:]) for place, at, data in rows if at is not None]

    async def _row_from(self, start: int) -> tuple[int | None, bytes]:
        """Where the first row begins from `start` on, None if none does, and its beginning. Raises _Enough."""
        for length in (PROBE, ROW_MOST):
            data = await self._probe(start, min(self.size, start + length))
            if (at := first_row(data)) is not None:
                return start + at, data[at:]
        return None, b""

    async def _probe(self, start: int, stop: int) -> bytes:
        self._spend(stop - start)
        return await self.between(start, stop)

    def _spend(self, count: int) -> None:
        self._for_probes -= count
        if self._for_probes < 0:
            raise _Enough


class _Enough(Exception):
    """To find a moment took as many bytes as it may."""


def written(second: int) -> bytes:
    """How the time of a row of that second begins."""
    return moment(second)[:19].encode()


async def _parts(answer: Answer, limit: int) -> dict[int, bytes]:
    """The parts of an answer in parts (RFC 9110, 14.6), by their first bytes' places; {} for any other answer."""
    kind = re.fullmatch(r"multipart/byteranges; *boundary=\"?([^\";]+)\"?", answer.headers.get("Content-Type"))
    if answer.status != 206 or not kind:
        await answer.close()
        return {}
    body = await read_all(answer, limit, "some parts of a log")
    found = {}
    for part in body.split(b"\r\n--" + kind[1].encode()):
        head, _, data = part.partition(b"\r\n\r\n")
        if told := re.search(rb"(?i)\r\ncontent-range: *bytes (\d{1,18})-", b"\r\n" + head):
            found[int(told[1])] = data
    return found
