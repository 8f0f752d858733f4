"""A running job's log as it grows, byte for byte a part of the final download: from its beginning or its last lines on.

Rules: one task from the first byte to the last (pinned_log.py), read by `Range: bytes=N-` from where the last answer
ended; 416 means nothing new. Given out are whole rows only: a line that has not ended yet, and one that an error page
may have run into (a log that is just being moved to storage can break off into one), is read again. A lost connection
is opened anew at the same place, up to `LOSSES` times in a row without a new line. It ends when, with the job's status
final, two reads one interval apart gave nothing new; whatever else goes wrong breaks it off, so that it is never taken
for whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from ..errors import NoLog, NotForgejo, NotNow, PageChanged, RunAgain, ServerRefusal, StillRunning, Unreachable
from ..rows import ROWS, sound
from ..transport import CHUNK, Answer, BrokenBody, Transport
from ..webui.grammar import part_of
from .log_tail import tail_begin
from .pinned_log import PinnedLog

INTERVAL = 2.0  # seconds between two reads
LOSSES = 5
TWICE = 2  # reads without anything new, after the end
PAGE = b"<!DOCTYPE"  # how an error page of Forgejo's begins
BROKEN = (BrokenBody, OSError, ServerRefusal, Unreachable, NotNow, NotForgejo, PageChanged)


async def follow(
    net: Transport,
    log: PinnedLog,
    still_allowed: Callable[[], Awaitable[None]],
    *,
    tail: int | None = None,
    start: int = 0,
    losses: int = LOSSES,
) -> tuple[AsyncIterator[bytes], Answer | None]:
    """The rows as they come, once the log is there, and the open answer that they begin with.

    `tail`: begin with so many last lines; `start`: with the row at that byte. `still_allowed` raises when the caller
    may no longer read it; `losses` are the failed reads in a row that are tried again. Raises ShimError.
    """
    first: Answer | None = None
    begin = start
    try:
        await log.pin()
        begin = (await tail_begin(log, tail))[0] if tail else begin
        first = await log.open(f"bytes={begin}-")
    except NoLog:  # taken, and no row yet
        if await log.is_over():
            raise
        tail = None
    return _follow(net, log, still_allowed, first, _Reading(begin), tail, losses), first


async def _follow(
    net: Transport,
    log: PinnedLog,
    still_allowed: Callable[[], Awaitable[None]],
    answer: Answer | None,
    reading: _Reading,
    tail: int | None,
    losses: int,
) -> AsyncIterator[bytes]:
    failures = quiet = 0
    over = asked_again = False
    while quiet < TWICE:
        before = reading.at
        try:
            if asked_again:
                await still_allowed()
            asked_again = True
            with suppress(NoLog):  # none yet, or on its way to the storage
                if tail and not answer and not reading.has_begun:  # what was read as its end may be none of it
                    before = reading.at = (await tail_begin(log, tail))[0]
                answer = answer or await log.open(f"bytes={before}-")
                async for rows in reading.rows(answer):
                    yield rows
            quiet = quiet + 1 if over and reading.at == before else 0
            over = over or (reading.at == before and await log.is_over())
            failures = 0
        except BROKEN as error:
            failures = failures + 1 if reading.at == before else 1
            if failures > losses or not may_heal(error):
                raise
        finally:
            if answer:
                await answer.close()
            answer = None
        if quiet < TWICE:
            await net.sleep(INTERVAL)


def may_heal(error: Exception) -> bool:
    """Whether the same read may succeed a moment later: not if the caller may read no longer, or the job was rerun."""
    if isinstance(error, ServerRefusal):
        return error.status >= 500 or error.status == 429
    return not isinstance(error, RunAgain | StillRunning)


class _Reading:
    """How far a log was given out, in bytes, and a last row that is to be seen twice before it is."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.has_begun = False
        self._doubted = b""

    async def rows(self, answer: Answer) -> AsyncIterator[bytes]:
        """The whole rows of an answer from here on, in pieces. Raises BrokenBody, PageChanged."""
        part = part_of(answer.headers)
        if answer.status == 416:
            return
        if (part and part[0] != self.at) or (not part and (answer.status != 200 or self.at)):
            raise PageChanged(f"the log was asked for from byte {self.at} on, and something else came")
        data = b""
        while more := await answer.read(CHUNK):
            data += more
            rows, rest = sound(data)
            self.at += rows
            if rows:
                self.has_begun = True
                yield data[:rows]
                data = data[rows:]
            if not rest:
                raise PageChanged("the log breaks off into something else")
        if data and ROWS.fullmatch(data):
            if PAGE not in data or data == self._doubted:
                self.at += len(data)
                self.has_begun = True
                yield data
            self._doubted = data
