"""The last lines of a log: where they begin, found by reading it backwards from its end.

Rules: an unfinished line counts as a line. All reads of more than one are of one task (pinned_log.py).
"""

from __future__ import annotations

from ..errors import PageChanged
from ..rows import last_lines, line_feed
from ..transport import Answer, read_all
from ..webui.grammar import part_of
from .pinned_log import PinnedLog, another_part

FIRST = 64 * 1024  # bytes of the end of a log that are read first
BLOCK = 1024 * 1024  # bytes of a log that are looked through at once


async def log_tail(log: PinnedLog, count: int) -> tuple[bytes | Answer, int | None]:
    """The last `count` lines: out of the log's last bytes if they are in there, else an open answer and its size."""
    data, start, _ = await _end(log, min(max(FIRST, count * 128), BLOCK))
    begin = last_lines(data, count)
    if begin is not None or start == 0:
        return data[begin or 0 :], None
    await log.pin()
    start, size = await tail_begin(log, count)
    answer = await log.open(f"bytes={start}-{size - 1}")
    if (part_of(answer.headers) or ())[:2] != (start, size - 1):
        await answer.close()
        raise another_part()
    return answer, size - start


async def tail_begin(log: PinnedLog, count: int) -> tuple[int, int]:
    """Where the last `count` lines of a pinned log begin, and its size, both in bytes."""
    data, start, size = await _end(log, BLOCK)
    missing = count + data.endswith(b"\n")  # line feeds from the end to the one before the first line
    while (inside := data.count(b"\n")) < missing and start:
        missing -= inside
        begin = max(0, start - BLOCK)
        data, start = await _block(log, begin, start), begin
    if inside >= missing:
        start += line_feed(data, inside - missing + 1) + 1
    return start, size


async def _end(log: PinnedLog, length: int) -> tuple[bytes, int, int]:
    """The last bytes of a log, where they begin, and its size. A log without a byte has no range at all."""
    answer = await log.open(f"bytes=-{length}")
    part = part_of(answer.headers)
    if answer.status == 416 or (answer.status == 200 and answer.headers.get("Content-Length") == "0"):
        await answer.close()
        return b"", 0, 0
    if answer.status != 206 or part is None:
        await answer.close()
        raise PageChanged("the end of a log was asked for, and something else came")
    return await read_all(answer, length, "the end of a log"), part[0], part[2]


async def _block(log: PinnedLog, start: int, stop: int) -> bytes:
    answer = await log.open(f"bytes={start}-{stop - 1}")
    part = part_of(answer.headers)
    data = await read_all(answer, BLOCK, "a part of a log")
    if part is None or part[:2] != (start, stop - 1) or len(data) != stop - start:
        raise another_part()
    return data
