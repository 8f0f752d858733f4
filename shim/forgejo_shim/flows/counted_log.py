"""A pinned log whose lines were counted, and which is then read again, in chunks of whole lines.

Rules: a log of up to `KEPT` bytes is read once and held, a longer one each time anew and never held. How many lines
come before those of a second is counted too, since rows begin with their time; times may not rise, so that is a guess.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

from ..rows import first_row
from ..transport import CHUNK, Answer
from .bounded_log import written
from .pinned_log import PinnedLog, another_part

KEPT = 4 * 1024 * 1024  # bytes


class CountedLog:
    """`rows` are its lines, `before` those before the first line that was written in that second or later."""

    def __init__(self, log: PinnedLog) -> None:
        self.rows = 0
        self.before: dict[int, int] = {}
        self._log = log
        self._kept: list[bytes] | None = []

    async def count(self, answer: Answer, seconds: Iterable[int]) -> None:
        """Count its lines, and those before each of these seconds; `answer` is the log, open. Raises BrokenBody."""
        wanted, size = sorted(set(seconds)), 0
        async with aclosing(whole_lines(answer)) as chunks:
            async for data in chunks:
                size += len(data)
                if self._kept is not None:
                    self._kept.append(data)
                if size > KEPT:
                    self._kept = None
                self._note(data, wanted)
        self.before |= dict.fromkeys(wanted, self.rows)

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, in chunks of whole lines. Raises ShimError, BrokenBody."""
        if self._kept is not None:
            for data in self._kept:
                yield data
            return
        async with aclosing(whole_lines(await open_whole(self._log))) as chunks:
            async for data in chunks:
                yield data

    def _note(self, data: bytes, wanted: list[int]) -> None:
        last = data[data.rfind(b"\n", 0, -1) + 1 :]
        while wanted and written(wanted[0]) <= last:
            at = first_row(data, written(wanted[0]))
            self.before[wanted.pop(0)] = self.rows + data.count(b"\n", 0, at)
        self.rows += count_of(data)


def count_of(lines: bytes) -> int:
    """How many lines these are; the last may have no end."""
    return lines.count(b"\n") + (not lines.endswith(b"\n"))


async def open_whole(log: PinnedLog) -> Answer:
    """The log, open at its first byte. Raises ShimError."""
    answer = await log.open("")
    if answer.status != 200:
        await answer.close()
        raise another_part()
    return answer


async def whole_lines(answer: Answer) -> AsyncGenerator[bytes, None]:
    """An open log in chunks of whole lines, its last line as it is; then closed. Raises BrokenBody."""
    rest = b""
    try:
        while data := await answer.read(CHUNK):
            end = data.rfind(b"\n") + 1
            if end:
                yield rest + data[:end]
            rest = data[end:] if end else rest + data
        if rest:
            yield rest
    finally:
        await answer.close()
